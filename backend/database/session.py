"""The database as the application sees it: two lanes on one driver, each behind its gate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.fast_lane import FastLane, Pool
from backend.database.gate import Gate
from backend.database.migrate import APPLIED, head
from backend.database.url import translate
from backend.domain.errors import DatabaseUnavailable

log = structlog.get_logger()

type _Connection = asyncpg.Connection[asyncpg.Record]


async def _keep_as_it_is(_: Any) -> None:
    """Fast-lane statements leave no session state behind, so returning a connection need not cost a round trip."""


class Database:
    """Opens connections lazily and gives them back always; survives the database going away and coming back.

    `fast` runs single statements; `begin()` opens a transaction on a session. A service uses one or the other.
    """

    def __init__(self, url: str, *, pool_size: int, queue_limit: int, timeout: float) -> None:
        target = translate(url)
        self._arguments: dict[str, Any] = {"timeout": timeout, "command_timeout": timeout, **target.arguments}
        self._engine = self._create_engine(pool_size, pooled=target.pooled)
        self._sessions = async_sessionmaker(self._engine, class_=AsyncSession, expire_on_commit=False)
        self._session_gate = Gate(pool_size, queue_limit, timeout)
        self._fast_gate = Gate(pool_size, queue_limit, timeout)
        self._pool_size = pool_size
        for note in target.notes:
            log.info("database.url_translated", note=note)

    def _create_engine(self, pool_size: int, *, pooled: bool) -> AsyncEngine:
        async def connect(**_: Any) -> _Connection:
            connection: _Connection = await asyncpg.connect(**self._arguments)
            return connection

        return create_async_engine(
            # Behind a transaction pooler a prepared statement may meet another server process.
            f"postgresql+asyncpg://?prepared_statement_cache_size={0 if pooled else 100}",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=0,
            # The text of an error ends up in the log, where what people wrote has no place.
            hide_parameters=True,
            # A connection that died while idle costs one round trip to notice, not a failed request.
            pool_pre_ping=True,
        )

    async def open(self) -> None:
        """Make ready. Connects to nothing: the database may be down, or asleep, when the server starts."""
        # Not before: asyncpg binds a pool to the event loop that it is created in.
        self._pool: Pool = await asyncpg.create_pool(
            min_size=0, max_size=self._pool_size, reset=_keep_as_it_is, **self._arguments
        )
        self.fast = FastLane(self._pool, self._fast_gate)

    async def close(self) -> None:
        """Give up every connection."""
        await self._pool.close()
        await self._engine.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises `Overloaded` or `DatabaseUnavailable` as the gate does.
        """
        async with self._session_gate.enter(), self._sessions.begin() as session:
            yield session

    async def check_ready(self) -> None:
        """Raises `DatabaseUnavailable` unless the database answers and is migrated to this version or beyond."""
        async with self._fast_gate.enter():
            try:
                applied = await self._pool.fetchval(APPLIED)
            except asyncpg.UndefinedTableError as error:
                raise DatabaseUnavailable("The database is not migrated") from error
        if applied is None or applied < head():
            raise DatabaseUnavailable("The database is not migrated to this version")

    def checked_out(self) -> int:
        """How many connections are in use or being waited for right now, over both lanes."""
        return self._session_gate.admitted + self._fast_gate.admitted
