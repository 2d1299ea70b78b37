"""Rows as raw SQL makes them, with no code of ours in between."""

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from tests.unit.test_models.conftest import Connection


async def insert(connection: Connection, table: str, **values: Any) -> None:
    """One row. What is not given is left to the database."""
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())


async def new_user(connection: Connection, **values: Any) -> UUID:
    """A user with a counter of revisions."""
    user_id: UUID = values.pop("id", None) or uuid7()
    await insert(connection, "users", **{"id": user_id, "email": f"{user_id}@example.com", "name": "Ada", **values})
    await insert(connection, "revisions", user_id=user_id)
    return user_id


async def new_task(connection: Connection, user_id: UUID, **values: Any) -> UUID:
    """A task."""
    task_id: UUID = values.pop("id", None) or uuid7()
    needed = {"user_id": user_id, "id": task_id, "revision": 1, "title": "x", "position": str(task_id)}
    await insert(connection, "tasks", **{**needed, **values})
    return task_id
