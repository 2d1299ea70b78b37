"""The fast lane: statements compiled once, on the driver's own pool, each autocommitted or a few in a transaction.

A list of 20 rows costs a quarter of what a session makes of it (docs/decisions/0003). Statements are written in
SQLAlchemy Core against the same tables as everywhere; here they become SQL text and the order of its parameters.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from backend.database.gate import GRACE, Gate
from backend.domain.errors import Overloaded

type Row = Mapping[str, Any]
type Connection = asyncpg.Connection[asyncpg.Record]
type Connect = Callable[..., Coroutine[Any, Any, Connection]]
type Pool = asyncpg.Pool[asyncpg.Record]
type PooledConnection = PoolConnectionProxy[asyncpg.Record]

LONGEST_REST = 60.0
"""Seconds for which a connection is kept without use. What lies between may drop one that rests, and say nothing."""

_DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]


class Statement:
    """SQL text and the order in which it takes its named parameters."""

    __slots__ = ("_defaults", "_order", "sql")

    def __init__(self, statement: ClauseElement) -> None:
        compiled = cast(SQLCompiler, statement.compile(dialect=_DIALECT))
        self.sql = compiled.string
        self._order = tuple(compiled.positiontup or ())
        # Only constants: a parameter that is forgotten must not pass for null.
        self._defaults = {name: compiled.params[name] for name in self._order if not compiled.binds[name].required}

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The positional arguments. A name that the statement does not take is ignored."""
        defaults = self._defaults
        return [values[name] if name in values else defaults[name] for name in self._order]


class Lane(ABC):
    """Runs statements."""

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """Every row. Raises `Overloaded` or `DatabaseUnavailable` as the gate does."""
        return await self.run(statement.sql, *statement.arguments(values))

    async def fetch_one(self, statement: Statement, values: Mapping[str, Any]) -> Row | None:
        """The first row, if there is one."""
        rows = await self.fetch(statement, values)
        return rows[0] if rows else None

    @abstractmethod
    async def run(self, sql: str, *arguments: Any) -> list[Row]:
        """The rows of SQL that is nobody's input. Raises as `fetch` does."""


class Transaction(Lane):
    """Runs statements in one transaction. Each sees what others have committed before it begins."""

    def __init__(self, connection: PooledConnection) -> None:
        self._connection = connection

    async def run(self, sql: str, *arguments: Any) -> list[Row]:
        return cast(list[Row], await self._connection.fetch(sql, *arguments))


class FastLane(Lane):
    """Runs single statements, each a transaction of its own: when a call returns, its writes are durable.

    One says otherwise itself: a refusal's entry in the audit log waits for no disk (`services/audit.py`).
    """

    def __init__(self, connect: Connect, gate: Gate, size: int) -> None:
        self._connect = connect
        self._gate = gate
        self._size = size
        self._opened: Pool | None = None
        # Taken from the pool and not given back, which would cost as much as a short statement; the last used last.
        self._kept: deque[tuple[PooledConnection, float]] = deque()
        self._closing = False

    async def open(self) -> None:
        """Make ready, connecting to nothing. Not before: asyncpg binds a pool to the event loop it is created in."""
        self._opened = await asyncpg.create_pool(
            connect=self._connect, min_size=0, max_size=self._size, reset=_keep_as_it_is
        )

    async def close(self) -> None:
        """Give up every connection, once nobody uses it."""
        self._closing = True
        while self._kept:
            await self._pool.release(self._kept.pop()[0])
        await self._pool.close()

    def checked_out(self) -> int:
        """How many connections are in use."""
        kept = sum(not _is_lost(connection) for connection, _ in self._kept)
        return self._pool.get_size() - self._pool.get_idle_size() - kept

    @asynccontextmanager
    async def transaction(self, seconds: float | None = None) -> AsyncIterator[Transaction]:
        """Several statements as one: committed when the block ends, rolled back when it raises. `seconds` is what it
        may take, if that is more than usual.

        Raises `Overloaded` or `DatabaseUnavailable` as the gate does.
        """
        try:
            # To roll back takes an answer: when there is none, it is told again to leave.
            last_call = (self._gate.deadline if seconds is None else seconds) + 2 * GRACE
            async with asyncio.timeout(last_call), self._gate.enter(seconds):
                connection = await self._take()
                try:
                    async with connection.transaction():
                        yield Transaction(connection)
                except BaseException:
                    await self._give_up(connection)
                    raise
                await self._keep(connection)
        except TimeoutError as error:
            raise Overloaded from error

    async def run(self, sql: str, *arguments: Any) -> list[Row]:
        async with self._gate.enter():
            connection = await self._take()
            try:
                rows = await connection.fetch(sql, *arguments)
            except BaseException:
                await self._give_up(connection)
                raise
            await self._keep(connection)
            return cast(list[Row], rows)

    async def _take(self) -> PooledConnection:
        while self._kept:
            connection, since = self._kept.pop()
            if not _is_lost(connection) and monotonic() - since < LONGEST_REST:
                return connection
            await self._pool.release(connection)
        return await self._pool.acquire()

    async def _give_up(self, connection: PooledConnection) -> None:
        # After a cancellation the driver asks the database to stop and waits for it to say so. When it does not, the
        # connection is closed, and its place in the pool is free.
        with suppress(TimeoutError):
            await self._pool.release(connection, timeout=GRACE)

    async def _keep(self, connection: PooledConnection) -> None:
        now = monotonic()
        self._kept.append((connection, now))
        # What load there is does without the one that has rested longest: the pool closes it in time.
        if self._closing or now - self._kept[0][1] > LONGEST_REST:
            await self._pool.release(self._kept.popleft()[0])

    @property
    def _pool(self) -> Pool:
        if self._opened is None:
            raise RuntimeError("The database has not been opened")
        return self._opened


def _is_lost(connection: PooledConnection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken it back already
        return True


async def _keep_as_it_is(_: Any) -> None:
    """Fast-lane statements leave no session state behind, so returning a connection need not cost a round trip."""
