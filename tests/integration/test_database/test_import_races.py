"""What a file refers to may be deleted or renamed while the file is taken in: each batch finds what is there then."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from tests.factories.clients import Client
from tests.integration.test_database.stage import LANES, ME, TASKS, Stage, eventually

IMPORT = f"{ME}/import"


async def while_it_waits(stage: Stage, client: Client, content: dict[str, Any], meanwhile: str) -> Any:
    """The report of an import whose second batch waited for another's write, which did something."""
    file = json.dumps({"format": "donewell", "version": 1, **content}).encode()
    sent = asyncio.ensure_future(client.post(IMPORT, files={"file": ("tasks", file)}))

    async def begun() -> bool:
        return bool(await stage.watcher.fetchval("SELECT count(*) FROM tasks WHERE user_id = $1", client.user_id))

    await eventually(begun)
    async with stage.holding(LANES["fast lane"].lock, client.user_id) as connection:
        await stage.blocked(1)
        await connection.execute(meanwhile, client.user_id)
    reply = await sent
    assert reply.status_code == 200, reply.text
    return reply.json()


def tasks(**fields: Any) -> list[dict[str, Any]]:
    return [{"id": str(uuid4()), "title": str(number), **fields} for number in range(5_000)]


@pytest.mark.parametrize(
    "meanwhile",
    [
        "UPDATE projects SET deleted_at = now(), trashed_with = id WHERE user_id = $1",
        "DELETE FROM projects WHERE user_id = $1",
    ],
)
async def test_no_task_comes_into_a_project_that_has_just_gone(stage: Stage, meanwhile: str) -> None:
    async with stage.application() as (_, client):
        home = str(uuid4())
        content = {"projects": [{"id": home, "name": "Home"}], "tasks": tasks(project_id=home)}

        report = await while_it_waits(stage, client, content, meanwhile)

        assert report["tasks"]["created"] + report["tasks"]["skipped"] == 5_000
        assert report["tasks"]["skipped"] >= 500
        assert {row["code"] for row in report["problems"]} == {"left_out"}
        assert {row["field"] for row in report["problems"]} == {"project_id"}


async def test_no_task_comes_under_one_that_has_just_been_trashed(stage: Stage) -> None:
    async with stage.application() as (_, client):
        garden = {"id": str(uuid4()), "title": "Garden"}
        trashed = "UPDATE tasks SET deleted_at = now(), trashed_with = id WHERE user_id = $1 AND parent_id IS NULL"

        report = await while_it_waits(stage, client, {"tasks": [garden, *tasks(parent_id=garden["id"])]}, trashed)

        assert report["tasks"]["skipped"] >= 500
        assert {(row["field"], row["code"]) for row in report["problems"]} == {("parent_id", "left_out")}


async def test_tasks_carry_labels_that_there_are_when_one_is_renamed(stage: Stage) -> None:
    async with stage.application() as (_, client):
        await client.post(f"{ME}/labels", json={"name": "Garden"})
        renamed = "UPDATE labels SET name = 'plants' WHERE user_id = $1"

        report = await while_it_waits(stage, client, {"tasks": tasks(labels=["garden"])}, renamed)

        assert (report["tasks"]["created"], report["labels"]["created"]) == (5_000, 1)
        assert {label["name"] for label in (await client.get(f"{ME}/labels")).json()} == {"garden", "plants"}
        last = await client.get(TASKS, params={"sort": "-position", "limit": 1})
        assert last.json()[0]["labels"] == ["garden"]
