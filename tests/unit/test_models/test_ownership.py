"""A row carries its owner in its key, and the database itself refuses a reference across owners."""

from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Column, ForeignKeyConstraint, MetaData, Table, Uuid, dialects
from sqlalchemy.schema import CreateTable, SchemaItem
from sqlmodel import SQLModel
from uuid_utils.compat import uuid7

from backend.models.base import OwnedRow, metadata
from tests.unit.test_models.conftest import Connection
from tests.unit.test_models.references import assert_bound_to_owner, references
from tests.unit.test_models.rows import new_task, new_user

DIALECT = dialects.registry.load("postgresql")()
OWNED = [
    pytest.param(mapper.local_table, id=mapper.class_.__name__)
    for mapper in SQLModel._sa_registry.mappers
    if issubclass(mapper.class_, OwnedRow)
]


@pytest.mark.parametrize("table", OWNED)
def test_the_owner_leads_the_key(table: Table) -> None:
    assert [column.name for column in table.primary_key] == ["user_id", "id"]


@pytest.mark.parametrize("table", OWNED)
def test_every_reference_names_the_owner_first(table: Table) -> None:
    for key in table.foreign_key_constraints:
        assert key.column_keys[0] == "user_id"
        assert key.elements[0].column.name == "user_id"


@pytest.mark.parametrize("table", OWNED)
def test_every_index_begins_with_the_owner(table: Table) -> None:
    first = {str(index.expressions[0]) for index in table.indexes}

    assert first <= {f"{table.name}.user_id", "user_id", "(ARRAY[user_id])"}


@pytest.mark.parametrize("table", OWNED)
def test_an_owned_row_belongs_to_a_counter_of_revisions_and_goes_with_it(table: Table) -> None:
    (key,) = (key for key in table.foreign_key_constraints if key.referred_table.name == "revisions")

    assert (key.column_keys, key.ondelete) == (["user_id"], "CASCADE")
    assert not table.columns["revision"].nullable
    assert table.columns["deleted_at"].nullable


async def test_two_owners_may_have_the_same_id(connection: Connection) -> None:
    owner, stranger, task_id = await new_user(connection), await new_user(connection), uuid7()

    await new_task(connection, owner, id=task_id)
    await new_task(connection, stranger, id=task_id)

    assert await connection.fetchval("SELECT count(*) FROM tasks WHERE id = $1", task_id) == 2


async def test_one_owner_has_an_id_once(connection: Connection) -> None:
    owner, task_id = await new_user(connection), uuid7()
    await new_task(connection, owner, id=task_id)

    with pytest.raises(asyncpg.UniqueViolationError):
        await new_task(connection, owner, id=task_id)


async def test_a_task_of_nobody_is_refused(connection: Connection) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await new_task(connection, uuid7())


async def test_a_task_cannot_be_given_to_somebody_who_is_not_there(connection: Connection) -> None:
    task_id = await new_task(connection, await new_user(connection))

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute("UPDATE tasks SET user_id = $1 WHERE id = $2", uuid7(), task_id)


async def test_every_reference_that_the_database_has_is_tried_and_every_row_of_a_user_is_bound_to_them(
    connection: Connection,
) -> None:
    keys = await connection.fetch("""
        SELECT conname AS name, conrelid::regclass::text AS of, array_agg(attname::text) = '{user_id}' AS to_owner
        FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
        WHERE contype = 'f' GROUP BY conname, conrelid
    """)
    owned = await connection.fetch("""
        SELECT table_name FROM information_schema.columns WHERE column_name = 'user_id' AND table_schema = 'public'
    """)

    tried = {key.name for key in references(metadata)}

    assert tried == {key["name"] for key in keys if not key["to_owner"]}
    assert tried >= {
        "projects_user_id_parent_id_fkey",
        "task_occurrences_user_id_task_id_fkey",
        "tasks_user_id_parent_id_fkey",
        "tasks_user_id_project_id_fkey",
    }
    assert {key["of"] for key in keys if key["to_owner"]} == {row["table_name"] for row in owned}
    assert {table.name for table in metadata.sorted_tables if "user_id" in table.c} == {
        row["table_name"] for row in owned
    }


async def test_no_reference_crosses_owners(connection: Connection) -> None:
    for key in references(metadata):
        await assert_bound_to_owner(connection, key)


async def test_a_new_table_is_found_with_all_its_references(connection: Connection) -> None:
    remarks = await made(
        connection,
        Column("task_id", Uuid, nullable=False),
        Column("answers_id", Uuid),
        ForeignKeyConstraint(["user_id", "task_id"], ["tasks.user_id", "tasks.id"]),
        ForeignKeyConstraint(["user_id", "answers_id"], ["remarks.user_id", "remarks.id"], initially="DEFERRED"),
    )

    keys = {key.name: key for key in references(remarks.metadata)}

    assert {"remarks_user_id_task_id_fkey", "remarks_user_id_answers_id_fkey"} <= keys.keys()
    assert not [name for name in keys if str(name).startswith("remarks_user_id_fkey")]
    for key in remarks.foreign_key_constraints & set(keys.values()):
        await assert_bound_to_owner(connection, key)


@pytest.mark.parametrize(
    ("column", "nullable", "owner", "told"),
    [
        pytest.param("user_id", False, "author_id", "DID NOT RAISE", id="another's name in it"),
        pytest.param("user_id", True, "user_id", "may be null", id="of nobody"),
        pytest.param("owner_id", False, "owner_id", "has no user_id", id="by another name"),
    ],
)
async def test_a_reference_that_could_cross_owners_is_found_out(
    connection: Connection, column: str, owner: str, told: str, *, nullable: bool
) -> None:
    remarks = await made(
        connection,
        *([] if owner == column else [Column(owner, Uuid)]),
        Column("task_id", Uuid),
        ForeignKeyConstraint([owner, "task_id"], ["tasks.user_id", "tasks.id"]),
        user_id=Column(column, Uuid, nullable=nullable),
    )
    (key,) = (key for key in references(remarks.metadata) if key.table is remarks and "task_id" in key.column_keys)

    with pytest.raises((AssertionError, pytest.fail.Exception), match=told):
        await assert_bound_to_owner(connection, key)


async def made(connection: Connection, *parts: SchemaItem, user_id: Column[UUID] | None = None) -> Table:
    """The table `remarks`, beside copies of all others as they are declared."""
    tables = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        table.to_metadata(tables)
    owner = Column("user_id", Uuid, primary_key=True) if user_id is None else user_id
    key = ForeignKeyConstraint([owner.name], ["revisions.user_id"])
    remarks = Table("remarks", tables, owner, Column("id", Uuid, primary_key=True), key, *parts)
    await connection.execute(str(CreateTable(remarks).compile(dialect=DIALECT)))
    return remarks


@pytest.mark.parametrize("table", OWNED)
async def test_a_reference_that_does_not_name_the_owner_cannot_be_made(table: Table, connection: Connection) -> None:
    with pytest.raises(asyncpg.InvalidForeignKeyError):
        await connection.execute(f"CREATE TABLE remarks (row_id uuid REFERENCES {table.name} (id))")


async def test_everything_of_a_user_goes_with_them_and_nothing_of_anyone_else(connection: Connection) -> None:
    leaver, other = await new_user(connection), await new_user(connection)
    for user_id in (leaver, other):
        await new_task(connection, user_id)
        await connection.execute(
            "INSERT INTO sessions (user_id, id, family_key, token_hash, idle_expires_at, expires_at)"
            " VALUES ($1, $2, 'k', 'x', now(), now())",
            user_id,
            uuid7(),
        )

    await connection.execute("DELETE FROM users WHERE id = $1", leaver)

    for table in ("revisions", "sessions", "tasks"):
        left = await connection.fetch(f"SELECT user_id FROM {table} WHERE user_id = ANY($1)", [leaver, other])
        assert [row["user_id"] for row in left] == [other]
