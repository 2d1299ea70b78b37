"""A row carries its owner in its key, and the database itself refuses a reference across owners."""

from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Table
from uuid_utils.compat import uuid7

from backend.models.base import OwnedRow, metadata
from tests.unit.test_models.conftest import Connection
from tests.unit.test_models.rows import new_task, new_user

OWNED = [
    pytest.param(metadata.tables[str(model.__tablename__)], id=model.__name__) for model in OwnedRow.__subclasses__()
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
    assert {next(iter(index.columns)).name for index in table.indexes} <= {"user_id"}


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


async def test_a_reference_across_owners_is_refused(connection: Connection) -> None:
    owner, stranger = await new_user(connection), await new_user(connection)
    task_id = await new_task(connection, owner)
    # As any table that refers to tasks must be made: the next test shows that there is no other way.
    await connection.execute(
        "CREATE TABLE remarks (user_id uuid, task_id uuid, FOREIGN KEY (user_id, task_id) REFERENCES tasks)"
    )
    await _remark(connection, owner, task_id)

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await _remark(connection, stranger, task_id)


async def _remark(connection: Connection, user_id: UUID, task_id: UUID) -> None:
    await connection.execute("INSERT INTO remarks VALUES ($1, $2)", user_id, task_id)


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
