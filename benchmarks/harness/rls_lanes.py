"""Donewell with another fast lane, which tells PostgreSQL the owner of each statement: ways to do so, to compare.

`python -m benchmarks.harness.rls_lanes WAY` serves as `donewell serve` does. None of this is in the product.
"""

import asyncio
import hashlib
import os
import re
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import asyncpg

from backend import cli
from backend.database import fast_lane, session
from backend.database.fast_lane import FastLane, PooledConnection, Row, Statement
from backend.database.gate import GRACE

SET = "SELECT set_config('donewell.user_id', $1, true)"
ADMIN = "ADMIN_URL"
"""Names the environment variable with the URL of the tables' owner, for those who have functions made."""


class FencedTransaction(fast_lane.Transaction):
    """Tells the owner before each statement: what takes several, and is seldom, is not what is compared."""

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        if "owner" in values:
            await self.run(SET, str(values["owner"]))
        return await super().fetch(statement, values)


class FencedLane(FastLane):
    """Runs each statement of an owner as `fenced` says."""

    @asynccontextmanager
    async def transaction(self, seconds: float | None = None) -> AsyncIterator[fast_lane.Transaction]:
        async with super().transaction(seconds) as transaction:
            yield FencedTransaction(transaction._connection)

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        if "owner" not in values:  # what has ended, of all users
            return await super().fetch(statement, values)
        async with self._gate.enter():
            connection = await self._take()
            try:
                rows = await self.fenced(connection, statement, values)
            except BaseException:
                with suppress(TimeoutError):
                    await self._pool.release(connection, timeout=GRACE)
                raise
            await self._keep(connection)
            return cast(list[Row], rows)

    async def fenced(self, connection: PooledConnection, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        """The rows of a statement, of which PostgreSQL has been told the owner."""
        raise NotImplementedError


class Transaction(FencedLane):
    """Four round trips."""

    async def fenced(self, connection: PooledConnection, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        async with connection.transaction():
            await connection.fetch(SET, str(values["owner"]))
            return await connection.fetch(statement.sql, *statement.arguments(values))


class Merged(FencedLane):
    """Three: the first two statements are one message, which takes no parameters; the text of a UUID is safe in it."""

    async def fenced(self, connection: PooledConnection, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        await connection.execute(f"BEGIN; SET LOCAL donewell.user_id = '{UUID(str(values['owner']))}'")
        try:
            rows = await connection.fetch(statement.sql, *statement.arguments(values))
        except BaseException:
            await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")
        return rows


class Lateral(Transaction):
    """One, for what only reads: what the owner's rows are compared with is what `set_config` has answered."""

    async def fenced(self, connection: PooledConnection, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        if not statement.sql.startswith("SELECT"):
            return await super().fenced(connection, statement, values)
        return await connection.fetch(lateral(statement), *statement.arguments(values))


class Function(FencedLane):
    """One: a PL/pgSQL function for each statement."""

    async def fenced(self, connection: PooledConnection, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        if statement not in _CALLS:
            async with _MAKING:  # PostgreSQL refuses one of two who make the same at once
                if statement not in _CALLS:
                    _CALLS[statement] = await _function(statement)
        call = _CALLS[statement]
        return await connection.fetch(call, *statement.arguments(values))


class Twice(FencedLane):
    """One: asyncpg sends a statement for many sets of arguments at once. The first time it has no owner and only sets.

    That is one implicit transaction, and its executions are one after the other.
    """

    async def fenced(self, connection: PooledConnection, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        owner = str(values["owner"])
        if statement not in _COLUMNS:
            _COLUMNS[statement] = len((await connection.prepare(statement.sql)).get_attributes())
        both = [[*statement.arguments({**values, "owner": each}), owner] for each in (None, owner)]
        return cast(list[Any], await connection.fetchmany(twice(statement), both))


class Pipelined(FencedLane):
    """One: before what asyncpg sends, a statement without a Sync of its own is written to its socket behind its back.

    All up to the Sync is one implicit transaction. The statement answers no row, which asyncpg would take for ours.
    """

    async def fenced(self, connection: PooledConnection, statement: Statement, values: Mapping[str, Any]) -> list[Any]:
        raw: Any = cast(Any, connection)._con
        named = bool(raw._stmt_cache_enabled)
        told = _told(str(values["owner"]).encode(), _NAME if named else "")
        prepared = await (_kept if named else _unnamed)(raw, connection, statement)
        raw._transport.write(told if named else _message(b"P", b"\0" + _SILENT.encode() + b"\0\0\0") + told)
        return cast(list[Any], await prepared.fetch(*statement.arguments(values)))


async def _kept(raw: Any, connection: PooledConnection, statement: Statement) -> Any:
    """Prepared once a connection. What asyncpg prepares it closes once nobody holds it."""
    holder, statements = vars(raw).get("prepared", (None, {}))
    if holder is not connection:  # which has been in the pool meanwhile, where its statements end
        if not statements:
            await raw.execute(f"PREPARE {_NAME}(text) AS {_SILENT}")
        holder, statements = vars(raw)["prepared"] = connection, {_NAME: None}
    prepared = statements.get(statement)
    if prepared is None:
        prepared = statements[statement] = await connection.prepare(statement.sql)
    return prepared


async def _unnamed(_: Any, connection: PooledConnection, statement: Statement) -> Any:
    """A pooler may give another server process to each transaction."""
    return await connection.prepare(statement.sql, name="")


WAYS: Mapping[str, tuple[str, type[FastLane]]] = {
    "today": ("no row-level security", FastLane),
    "transaction": ("BEGIN, set_config, statement, COMMIT", Transaction),
    "merged": ("BEGIN with SET LOCAL, statement, COMMIT", Merged),
    "lateral": ("set_config in the statement (reads only)", Lateral),
    "function": ("a PL/pgSQL function", Function),
    "twice": ("the statement twice: first to set_config", Twice),
    "pipelined": ("set_config before the statement, one Sync", Pipelined),
}

_WRITE = re.compile(r"\)\s+(INSERT INTO|UPDATE) (?=tasks)")
_CALLS: dict[Statement, str] = {}
_COLUMNS: dict[Statement, int] = {}
_MAKING = asyncio.Lock()
_SILENT = "SELECT 1 WHERE set_config('donewell.user_id', $1, true) IS NULL"
_NAME = "donewell_owner"


@lru_cache
def lateral(statement: Statement) -> str:
    """The statement, which must only read, in one that first sets the owner."""
    owner = f"${_position(statement)}::UUID"
    return (
        f"WITH me AS MATERIALIZED (SELECT set_config('donewell.user_id', {owner}::text, true)::uuid AS owner) "
        f"SELECT found.* FROM me CROSS JOIN LATERAL ({statement.sql.replace(owner, 'me.owner')} OFFSET 0) AS found"
    )


@lru_cache
def twice(statement: Statement) -> str:
    """The statement, which then sets the owner; without one it neither reads nor writes."""
    begun, write, rest = _WRITE.split(statement.sql) if _WRITE.search(statement.sql) else ("", "", statement.sql)
    # What writes in a CTE has to stay in front.
    read = rest if rest.startswith("WITH") else f"({rest})"
    body = f"{begun}), written AS ({write} {rest}) SELECT * FROM written" if write else read
    setting = f"set_config('donewell.user_id', ${len(statement._order) + 1}::text, true)"
    return f"{body} UNION ALL SELECT {', '.join(['NULL'] * _COLUMNS[statement])} WHERE {setting} IS NULL"


async def _function(statement: Statement) -> str:
    """Have the tables' owner make the function; gives its call."""
    connection = await asyncpg.connect(os.environ[ADMIN])
    try:
        prepared = await connection.prepare(statement.sql)
        taken = [kind.name for kind in prepared.get_parameters()]
        columns = ", ".join(f'"{column.name}" {column.type.name}' for column in prepared.get_attributes())
        name = "donewell_" + hashlib.sha256(statement.sql.encode()).hexdigest()[:12]
        await connection.execute(
            f"CREATE OR REPLACE FUNCTION {name}({', '.join(taken)}) RETURNS TABLE ({columns})"
            f" LANGUAGE plpgsql AS $body$ #variable_conflict use_column\nBEGIN"
            f" PERFORM set_config('donewell.user_id', ${_position(statement)}::text, true);"
            f" RETURN QUERY {statement.sql}; END $body$"
        )
    finally:
        await connection.close()
    return f"SELECT * FROM {name}({', '.join(f'${number}' for number in range(1, len(taken) + 1))})"


def _position(statement: Statement) -> int:
    return statement._order.index("owner") + 1


def _told(owner: bytes, name: str) -> bytes:
    """Bind and Execute."""
    value = struct.pack("!hhi", 0, 1, len(owner)) + owner + struct.pack("!h", 0)
    return _message(b"B", b"\0" + name.encode() + b"\0" + value) + _message(b"E", b"\0" + struct.pack("!i", 0))


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content


if __name__ == "__main__":
    setattr(session, FastLane.__name__, WAYS[sys.argv.pop()][1])
    cli.main()
