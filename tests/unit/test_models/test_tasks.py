"""What a task can be, the database itself knows: no code of ours stands between these rows and their refusal."""

from datetime import UTC, datetime
from typing import Any, get_args

import asyncpg
import pytest

from backend.schemas.tasks import Priority
from tests.unit.test_models.conftest import Connection
from tests.unit.test_models.rows import new_task, new_user

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def accepted(**values: Any) -> Any:
    return pytest.param(values, id=", ".join(f"{name}={str(value)[:10]!r}" for name, value in values.items()))


@pytest.mark.parametrize(
    "values",
    [
        accepted(title="x"),
        accepted(title="x" * 255),
        accepted(title="\U0001f600" * 255),
        accepted(description=None),
        accepted(description=""),
        accepted(description="\u00e9" * 16_384),
        *(accepted(priority=priority) for priority in get_args(Priority)),
    ],
)
async def test_a_task_within_the_limits_of_requests_is_accepted(connection: Connection, values: dict[str, Any]) -> None:
    task_id = await new_task(connection, await new_user(connection), **values)

    row = await connection.fetchrow("SELECT * FROM tasks WHERE id = $1", task_id)
    assert row is not None
    assert values.items() <= dict(row).items()


@pytest.mark.parametrize(
    ("values", "broken"),
    [
        pytest.param({"title": ""}, "tasks_title_check", id="no title"),
        pytest.param({"title": "x" * 256}, "tasks_title_check", id="title too long"),
        pytest.param({"title": None}, None, id="title null"),
        pytest.param({"description": "x" * 16_385}, "tasks_description_check", id="description too long"),
        pytest.param({"priority": "urgent"}, "tasks_priority_check", id="another priority"),
        pytest.param({"priority": ""}, "tasks_priority_check", id="empty priority"),
        pytest.param({"priority": None}, None, id="priority null"),
        pytest.param({"revision": None}, None, id="no revision"),
        pytest.param({"created_at": None}, None, id="made at no time"),
    ],
)
async def test_a_task_beyond_them_is_refused(
    connection: Connection, values: dict[str, Any], broken: str | None
) -> None:
    owner = await new_user(connection)

    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refusal:
        await new_task(connection, owner, **values)
    if broken is None:
        assert isinstance(refusal.value, asyncpg.NotNullViolationError)
    else:
        assert refusal.value.as_dict()["constraint_name"] == broken


@pytest.mark.parametrize(("column", "value"), [("title", ""), ("priority", "urgent"), ("description", "x" * 16_385)])
async def test_no_change_takes_a_task_beyond_them(connection: Connection, column: str, value: str) -> None:
    task_id = await new_task(connection, await new_user(connection))

    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(f"UPDATE tasks SET {column} = $1 WHERE id = $2", value, task_id)


async def test_a_task_is_completed_while_it_has_a_time_of_completion(connection: Connection) -> None:
    task_id = await new_task(connection, await new_user(connection))
    seen = []
    for completed_at in (NOW, None):
        seen.append(await connection.fetchval("SELECT completed FROM tasks WHERE id = $1", task_id))
        await connection.execute("UPDATE tasks SET completed_at = $1 WHERE id = $2", completed_at, task_id)
    seen.append(await connection.fetchval("SELECT completed FROM tasks WHERE id = $1", task_id))

    assert seen == [False, True, False]


async def test_nobody_can_say_that_a_task_is_completed_without_saying_when(connection: Connection) -> None:
    owner = await new_user(connection)
    task_id = await new_task(connection, owner)

    with pytest.raises(asyncpg.GeneratedAlwaysError):
        async with connection.transaction():
            await new_task(connection, owner, completed=True)
    with pytest.raises(asyncpg.GeneratedAlwaysError):
        await connection.execute("UPDATE tasks SET completed = true WHERE id = $1", task_id)


async def test_what_is_left_out_has_its_default(connection: Connection) -> None:
    task_id = await new_task(connection, await new_user(connection))

    row = await connection.fetchrow("SELECT *, now() AS now FROM tasks WHERE id = $1", task_id)
    assert row is not None
    assert (row["priority"], row["description"], row["due_date"]) == ("none", None, None)
    assert (row["completed"], row["completed_at"], row["deleted_at"]) == (False, None, None)
    assert row["created_at"] == row["updated_at"] == row["now"]
