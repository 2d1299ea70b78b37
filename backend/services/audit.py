"""The audit log: written in the transaction of what it tells of, never changed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal
from uuid import UUID

import asyncpg
from sqlalchemy import bindparam, func, insert, literal_column, select
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from backend.auth.principal import Caller, TokenInvalid
from backend.database.fast_lane import FastLane, Lane, Statement
from backend.domain.pagination import Page, Position
from backend.models.audit import AuditEntry
from backend.models.base import metadata
from backend.schemas.audit import AuditEntryRead
from backend.services.listing import Listing

type Event = Literal[
    "user.registered",
    "session.opened",
    "session.refused",
    "session.closed",
    "session.revoked",
    "token.created",
    "token.deleted",
    "feed.created",
    "feed.deleted",
    "user.exported",
    "tasks.exported",
    "tasks.imported",
    "trash.purged",
    "user.disabled",
    "user.enabled",
    "password.reset_requested",
    "password.reset",
    "password.changed",
    "password.refused",
    "email.verified",
    "email.change_requested",
    "email.changed",
]
"""What can happen; docs/operations.md lists when. The names are those of the same events in the log."""

_AUDIT_LOG = metadata.tables["audit_log"]
_WRITTEN = [_AUDIT_LOG.c[name] for name in ("id", "event", "address", "device", "request_id", "details")]
_USER_ID = metadata.tables["users"].c.id
# Who is just leaving is waited for, and then is not there.
_RECORD = Statement(
    insert(_AUDIT_LOG)
    .from_select(
        ["user_id", "grant_id", *(column.name for column in _WRITTEN)],
        select(_USER_ID, *(bindparam(column.name, type_=column.type) for column in (_AUDIT_LOG.c.grant_id, *_WRITTEN)))
        .where(bindparam("user_id", type_=_USER_ID.type) == _USER_ID)
        .with_for_update(read=True, key_share=True),
    )
    .returning(_AUDIT_LOG.c.id)
)
_HOLD = Statement(
    select(_USER_ID)
    .where(bindparam("user_id", type_=_USER_ID.type) == _USER_ID)
    .with_for_update(read=True, key_share=True)
)
# Written soon after: to wait for the disk takes longer than all else, and would tell who has an account.
_UNHURRIED = func.set_config("synchronous_commit", "off", literal_column("true"))
_RECORD_REFUSAL = Statement(
    insert(_AUDIT_LOG).from_select(
        ["user_id", *(column.name for column in _WRITTEN)],
        select(_USER_ID, *(bindparam(column.name, type_=column.type) for column in _WRITTEN)).where(
            bindparam("user_id", type_=_USER_ID.type) == _USER_ID, _UNHURRIED.is_not(None)
        ),
    )
)
_ENTRIES = Listing(_AUDIT_LOG, [_AUDIT_LOG.c[name] for name in AuditEntryRead.model_fields])


class AuditLog:
    """One owner's audit log, to read."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner

    async def list(self, limit: int, after: Position | None) -> Page:
        """A page of what happened, the newest first."""
        page = await _ENTRIES.page(self._lane, self._owner, limit, after)
        # The driver gives jsonb as text.
        rows = [{**row, "details": json.loads(row["details"])} for row in page.rows]
        return Page(rows, page.next_cursor)


def record(
    session: AsyncSession, event: Event, user_id: UUID, caller: Caller, grant_id: UUID | None = None, **details: Any
) -> None:
    """Add an entry to the transaction: it is there if what it tells of is. `details` are no secrets and no text."""
    session.add(
        AuditEntry(
            user_id=user_id,
            id=uuid7(),
            event=event,
            grant_id=grant_id,
            address=caller.address,
            device=caller.device,
            request_id=caller.request_id,
            details=details,
        )
    )


async def hold(transaction: Lane, user_id: UUID) -> None:
    """Keep the user from leaving until the transaction ends, which is to have an entry: before it locks their rows, as
    whoever leaves does too. Raises `TokenInvalid` when they have gone.
    """
    if not await transaction.fetch(_HOLD, {"user_id": user_id}):
        raise TokenInvalid


async def write(
    lane: Lane, event: Event, user_id: UUID, caller: Caller, grant_id: UUID | None = None, **details: Any
) -> None:
    """As `record`, for what goes by the fast lane: in its transaction, or at once where that has none.

    Raises `TokenInvalid` when the user has gone.
    """
    if not await lane.fetch(_RECORD, {**_values(event, user_id, caller, details), "grant_id": grant_id}):
        raise TokenInvalid


async def record_refusal(lane: FastLane, event: Event, user_id: UUID | None, caller: Caller, **details: Any) -> None:
    """Add an entry in a transaction of its own. For nobody (`user_id` None, or whose account is just being deleted) the
    same is sent and nothing written, and neither waits for the disk: how long it takes tells no stranger who is known.
    If the database's machine crashes, entries of the last second may be lost.
    """
    values = _values(event, user_id or uuid7(), caller, details)
    # The statement found the user, and then they were gone.
    with suppress(asyncpg.ForeignKeyViolationError):
        await lane.fetch(_RECORD_REFUSAL, values)


def _values(event: Event, user_id: UUID, caller: Caller, details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "id": uuid7(),
        "event": event,
        "address": caller.address,
        "device": caller.device,
        "request_id": caller.request_id,
        "details": json.dumps(details),
    }
