"""Maintenance: removes for good what is long over, a batch at a time.

Each table is walked along an index that is there anyway, from where the last batch ended. What somebody is using at the
moment is passed over until the next time; so any number of processes may do this at once.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import uniform
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import ColumnElement, Integer, Table, bindparam, delete, func, literal_column, select
from sqlalchemy import tuple_ as row_of
from sqlalchemy.dialects.postgresql import INTERVAL

from backend.database.fast_lane import FastLane, Row, Statement
from backend.domain.errors import Unavailable
from backend.models.base import metadata
from backend.services.revocations import Revocations
from backend.services.trash import REPLANNED

log = structlog.get_logger()

BATCH = 1_000
"""Rows that a statement looks at."""

OVER_KEPT_FOR = timedelta(days=30)
"""How long a session that is over, and a link that has expired, stay: so long they may tell what has happened."""

EVERY = 3600.0
"""Seconds from one time to the next within a server, and up to a quarter more, so that several do not meet."""

FIRST_AFTER = 300.0
"""Seconds after the start of a server before the first time, and up to twice as many more."""

LONGEST = 10.0
"""Seconds that one time takes within a server. The next time goes on where it ended."""

TASK = "maintenance"
"""The name of the task within a server."""

_KEPT_FOR = bindparam("kept_for", type_=INTERVAL())
_LOWEST: Mapping[str, Any] = {
    "user_id": UUID(int=0),
    "id": UUID(int=0),
    "deleted_at": datetime(1, 1, 2, tzinfo=UTC),
    "purpose": "",
}
"""Before every place."""


class _Walk:
    """A walk along the key of an index over the rows of a table, which removes those that are over."""

    def __init__(self, name: str, key: Sequence[str], over_since: ColumnElement[Any], batch: int) -> None:
        self.name = name
        self.trash = "deleted_at" in key
        self.batch = batch
        self._key = key
        self.first = {f"after_{column}": _LOWEST[column] for column in key}
        self.statement = Statement(_walking(metadata.tables[name], key, over_since, batch))

    def after(self, row: Row) -> Mapping[str, Any]:
        return {f"after_{column}": row[column] for column in self._key}


def _walking(table: Table, key: Sequence[str], over_since: ColumnElement[Any], batch: int) -> Any:
    columns = [table.c[column] for column in key]
    place = row_of(*(bindparam(f"after_{column.name}", type_=column.type) for column in columns))
    walked = select(*columns, (over_since < func.now() - _KEPT_FOR).label("over"))
    if "deleted_at" in key:
        walked = walked.where(table.c.deleted_at.is_not(None))
    seen = (
        walked.where(row_of(*columns) > place)
        .order_by(*columns)
        # Written out: who plans without the number takes it for a tenth of the table, and reads all of it.
        .limit(literal_column(str(batch), Integer()))
        .cte("seen")
        .prefix_with("MATERIALIZED")
    )
    primary = list(table.primary_key.columns)
    same = [column == seen.c[column.name] for column in primary]
    # Asked anew of what is locked: meanwhile somebody may have brought it back.
    still = [over_since < func.now() - _KEPT_FOR]
    locked = (
        select(*primary).where(*same, seen.c.over, *still).with_for_update(of=table, skip_locked=True).cte("locked")
    )
    gone = (
        delete(table).where(*(column == locked.c[column.name] for column in primary)).returning(primary[0]).cte("gone")
    )
    last = select(*seen.c).order_by(*(seen.c[column].desc() for column in key)).limit(1).subquery("last")
    counts = [select(func.count()).select_from(each).scalar_subquery().label(each.name) for each in (seen, gone)]
    return select(*(last.c[column] for column in key), *counts, REPLANNED).select_from(last)


@lru_cache
def walks(batch: int = BATCH) -> Sequence[_Walk]:
    """What there is to walk along, so many rows at a time."""
    trash = ("user_id", "deleted_at", "id")
    sessions, links = metadata.tables["sessions"].c, metadata.tables["one_time_tokens"].c
    over_since = func.least(sessions.revoked_at, sessions.idle_expires_at, sessions.expires_at)
    return (
        *(
            _Walk(name, trash, metadata.tables[name].c.deleted_at, batch)
            for name in ("task_occurrences", "tasks", "projects", "labels", "filters")
        ),
        _Walk("sessions", ("user_id", "id"), over_since, batch),
        _Walk("one_time_tokens", ("user_id", "purpose"), links.expires_at, batch),
    )


class Maintenance:
    """Removes what has been in the trash for longer than `retention`, and what else is long over."""

    def __init__(self, lane: FastLane, retention: timedelta, batch: int = BATCH) -> None:
        self._lane = lane
        self._walks = walks(batch)
        self._retention = retention

    async def run(self) -> Mapping[str, int]:
        """Remove all of it; gives how many rows of which tables that were. Raises as `batches` does."""
        removed: Counter[str] = Counter()
        try:
            async for name, count in self.batches():
                removed[name] += count
        finally:
            _tell(removed)
        return +removed

    async def batches(self) -> AsyncIterator[tuple[str, int]]:
        """Remove it batch by batch; gives of each the table, and how many rows.

        A table that refuses is left until the next time; once the others are done, raises what it said. Raises
        as the database's gate does.
        """
        refused: asyncpg.PostgresError | None = None
        for walk in self._walks:
            kept_for = self._retention if walk.trash else OVER_KEPT_FOR
            place: Mapping[str, Any] | None = walk.first
            while place is not None:
                values = {"kept_for": kept_for, **place}
                try:
                    row = await self._lane.fetch_one(walk.statement, values)
                except asyncpg.PostgresError as error:
                    log.warning("maintenance.refused", table=walk.name, sqlstate=error.sqlstate)
                    refused = error
                    break
                yield walk.name, row["gone"] if row else 0
                place = walk.after(row) if row and row["seen"] == walk.batch else None
        if refused is not None:
            raise refused


class PeriodicMaintenance:
    """Maintenance within a server, between `start` and `stop`.

    Nothing is asked of a database that nobody has asked anything since the last time: it may sleep.
    """

    def __init__(self, maintenance: Maintenance, revocations: Revocations) -> None:
        self._maintenance = maintenance
        self._revocations = revocations
        self._batches: AsyncIterator[tuple[str, int]] | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._run(), name=TASK)

    async def stop(self) -> None:
        """What a batch has not removed yet stays until another time."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def once(self) -> Mapping[str, int]:
        """Go on for `LONGEST` seconds at most; gives what was removed."""
        removed: Counter[str] = Counter()
        until = monotonic() + LONGEST
        self._batches = self._batches or self._maintenance.batches()
        try:
            while (begun := monotonic()) < until:
                name, count = await anext(self._batches)
                removed[name] += count
                # As long as it took: the connections are there for requests.
                await asyncio.sleep(monotonic() - begun)
        except StopAsyncIteration:
            self._batches = None
        except Exception:
            self._batches = None
            raise
        finally:
            _tell(removed)
        return +removed

    async def _run(self) -> None:
        await asyncio.sleep(FIRST_AFTER * uniform(1, 3))  # noqa: S311 - no secret
        done_at = 0.0
        while True:
            if (self._revocations.asked_at or 0.0) > done_at:
                done_at = monotonic()
                try:
                    await self.once()
                except Unavailable as error:
                    log.warning("maintenance.delayed", code=error.code)
                except Exception:
                    log.exception("maintenance.failed")
            await asyncio.sleep(EVERY * uniform(1, 1.25))  # noqa: S311 - no secret


def _tell(removed: Counter[str]) -> None:
    """What was removed, if anything was."""
    if found := dict(+removed):
        log.info("maintenance.done", removed=found)
