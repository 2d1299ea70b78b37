"""The database as the application sees it: two lanes on one driver, each behind its gate."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, cast

import asyncpg
import msgspec
import structlog
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.fast_lane import Connection, FastLane
from backend.database.gate import GRACE, Gate, connecting
from backend.database.migrate import APPLIED, head
from backend.database.url import translate
from backend.domain.errors import DatabaseUnavailable, Overloaded

log = structlog.get_logger()

READY_FOR = 1.0
"""Seconds for which an answer to whether the database is ready is given again, whichever it was."""

GENERIC_PLANS = """
    SELECT set_config('plan_cache_mode', 'force_generic_plan', false) WHERE current_setting('plan_cache_mode') = 'auto'
"""
"""The plans of our statements do not depend on their values (tests hold them to it), and PostgreSQL may otherwise plan
a list anew each time: 50 µs instead of 29 where users differ much in size. No start-up parameter: poolers refuse it."""


class _Connection(asyncpg.Connection):
    """Says farewell within `GRACE`, whatever its pool allows: the database may be there and not answer."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  it is asyncpg's
        await super().close(timeout=GRACE if timeout is None else min(timeout, GRACE))


class Database:
    """Opens connections lazily and gives them back always; survives the database going away and coming back.

    `fast` runs single statements; `begin()` opens a transaction on a session. A service uses one or the other.
    """

    def __init__(self, url: str, *, pool_size: int, queue_limit: int, timeout: float) -> None:
        target = translate(url)
        arguments: dict[str, Any] = {"timeout": timeout, **target.arguments}

        async def connect(*_: Any, **__: Any) -> Connection:
            with connecting():
                connection = await asyncpg.connect(**arguments, connection_class=_Connection)
                await connection.set_type_codec("json", schema="pg_catalog", encoder=str, decoder=msgspec.Raw)
            if not target.pooled:
                try:
                    await connection.execute(GENERIC_PLANS)
                except BaseException:
                    connection.terminate()
                    raise
            return connection

        self._readiness: asyncio.Task[None] | None = None
        self._answered_at = 0.0
        self._last_call = timeout + 2 * GRACE
        self._gates = [Gate(pool_size, queue_limit, timeout) for _ in range(2)]
        self._session_gate, fast_gate = self._gates
        self.fast = FastLane(connect, fast_gate, pool_size)
        self._engine = create_async_engine(
            # Behind a transaction pooler a prepared statement may meet another server process.
            f"postgresql+asyncpg://?prepared_statement_cache_size={0 if target.pooled else 100}",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=0,
            # The text of an error ends up in the log, where what people wrote has no place.
            hide_parameters=True,
            # A connection that died while idle costs one round trip to notice, not a failed request.
            pool_pre_ping=True,
        )
        self._sessions = async_sessionmaker(self._engine, class_=AsyncSession, expire_on_commit=False)
        for note in target.notes:
            log.info("database.url_translated", note=note)

    async def open(self) -> None:
        """Make ready. Connects to nothing: the database may be down, or asleep, when the server starts."""
        await self.fast.open()

    async def close(self) -> None:
        """Give up every connection."""
        await self.fast.close()
        await self._engine.dispose()

    @asynccontextmanager
    async def begin(self, seconds: float | None = None) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises. `seconds` is what it may take,
        if that is more than `timeout`.

        Raises `Overloaded` or `DatabaseUnavailable` as the gate does.
        """
        try:
            # A session has more to tidy up than one connection: when that takes too long, it is told again to leave.
            async with (
                asyncio.timeout(self._last_call if seconds is None else seconds + 2 * GRACE),
                self._session_gate.enter(seconds),
                self._sessions.begin() as session,
            ):
                yield session
        except TimeoutError as error:
            raise Overloaded from error

    async def check_ready(self) -> None:
        """Raises `DatabaseUnavailable` unless the database answers and is migrated to this version or beyond, as of
        `READY_FOR` seconds ago at most: anybody may ask, as often as they like.
        """
        if self._readiness is None or (self._readiness.done() and monotonic() - self._answered_at >= READY_FOR):
            self._readiness = asyncio.create_task(self._ask_ready())
            self._readiness.add_done_callback(self._answered)
        # Shielded: others wait for the same, whoever goes away.
        await asyncio.shield(self._readiness)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answered_at = monotonic()
        # Nobody may have waited for it.
        if not task.cancelled():
            task.exception()

    async def _ask_ready(self) -> None:
        try:
            rows = await self.fast.run(APPLIED)
        except asyncpg.UndefinedTableError as error:
            raise DatabaseUnavailable("The database is not migrated") from error
        if not rows or rows[0]["version_num"] < head():
            raise DatabaseUnavailable("The database is not migrated to this version")

    def admitted(self) -> int:
        """How many requests use a connection or wait for one, over both lanes."""
        return sum(gate.admitted for gate in self._gates)

    def checked_out(self) -> int:
        """How many connections are in use, over both lanes."""
        return self.fast.checked_out() + cast(QueuePool, self._engine.pool).checkedout()
