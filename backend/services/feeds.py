"""Calendar feeds: made, listed and deleted by their user, and read by whoever has the address."""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Integer, bindparam, delete, func, select, tuple_
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from backend.auth.feed_secrets import has_form, hash_of, new_secret
from backend.auth.principal import Caller, Principal, TokenInvalid
from backend.database.fast_lane import FastLane, Row, Statement
from backend.database.session import Database
from backend.domain.errors import Conflict, NotFound
from backend.domain.pagination import Page, Position
from backend.models.base import metadata
from backend.models.feeds import Feed
from backend.schemas.feeds import FeedCreate
from backend.services import audit
from backend.services.listing import Listing
from backend.services.owned import OWNER
from backend.services.revocations import Revocations

log = structlog.get_logger()

MOST = 20
"""Feeds that a user may have at once."""

MOST_EVENTS = 10_000
"""Tasks that a feed shows: those that are due first."""

AT_ONCE = 50
"""Of these, in memory and written before others have their turn: some 20 ms."""

_F, _T, _U, _R = (metadata.tables[name].c for name in ("feeds", "tasks", "users", "revisions"))
_FEEDS = Listing(_F.id.table, [_F.id, _F.name, _F.created_at])
FIND = Statement(
    select(_F.user_id, _F.name, _R.revision)
    .join(_U.id.table, _U.id == _F.user_id)
    .join(_R.user_id.table, _R.user_id == _F.user_id)
    .where(_F.secret_hash == bindparam("secret_hash", type_=_F.secret_hash.type), _U.disabled_at.is_(None))
)
_AT, _ID = (bindparam(name, type_=column.type) for name, column in (("at", _T.overdue_at), ("id", _T.id)))
# By an index on exactly this: of what is completed, however much it is, none is looked at.
DUE = Statement(
    select(
        *(_T[name] for name in ("id", "title", "description", "priority", "labels", "updated_at")),
        *(_T[name] for name in ("due_date", "due_time", "time_zone")),
        *(_T[name] for name in ("recurrence_rule", "recurrence_anchor", "recurrence_start", "overdue_at")),
    )
    .where(
        _T.user_id == OWNER,
        _T.deleted_at.is_(None),
        _T.completed_at.is_(None),
        tuple_(_T.overdue_at, _T.id) > tuple_(_AT, _ID),
    )
    .order_by(_T.completed_at, _T.overdue_at, _T.id)
    .limit(bindparam("rows", type_=Integer()))
)

_FIRST = datetime.min.replace(tzinfo=UTC)
"""To the driver, minus infinity."""


class FeedNotFound(NotFound):
    code = "feed_not_found"
    title = "There is no such feed"


class TooManyFeeds(Conflict):
    code = "too_many_feeds"
    title = f"There are {MOST} feeds already; delete one"


class FeedService:
    """One owner's feeds. It opens its own transactions."""

    def __init__(self, database: Database, revocations: Revocations, owner: UUID) -> None:
        self._database = database
        self._revocations = revocations
        self._owner = owner

    async def create(self, who: Principal, new: FeedCreate, caller: Caller) -> Row:
        """A new feed, whose address is nowhere to be had again.

        Raises `TooManyFeeds`, or `TokenRevoked` when who asks is out by now.
        """
        secret = new_secret()
        feed = Feed(user_id=self._owner, id=uuid7(), name=new.name, secret_hash=hash_of(secret))
        async with self._database.begin() as session:
            await self._make_room(session)
            # With the user locked: whoever ends what this rests on has done so, or then removes the feed too.
            await self._revocations.confirm(session, who.grant_id)
            session.add(feed)
            audit.record(session, "feed.created", self._owner, caller, feed.id, by=str(who.grant_id))
        log.info("feed.created", feed_id=str(feed.id))
        return {"id": feed.id, "name": feed.name, "created_at": feed.created_at, "path": f"/feeds/{secret}.ics"}

    async def list(self, limit: int, after: Position | None) -> Page:
        """A page of the feeds, the newest first."""
        return await _FEEDS.page(self._database.fast, self._owner, limit, after)

    async def delete(self, feed_id: UUID, caller: Caller) -> None:
        """Delete a feed: from now on there is nothing at its address. Raises `FeedNotFound`."""
        mine = (col(Feed.user_id) == self._owner, col(Feed.id) == feed_id)
        async with self._database.begin() as session:
            deleted = await session.exec(delete(Feed).where(*mine).returning(col(Feed.id)))
            if deleted.scalar_one_or_none() is None:
                raise FeedNotFound
            audit.record(session, "feed.deleted", self._owner, caller, feed_id)
        log.info("feed.deleted", feed_id=str(feed_id))

    async def _make_room(self, session: AsyncSession) -> None:
        """Raises `TooManyFeeds`. Locks the user, so that two at once wait for one another."""
        there = select(func.count()).where(_F.user_id == self._owner).scalar_subquery()
        user = (
            select(there)
            .where(_U.id == self._owner, _U.disabled_at.is_(None))
            .with_for_update(key_share=True, of=_U.id.table)
        )
        count = (await (await session.connection()).execute(user)).scalar_one_or_none()
        if count is None:
            raise TokenInvalid
        if count >= MOST:
            raise TooManyFeeds


async def find(lane: FastLane, secret: str) -> Row:
    """Whose feed it is, what it is called, and up to which change. Raises `FeedNotFound`."""
    row = await lane.fetch_one(FIND, {"secret_hash": hash_of(secret)}) if has_form(secret) else None
    if row is None:
        raise FeedNotFound
    return row


async def due_tasks(lane: FastLane, feed: Row) -> AsyncGenerator[Sequence[Row]]:
    """The open tasks with a due date, the first due first and some at a time, and not more than `MOST_EVENTS`.

    It is no snapshot; what changes meanwhile changes the feed's `ETag`, and is in it the next time.
    """
    values: dict[str, Any] = {"owner": feed["user_id"], "at": _FIRST, "id": UUID(int=0)}
    for there in range(0, MOST_EVENTS, AT_ONCE):
        rows = await lane.fetch(DUE, {**values, "rows": min(AT_ONCE, MOST_EVENTS - there)})
        if rows:
            yield rows
        if len(rows) < AT_ONCE:
            return
        values |= {"at": rows[-1]["overdue_at"], "id": rows[-1]["id"]}
