"""Storages for the `limits` library: PostgreSQL, by the fast lane, and Redis with PostgreSQL behind it.

Importing this takes 25 ms, of which a start need not know: it is imported when first needed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import monotonic, time
from typing import Any, cast

import structlog
from limits.aio.storage import RedisStorage, Storage
from limits.errors import StorageError
from sqlalchemy import Float, Integer, String, any_, bindparam, case, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import INTERVAL, insert
from sqlmodel import col

from backend.database.fast_lane import FastLane, Statement
from backend.models.rate_limits import RateLimit

log = structlog.get_logger()

REDIS_TIMEOUT = 0.25
"""Seconds that Redis may take to answer, or to be reached."""

REDIS_REST = 10.0
"""Seconds for which Redis is left alone after it did not answer."""

PURGED_AT_ONCE = 2
"""Expired rows that each increment removes: more than it can add, so that they cannot pile up."""

_KEY = bindparam("key", type_=String())
_EXPIRES_AT = func.now() + bindparam("expiry", type_=INTERVAL())
_EXPIRED = col(RateLimit.expires_at) <= func.now()


def _increment() -> Statement:
    outdated = (
        select(col(RateLimit.key))
        .where(_EXPIRED, col(RateLimit.key) != _KEY)
        .order_by(col(RateLimit.expires_at))
        .limit(literal_column(str(PURGED_AT_ONCE), Integer()))
        .with_for_update(skip_locked=True)
    )
    # As an array, so that no plan looks at the whole table for them.
    found = any_(func.array(outdated.scalar_subquery()))
    purge = delete(RateLimit).where(col(RateLimit.key) == found).cte("purged")
    new = insert(RateLimit).values(key=_KEY, count=bindparam("amount"), expires_at=_EXPIRES_AT)
    counted = new.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "count": case((_EXPIRED, new.excluded.count), else_=col(RateLimit.count) + new.excluded.count),
            "expires_at": case((_EXPIRED, new.excluded.expires_at), else_=col(RateLimit.expires_at)),
        },
    )
    return Statement(counted.returning(col(RateLimit.count)).add_cte(purge))


_INCREMENT = _increment()
_LEFT = func.extract("epoch", col(RateLimit.expires_at) - func.now()).cast(Float)
_READ = Statement(select(col(RateLimit.count), _LEFT.label("left")).where(col(RateLimit.key) == _KEY, ~_EXPIRED))
_CLEAR = Statement(delete(RateLimit).where(col(RateLimit.key) == _KEY))
_CLEAR_ALL = Statement(delete(RateLimit))


class PostgresStorage(Storage):
    """Fixed windows in the table `rate_limits`: each call is a transaction of its own, whatever becomes of the request.

    Raises as the fast lane does.
    """

    STORAGE_SCHEME = None

    def __init__(self, lane: FastLane) -> None:
        super().__init__()
        self._lane = lane

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """None of this storage's own."""
        return ()

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """The count, with `amount` added. The first to count decides how many seconds the count lasts."""
        values = {"key": key, "amount": amount, "expiry": timedelta(seconds=expiry)}
        row = await self._lane.fetch_one(_INCREMENT, values)
        return int(row["count"]) if row else 0

    async def get(self, key: str) -> int:
        """The count."""
        row = await self._lane.fetch_one(_READ, {"key": key})
        return int(row["count"]) if row else 0

    async def get_expiry(self, key: str) -> float:
        """When the count is forgotten, as this machine's clock will tell it (Unix seconds)."""
        row = await self._lane.fetch_one(_READ, {"key": key})
        return time() + (float(row["left"]) if row else 0.0)

    async def check(self) -> bool:
        """Whether the table can be read."""
        await self.get("")
        return True

    async def reset(self) -> int | None:
        """Forget everything."""
        await self._lane.fetch(_CLEAR_ALL, {})
        return None

    async def clear(self, key: str) -> None:
        """Forget a count."""
        await self._lane.fetch(_CLEAR, {"key": key})


class RedisBeforePostgres(Storage):
    """Counts in Redis; while that does not answer, in PostgreSQL, without which nobody could sign in anyway.

    So attempts are counted whatever is down, and what an attacker gains by it is one more round of free ones.
    """

    STORAGE_SCHEME = None

    def __init__(self, url: str, postgres: PostgresStorage) -> None:
        super().__init__()
        self._postgres = postgres
        self._redis = RedisStorage(
            f"async+{url}",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="donewell",
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
        )
        self._left_alone_until = 0.0

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """None of this storage's own."""
        return ()

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """As with `PostgresStorage`."""
        return await self._ask(lambda storage: storage.incr(key, expiry, amount))

    async def get(self, key: str) -> int:
        """As with `PostgresStorage`."""
        return await self._ask(lambda storage: storage.get(key))

    async def get_expiry(self, key: str) -> float:
        """As with `PostgresStorage`."""
        return await self._ask(lambda storage: storage.get_expiry(key))

    async def check(self) -> bool:
        """As with `PostgresStorage`."""
        return await self._ask(lambda storage: storage.check())

    async def reset(self) -> int | None:
        """As with `PostgresStorage`."""
        return await self._ask(lambda storage: storage.reset())

    async def clear(self, key: str) -> None:
        """As with `PostgresStorage`."""
        await self._ask(lambda storage: storage.clear(key))

    async def close(self) -> None:
        """Give up the connections to Redis."""
        await cast(Any, self._redis.bridge).get_connection().aclose()

    async def _ask[Answer](self, question: Callable[[Storage], Awaitable[Answer]]) -> Answer:
        if monotonic() >= self._left_alone_until:
            try:
                async with asyncio.timeout(2 * REDIS_TIMEOUT):
                    return await question(self._redis)
            except (StorageError, TimeoutError) as error:
                self._left_alone_until = monotonic() + REDIS_REST
                log.warning("redis.unavailable", cause=type(error.__cause__ or error).__name__)
        return await question(self._postgres)
