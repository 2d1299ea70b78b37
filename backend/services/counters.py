"""Counts that all workers and instances share: in PostgreSQL, by the fast lane, or in Redis with PostgreSQL behind it.

Importing this takes 25 ms, of which a start need not know: it is imported when first needed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import uniform
from time import monotonic, time
from typing import Any, Protocol, cast

import asyncpg
import structlog
from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    BigInteger,
    Boolean,
    Float,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy import literal_column as literal
from sqlalchemy.dialects.postgresql import INTERVAL, insert
from sqlmodel import col

from backend.database.fast_lane import FastLane, Row, Statement
from backend.domain.errors import DatabaseUnavailable
from backend.domain.throttling import Change
from backend.models.rate_limits import RateLimit

log = structlog.get_logger()

REDIS_TIMEOUT = 0.25
"""Seconds that Redis may take to answer, or to be reached."""

REDIS_REST = 10.0
"""Seconds for which Redis is left alone after it did not answer."""

PURGED_AT_ONCE = 8
"""Expired rows that each statement removes: more than it can add, so that they cannot pile up."""


class Counts(Protocol):
    """Each call counts for good, whatever becomes of the request."""

    async def count(self, changes: Sequence[Change], known: str = "") -> Mapping[str, int]:
        """The counts that were changed. What is for new ones only is left out when there is a count of `known`."""

    async def seconds_left(self, key: str) -> float:
        """Until the count is forgotten."""


_EXPIRED = col(RateLimit.expires_at) <= func.now()
_LONG_AGO = literal("timestamptz '-infinity'", TIMESTAMP(timezone=True))
_NOTHING = literal("0", BigInteger())


def _changing() -> Statement:
    keys, *others = (bindparam(name, type_=ARRAY(Text)) for name in ("keys", "amounts", "seconds", "new_only"))
    # As text: the driver would look up the types of other arrays, on each new connection, for 30 ms and more.
    changes = func.unnest(keys, *others).table_valued("key", "amount", "seconds", "new_only").render_derived("change")
    outdated = (
        select(col(RateLimit.key))
        .where(_EXPIRED, col(RateLimit.key) != func.all(keys))
        .order_by(col(RateLimit.expires_at))
        .limit(literal(str(PURGED_AT_ONCE), Integer()))
        .with_for_update(skip_locked=True)
    )
    # As an array, so that no plan looks at the whole table for them.
    purge = (
        delete(RateLimit).where(col(RateLimit.key) == func.any(func.array(outdated.scalar_subquery()))).cte("purged")
    )
    known = exists(select(1).where(col(RateLimit.key) == bindparam("known", type_=Text()), ~_EXPIRED))
    amount = sql_cast(changes.c.amount, BigInteger)
    lasting = sql_cast(changes.c.seconds, BigInteger) * literal("interval '1 second'", INTERVAL())
    new = insert(RateLimit).from_select(
        ["key", "count", "expires_at"],
        # What forgets or takes back is over in everybody's eyes: also of a statement that began before it, and waited.
        select(changes.c.key, amount, case((amount > _NOTHING, func.now() + lasting), else_=_LONG_AGO)).where(
            or_(~sql_cast(changes.c.new_only, Boolean), ~known)
        ),
        include_defaults=False,
    )
    added = new.excluded.count
    anew = or_(added == _NOTHING, and_(added > _NOTHING, _EXPIRED))
    changed = new.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "count": case((anew, added), else_=func.greatest(col(RateLimit.count) + added, _NOTHING)),
            "expires_at": case((anew, new.excluded.expires_at), else_=col(RateLimit.expires_at)),
        },
    )
    return Statement(changed.returning(col(RateLimit.key), col(RateLimit.count)).add_cte(purge))


_CHANGE = _changing()
_LEFT = func.extract("epoch", col(RateLimit.expires_at) - func.now()).cast(Float)
_READ_LEFT = Statement(
    select(_LEFT.label("left")).where(col(RateLimit.key) == bindparam("key", type_=Text()), ~_EXPIRED)
)


DEADLOCKS = 2
"""How many are put up with before one is an error."""


def _counted(rows: Sequence[Row]) -> Mapping[str, int]:
    return {row["key"]: int(row["count"]) for row in rows}


class PostgresCounts:
    """Fixed windows in the table `rate_limits`; each call is one statement. Raises as the fast lane does."""

    def __init__(self, lane: FastLane) -> None:
        self._lane = lane

    async def count(self, changes: Sequence[Change], known: str = "") -> Mapping[str, int]:
        # Whoever changes the same counts at the same time takes them in the same order.
        keys, seconds, amounts, new_only = (list(map(str, values)) for values in zip(*sorted(changes), strict=True))
        values = {"keys": keys, "seconds": seconds, "amounts": amounts, "new_only": new_only, "known": known}
        for _ in range(DEADLOCKS):
            try:
                return _counted(await self._lane.fetch(_CHANGE, values))
            except DatabaseUnavailable as error:
                # What is over is removed in another order: SKIP LOCKED waits where a row changes as it is looked at.
                if not isinstance(error.__cause__, asyncpg.DeadlockDetectedError):
                    raise
            # Whoever waited for us goes first: at once again, we would lock what they are about to lock.
            await asyncio.sleep(uniform(0.02, 0.1))  # noqa: S311 - no secret
        return _counted(await self._lane.fetch(_CHANGE, values))

    async def seconds_left(self, key: str) -> float:
        row = await self._lane.fetch_one(_READ_LEFT, {"key": key})
        return float(row["left"]) if row else 0.0


class _RedisCounts:
    def __init__(self, url: str) -> None:
        self._redis = RedisStorage(
            f"async+{url}",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="donewell",
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
        )

    async def count(self, changes: Sequence[Change], known: str = "") -> Mapping[str, int]:
        is_new = not (known and await self._redis.get(known))
        made = [change for change in changes if is_new or not change.new_only]
        return dict(zip((change.key for change in made), await asyncio.gather(*map(self._make, made)), strict=True))

    async def _make(self, change: Change) -> int:
        amount = change.amount
        if amount == 0:
            await self._redis.clear(change.key)
        elif amount < 0:
            # No more than there is; two who take back at once could, and one attempt more is then free.
            amount = -min(-amount, await self._redis.get(change.key))
        return await self._redis.incr(change.key, change.seconds, amount) if amount else 0

    async def seconds_left(self, key: str) -> float:
        return await self._redis.get_expiry(key) - time()

    async def close(self) -> None:
        await cast(Any, self._redis.bridge).get_connection().aclose()


class RedisBeforePostgres:
    """Counts in Redis; while that does not answer, in PostgreSQL, without which nobody could sign in anyway.

    So attempts are counted whatever is down, and what an attacker gains by it is one more round of free ones.
    """

    def __init__(self, url: str, postgres: PostgresCounts) -> None:
        self._postgres = postgres
        self._redis = _RedisCounts(url)
        self._left_alone_until = 0.0

    async def count(self, changes: Sequence[Change], known: str = "") -> Mapping[str, int]:
        return await self._ask(lambda counts: counts.count(changes, known))

    async def seconds_left(self, key: str) -> float:
        return await self._ask(lambda counts: counts.seconds_left(key))

    async def close(self) -> None:
        """Give up the connections to Redis."""
        await self._redis.close()

    async def _ask[Answer](self, question: Callable[[Counts], Awaitable[Answer]]) -> Answer:
        if monotonic() >= self._left_alone_until:
            try:
                async with asyncio.timeout(2 * REDIS_TIMEOUT):
                    return await question(self._redis)
            except (StorageError, TimeoutError) as error:
                self._left_alone_until = monotonic() + REDIS_REST
                log.warning("redis.unavailable", cause=type(error.__cause__ or error).__name__)
        return await question(self._postgres)
