"""Tasks over HTTP, at both base paths."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.factories.clients import Client
from tests.factories.queries import CountQueries


@pytest.fixture(params=["/api/v1/users/me/tasks", "/api/me/tasks"])
def path(request: pytest.FixtureRequest) -> str:
    """Both paths at which the mission document's six routes answer."""
    return str(request.param)


async def test_create_answers_the_whole_task(owner: Client, path: str) -> None:
    reply = await owner.post(path, json={"title": "  Water the plants ", "due_date": "2027-03-01"})

    task = reply.json()
    assert reply.status_code == 201
    assert reply.headers["location"] == f"{path}/{task['id']}"
    assert reply.headers["etag"] == f'"{task["version"]}"'
    assert UUID(task.pop("id")).version == 7
    assert task.pop("created_at") == task.pop("updated_at")
    assert task == {
        "user_id": str(owner.user_id),
        "title": "Water the plants",
        "description": None,
        "completed": False,
        "completed_at": None,
        "priority": "none",
        "due_date": "2027-03-01",
        "version": 1,
    }


async def test_queries(owner: Client, count_queries: CountQueries) -> None:
    with count_queries() as queries:
        task = (await owner.post("/api/v1/users/me/tasks", json={"title": "x"})).json()
    assert len(queries) == 1
    with count_queries() as queries:
        await owner.get("/api/v1/users/me/tasks")
    assert len(queries) == 1
    with count_queries() as queries:
        await owner.get("/api/v1/users/me")
    assert len(queries) == 1, queries
