"""The fast lane: single statements, compiled once, on the driver's own pool, autocommitted.

A list of 20 rows costs a quarter of what a session makes of it (docs/decisions/0003). Statements are written in
SQLAlchemy Core against the same tables as everywhere; here they become SQL text and the order of its parameters.
"""

from collections.abc import Mapping
from typing import Any, cast

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from backend.database.gate import Gate

type Row = Mapping[str, Any]
type Pool = asyncpg.Pool[asyncpg.Record]

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


class FastLane:
    """Runs compiled statements, each a transaction of its own: when a call returns, its writes are durable."""

    def __init__(self, pool: Pool, gate: Gate) -> None:
        self._pool = pool
        self._gate = gate

    async def fetch(self, statement: Statement, values: Mapping[str, Any]) -> list[Row]:
        """Every row. Raises `Overloaded` or `DatabaseUnavailable` as the gate does."""
        arguments = statement.arguments(values)
        async with self._gate.enter():
            return cast(list[Row], await self._pool.fetch(statement.sql, *arguments))

    async def fetch_one(self, statement: Statement, values: Mapping[str, Any]) -> Row | None:
        """The first row, if there is one."""
        rows = await self.fetch(statement, values)
        return rows[0] if rows else None
