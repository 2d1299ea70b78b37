"""What is done to many rows waits for its turn: it is done to those that are there by then."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from tests.factories.clients import PASSWORD, Client
from tests.integration.test_database.stage import LANES, ME, TASKS, Stage
from tests.integration.test_database.test_resting import behind

TRASH = f"{ME}/trash"

type Write = Callable[[Client, str], Coroutine[Any, Any, httpx.Response]]

# What another instance has done by the time that it lets go of the owner's row in `revisions`.
CHILD_MADE = """
    INSERT INTO tasks (user_id, id, revision, title, position, parent_id)
    SELECT user_id, uuidv7(), revision, 'Water', 'm', id FROM tasks WHERE user_id = $1 AND title = 'Garden'
"""
PROJECT_TRASHED = "UPDATE projects SET deleted_at = now(), trashed_with = id WHERE user_id = $1"
PARENT_TRASHED = "UPDATE tasks SET deleted_at = now(), trashed_with = id WHERE user_id = $1 AND title = 'Garden'"
DUE_MADE = """
    INSERT INTO tasks (user_id, id, revision, title, position, due_date, due_time)
    SELECT user_id, uuidv7(), revision, 'Water', 'm', '2027-03-01', '09:00' FROM revisions WHERE user_id = $1
"""
RESTORED = "UPDATE tasks SET deleted_at = NULL, trashed_with = NULL WHERE user_id = $1"

MANY_BELOW = """
    INSERT INTO tasks (user_id, id, revision, title, position, parent_id)
    SELECT user_id, uuidv7(), revision, 'Water', 'm' || number, id FROM tasks, generate_series(1, 5000) AS number
    WHERE user_id = $1
"""
WALKED = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'tasks'"

WRITES: dict[str, Write] = {
    "trash": lambda client, task: client.delete(f"{TASKS}/{task}"),
    "restore": lambda client, task: client.post(f"{TRASH}/{task}/restore"),
    "purge": lambda client, task: client.delete(f"{TRASH}/{task}"),
}
"""The writes that have as much to do as there is below a task."""


USER_LOCKED = "SELECT 1 FROM users WHERE id = $1 FOR UPDATE"
LOCKED_OUT = "UPDATE users SET disabled_at = now() WHERE id = $1"
NEW_PASSWORD = {"current_password": PASSWORD, "new_password": "staple the horse again"}


async def make(client: Client, title: str, **fields: Any) -> str:
    return str((await client.post(TASKS, json={"title": title, **fields})).json()["id"])


async def test_a_subtask_that_has_just_come_goes_with_its_task(stage: Stage) -> None:
    async with stage.application() as (_, client):
        parent = await make(client, "Garden")

        reply = await behind(stage, client, CHILD_MADE, WRITES["trash"](client, parent))

        assert reply.status_code == 204, reply.text
        assert (await client.get(TASKS)).json() == []
        assert [entry["tasks"] for entry in (await client.get(TRASH)).json()] == [2]


async def test_nothing_comes_back_into_a_project_that_has_just_been_trashed(stage: Stage) -> None:
    async with stage.application() as (_, client):
        project = (await client.post(f"{ME}/projects", json={"name": "Home"})).json()["id"]
        task = await make(client, "Water", project_id=project)
        await WRITES["trash"](client, task)

        reply = await behind(stage, client, PROJECT_TRASHED, WRITES["restore"](client, task))

        assert reply.json() == {"tasks": 1, "projects": 0}
        assert (await client.get(f"{TASKS}/{task}")).json()["project_id"] is None


async def test_nothing_comes_back_under_a_task_that_has_just_been_trashed(stage: Stage) -> None:
    async with stage.application() as (_, client):
        parent = await make(client, "Garden")
        task = await make(client, "Water", parent_id=parent)
        await WRITES["trash"](client, task)

        reply = await behind(stage, client, PARENT_TRASHED, WRITES["restore"](client, task))

        assert reply.json() == {"tasks": 1, "projects": 0}
        assert (await client.get(f"{TASKS}/{task}")).json()["parent_id"] is None


async def test_what_has_just_come_back_is_not_purged(stage: Stage) -> None:
    async with stage.application() as (_, client):
        task = await make(client, "Water")
        await WRITES["trash"](client, task)

        reply = await behind(stage, client, RESTORED, WRITES["purge"](client, task))

        assert (reply.status_code, reply.json()["code"]) == (404, "trashed_not_found")
        assert (await client.get(f"{TASKS}/{task}")).status_code == 200


@pytest.mark.parametrize("how", ["restore", "purge"])
async def test_what_may_be_much_has_longer_than_other_writes(stage: Stage, how: str) -> None:
    async with stage.application(database_timeout=0.5) as (_, client):
        task = await make(client, "Garden")
        await WRITES["trash"](client, task)
        async with stage.holding(LANES["fast lane"].lock, client.user_id):
            waiting = asyncio.ensure_future(WRITES[how](client, task))
            await stage.blocked(1)
            await asyncio.sleep(1)

        reply = await waiting

        assert reply.is_success, reply.text


async def test_what_has_just_become_due_is_due_in_a_new_time_zone(stage: Stage) -> None:
    async with stage.application() as (_, client):
        reply = await behind(stage, client, DUE_MADE, client.patch(ME, json={"time_zone": "Asia/Tokyo"}))

        assert reply.status_code == 200, reply.text
        assert [task["due_at"] for task in (await client.get(TASKS)).json()] == ["2027-03-01T00:00:00Z"]


async def test_no_table_is_read_for_each_of_the_many_tasks_below_one(stage: Stage) -> None:
    async with stage.application() as (_, client):
        task = await make(client, "Garden")
        await stage.watcher.execute(MANY_BELOW, client.user_id)
        await stage.watcher.execute("ANALYZE tasks")
        await WRITES["trash"](client, task)
        before = await stage.watcher.fetchval(WALKED)

        assert (await WRITES["purge"](client, task)).status_code == 204

    # What a connection has counted is told at its end.
    await stage.backends(0, "true")
    assert await stage.watcher.fetchval(WALKED) - before < 100


@pytest.mark.parametrize(
    "asked",
    [
        lambda client: client.post("/api/v1/auth/password/change", json=NEW_PASSWORD),
        lambda client: client.request("DELETE", ME, json={"password": PASSWORD}),
    ],
    ids=["change the password", "leave"],
)
async def test_whoever_was_locked_out_while_they_waited_has_nothing_that_lasts(
    stage: Stage, asked: Callable[[Client], Coroutine[Any, Any, httpx.Response]]
) -> None:
    async with stage.application() as (_, client):
        async with stage.holding(USER_LOCKED, client.user_id) as connection:
            waiting = asyncio.ensure_future(asked(client))
            await stage.blocked(1)
            await connection.execute(LOCKED_OUT, client.user_id)
        reply = await waiting

        assert (reply.status_code, reply.json()["code"]) == (401, "token_invalid")


async def test_whoever_leaves_waits_for_what_they_are_still_removing(stage: Stage) -> None:
    """Each needs the user and the row of their revision: taken in another order, one would be refused."""
    async with stage.application() as (_, client):
        task = await make(client, "Garden")
        await WRITES["trash"](client, task)
        async with stage.holding(LANES["fast lane"].lock, client.user_id):
            purging = asyncio.ensure_future(WRITES["purge"](client, task))
            await stage.blocked(1)
            leaving = asyncio.ensure_future(client.request("DELETE", ME, json={"password": PASSWORD}))
            await stage.blocked(2)

        assert [reply.status_code for reply in await asyncio.gather(purging, leaving)] == [204, 204]
