"""What a write rests on may change while it waits for its turn: it then finds what is there now."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from tests.factories.clients import Client
from tests.integration.test_database.stage import LANES, ME, TASKS, Stage

QUICK = f"{TASKS}/quick"

type Write = Callable[[Client], Coroutine[Any, Any, httpx.Response]]

# What another instance has done by the time that it lets go of the owner's row in `revisions`.
PROJECT_TRASHED = "UPDATE projects SET deleted_at = now(), trashed_with = id WHERE user_id = $1"
PARENT_TRASHED = "UPDATE tasks SET deleted_at = now(), trashed_with = id WHERE user_id = $1 AND title = 'Garden'"
LABEL_RENAMED = "UPDATE labels SET name = 'plants' WHERE user_id = $1"
RECURRENCE_TAKEN = """
    UPDATE tasks SET recurrence_rule = NULL, recurrence_anchor = NULL, recurrence_start = NULL, revision = revision + 1
    WHERE user_id = $1
"""
DUE_TAKEN = "UPDATE tasks SET due_date = NULL, overdue_at = NULL WHERE user_id = $1"


async def behind(stage: Stage, client: Client, meanwhile: str, write: Coroutine[Any, Any, httpx.Response]) -> Any:
    """The reply to a write that has waited for another that did something meanwhile."""
    async with stage.holding(LANES["fast lane"].lock, client.user_id) as connection:
        waiting = asyncio.ensure_future(write)
        await stage.blocked(1)
        await connection.execute(meanwhile, client.user_id)
    return await waiting


@pytest.mark.parametrize("path", [TASKS, QUICK])
async def test_no_task_comes_into_a_project_that_has_just_been_trashed(stage: Stage, path: str) -> None:
    async with stage.application() as (_, client):
        project = (await client.post(f"{ME}/projects", json={"name": "garden"})).json()["id"]
        bodies = {TASKS: {"title": "Water", "project_id": project}, QUICK: {"text": "Water #garden"}}

        reply = await behind(stage, client, PROJECT_TRASHED, client.post(path, json=bodies[path]))

        assert reply.status_code == 400, reply.text
        assert {fault["code"] for fault in reply.json()["errors"]} <= {"not_found", "project_not_found"}
        assert (await client.get(TASKS)).json() == []


async def test_no_task_comes_under_one_that_has_just_been_trashed(stage: Stage) -> None:
    async with stage.application() as (_, client):
        parent = (await client.post(TASKS, json={"title": "Garden"})).json()["id"]

        reply = await behind(
            stage, client, PARENT_TRASHED, client.post(TASKS, json={"title": "Water", "parent_id": parent})
        )

        assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, "parent_id")


@pytest.mark.parametrize("how", ["create", "change", "quick"])
async def test_no_task_carries_a_label_that_there_is_not(stage: Stage, how: str) -> None:
    async with stage.application() as (_, client):
        await client.post(f"{ME}/labels", json={"name": "Garden"})
        task = f"{TASKS}/{(await client.post(TASKS, json={'title': 'Water'})).json()['id']}"
        writes: dict[str, Write] = {
            "create": lambda client: client.post(TASKS, json={"title": "Water", "labels": ["garden"]}),
            "change": lambda client: client.patch(task, json={"labels": ["garden"]}),
            "quick": lambda client: client.post(QUICK, json={"text": "Water @garden"}),
        }

        reply = await behind(stage, client, LABEL_RENAMED, writes[how](client))

        assert reply.is_success, reply.text
        answer = reply.json()
        names = {label["name"] for label in (await client.get(f"{ME}/labels")).json()}
        assert set(answer.get("task", answer)["labels"]) == {"garden"} < names


async def test_no_task_recurs_that_is_not_due(stage: Stage) -> None:
    async with stage.application() as (_, client):
        task = (await client.post(TASKS, json={"title": "Water", "due_date": "2027-03-01"})).json()["id"]
        weekly = {"recurrence": {"rule": "FREQ=WEEKLY", "anchor": "due"}}

        reply = await behind(stage, client, DUE_TAKEN, client.patch(f"{TASKS}/{task}", json=weekly))

        assert (reply.status_code, reply.json()["errors"][0]["code"]) == (400, "due_date_required")
        assert (await client.get(f"{TASKS}/{task}")).json()["recurrence"] is None


async def daily(client: Client) -> str:
    task = {"title": "Water", "due_date": "2027-03-01", "recurrence": {"rule": "FREQ=DAILY"}}
    return f"{TASKS}/{(await client.post(TASKS, json=task)).json()['id']}"


async def test_what_recurs_no_longer_is_completed(stage: Stage) -> None:
    async with stage.application() as (_, client):
        task = await daily(client)

        reply = await behind(stage, client, RECURRENCE_TAKEN, client.patch(f"{task}/complete"))

        assert (reply.status_code, reply.json()["completed"]) == (200, True)


async def test_undo_takes_back_what_was_done_while_it_waited(stage: Stage) -> None:
    async with stage.application() as (_, client):
        task = await daily(client)
        await client.patch(f"{task}/complete")

        async with stage.holding(LANES["fast lane"].lock, client.user_id):
            completing = asyncio.ensure_future(client.patch(f"{task}/complete"))
            await stage.blocked(1)
            undoing = asyncio.ensure_future(client.post(f"{task}/undo"))
            await stage.blocked(2)
        completed, undone = await completing, await undoing

        assert (completed.json()["due_date"], undone.json()["due_date"]) == ("2027-03-03", "2027-03-02")
        left = (await client.get(f"{task}/occurrences")).json()
        assert [occurrence["due_date"] for occurrence in left] == ["2027-03-01"]
