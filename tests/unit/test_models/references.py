"""Every foreign key between the rows of users, tried across owners: in raw SQL, with nothing of ours in between."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import Column, ForeignKeyConstraint, MetaData, Table
from uuid_utils.compat import uuid7

from tests.unit.test_models.conftest import Connection
from tests.unit.test_models.rows import insert, new_user

type Values = Mapping[str, Any]

SAMPLES: Mapping[type, Callable[[], Any]] = {
    UUID: uuid7,
    str: lambda: uuid4().hex,
    bytes: lambda: secrets.token_bytes(32),
    int: lambda: 1,
    bool: lambda: False,
    datetime: lambda: datetime.now(UTC),
    date: lambda: date(2027, 3, 1),
    time: lambda: time(9),
    list: list,
    dict: lambda: "{}",
    object: lambda: "{}",
}
"""What a column gets that must have something. All different, where columns may have to be."""


def references(tables: MetaData) -> Iterator[ForeignKeyConstraint]:
    """Those to rows with an owner; not those by which a row has its own, across whom nothing can be."""
    for table in tables.sorted_tables:
        for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name)):
            if "user_id" in key.referred_table.c and key.column_keys != ["user_id"]:
                yield key


async def assert_bound_to_owner(connection: Connection, key: ForeignKeyConstraint) -> None:
    """The reference leads to rows of the same owner alone: in a new row, in a changed one, in one that is given away.

    A failure that is no assertion means that `new_row` does not know how to make a row: teach it.
    """
    owner, stranger = await new_user(connection), await new_user(connection)
    table = key.table
    # In a row of nobody, the rest of the key would refer to nothing and be free.
    assert "user_id" in table.c, f"{table.name} has no user_id"
    assert not table.c.user_id.nullable, f"{table.name}.user_id may be null"
    theirs = _referring(key, await new_row(connection, key.referred_table, stranger))
    ours = _referring(key, await new_row(connection, key.referred_table, owner))
    # Refused below is what leads to the stranger's, and not what refers to anything.
    row = await new_row(connection, table, owner, ours)
    # What else a row given away must refer to is the stranger's, and no reason to refuse it.
    gift = await new_row(connection, table, stranger)
    rest = {name for other in table.foreign_key_constraints - {key} for name in other.column_keys} - ours.keys()
    given_away = {name: gift[name] for name in sorted({"user_id"} | rest & gift.keys())}

    await _refused(connection, key, lambda: new_row(connection, table, owner, theirs))
    await _refused(connection, key, lambda: _change(connection, table, row, theirs))
    await _refused(connection, key, lambda: _change(connection, table, row, given_away))


async def new_row(connection: Connection, table: Table, owner: UUID, given: Values | None = None) -> Values:
    """A row of the owner's, with what must be there, and what it must refer to; gives what was said of it."""
    values = {column.name: _sample(column) for column in table.c if _is_needed(column)}
    for key in table.foreign_key_constraints:
        needed = [name for name in key.column_keys if name in values and name not in {"user_id", *(given or {})}]
        if needed and "user_id" in key.referred_table.c:
            values |= _referring(key, await new_row(connection, key.referred_table, owner))
    values |= {"user_id": owner, **(given or {})}
    await insert(connection, table.name, **values)
    return values


def _referring(key: ForeignKeyConstraint, row: Values) -> Values:
    """The columns with which to refer to a row, but for the owner that the referring row has itself."""
    columns = {element.parent.name: element.column.name for element in key.elements}
    return {ours: row[theirs] for ours, theirs in columns.items() if ours != "user_id"}


async def _change(connection: Connection, table: Table, row: Values, values: Values) -> None:
    sets = ", ".join(f"{name} = ${number}" for number, name in enumerate(values, 1))
    places = enumerate(table.primary_key.columns.keys(), len(values) + 1)
    names = table.primary_key.columns.keys()
    where = " AND ".join(f"{name} = ${number}" for number, name in places)
    status = await connection.execute(
        f"UPDATE {table.name} SET {sets} WHERE {where}", *values.values(), *(row[name] for name in names)
    )
    assert status == "UPDATE 1"


async def _refused(connection: Connection, key: ForeignKeyConstraint, attempt: Callable[[], Any]) -> None:
    savepoint = connection.transaction()
    await savepoint.start()
    await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(asyncpg.ForeignKeyViolationError) as refusal:
        await attempt()
    await savepoint.rollback()
    assert refusal.value.as_dict()["constraint_name"] == key.name


def _is_needed(column: Column[Any]) -> bool:
    return column.primary_key or not (column.nullable or column.server_default or column.computed)


def _sample(column: Column[Any]) -> Any:
    # SQLModel's own type of text does not say what it is in Python.
    kind = getattr(column.type, "impl_instance", column.type).python_type
    return SAMPLES[kind]()
