"""Connections come back whatever becomes of a request, and those who wait for one are served in turn or told to go."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

import httpx
import pytest
from fastapi import FastAPI

from backend.database.session import Database
from tests.factories.clients import PASSWORD, Client
from tests.integration.test_database.stage import (
    LANES,
    LIMIT,
    ME,
    TASKS,
    Lane,
    Stage,
    admitted,
    is_refusal,
    recovered,
    same_person,
    tasks_of,
)

POOL_SIZE = 5
REQUESTS = 500
BATCH = 25

type Request = Callable[[Client, str], Awaitable[httpx.Response]]

MIX: Sequence[Request] = [
    lambda client, _: client.get(TASKS),
    lambda client, _: client.get(TASKS, params={"limit": 1, "completed": False}),
    lambda client, _: client.get(TASKS, params={"cursor": "nonsense"}),
    lambda client, task: client.get(f"{TASKS}/{task}"),
    lambda client, _: client.get(f"{TASKS}/0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01"),
    lambda client, _: client.post(TASKS, json={"title": "Water the plants"}),
    lambda client, task: client.post(TASKS, json={"title": "Again", "id": task}),
    lambda client, _: client.post(TASKS, json={"title": ""}),
    lambda client, _: client.post(TASKS, content=b"{", headers={"Content-Type": "application/json"}),
    lambda client, task: client.patch(f"{TASKS}/{task}", json={"title": str(random.random())}),
    lambda client, task: client.put(f"{TASKS}/{task}", json={"title": "x"}, headers={"If-Match": '"0"'}),
    lambda client, task: client.patch(f"{TASKS}/{task}/complete", json={"completed": random.random() < 0.5}),
    lambda client, _: client.delete(f"{TASKS}/0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01"),
    lambda client, _: client.get(TASKS, headers={"Authorization": "Bearer x.y.z"}),
    lambda client, _: client.get("/api/v1/users/0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01/tasks"),
    lambda client, _: client.get(ME),
    lambda client, _: client.patch(ME, json={"name": str(random.random())}),
    lambda client, _: client.patch(ME, json={"name": "x"}, headers={"If-Match": '"0"'}),
    lambda client, _: client.post("/api/v1/auth/login", json={"email": client.email, "password": PASSWORD}),
    lambda client, _: client.post(
        "/api/v1/auth/token", data={"grant_type": "refresh_token", "refresh_token": client.refresh_token}
    ),
    lambda client, _: client.get("/health/ready"),
]


async def attempt(request: Awaitable[httpx.Response], patience: float | None) -> httpx.Response | None:
    """The reply, or None if the client gave up after so many seconds, in the middle of whatever was going on."""
    task = asyncio.ensure_future(request)
    if patience is not None:
        asyncio.get_running_loop().call_later(patience, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def assert_every_connection_is_usable(stage: Stage, app: FastAPI, client: Client) -> None:
    """As many requests at once as there are connections, in either lane, all get as far as the database."""
    assert app.state.database.checked_out() == 0
    await stage.backends(0, "state <> 'idle'")
    locks = [stage.holding(lane.lock, client.user_id) for lane in LANES.values()]
    async with locks[0], locks[1]:
        writes = [asyncio.ensure_future(lane.write(client)) for lane in LANES.values() for _ in range(POOL_SIZE)]
        await stage.blocked(2 * POOL_SIZE)
    assert {reply.status_code for reply in await asyncio.gather(*writes)} == {200, 201}
    assert app.state.database.checked_out() == 0


async def test_requests_that_fail_or_are_given_up_leave_no_connection_behind(stage: Stage) -> None:
    unlimited = {"database_pool_size": POOL_SIZE, "database_timeout": LIMIT, "rate_limit": "off"}
    async with stage.application(**unlimited) as (app, client):
        replies = []
        for _ in range(REQUESTS // BATCH):
            task = (await client.post(TASKS, json={"title": "Water the plants"})).json()["id"]
            patience = [random.choice([None, None, random.uniform(0, 0.03)]) for _ in range(BATCH)]
            replies += await asyncio.gather(
                *(attempt(random.choice(MIX)(client, task), seconds) for seconds in patience)
            )

        answered = [reply.status_code for reply in replies if reply is not None]
        assert REQUESTS // 2 < len(answered) < REQUESTS
        assert max(answered) < 500
        assert len(set(answered)) > 5
        await assert_every_connection_is_usable(stage, app, client)
    assert stage.failures() == []


async def test_a_request_that_is_given_up_while_it_waits_for_the_database_gives_way(stage: Stage, lane: Lane) -> None:
    async with stage.application(database_pool_size=POOL_SIZE, database_timeout=LIMIT) as (app, client):
        async with stage.holding(lane.lock, client.user_id):
            writes = [asyncio.ensure_future(lane.write(client)) for _ in range(2 * POOL_SIZE)]
            await stage.blocked(POOL_SIZE)
            for write in writes:
                write.cancel()
            await asyncio.gather(*writes, return_exceptions=True)

            assert (await lane.read(client)).status_code == 200
        await assert_every_connection_is_usable(stage, app, client)


async def test_waiting_requests_are_served_in_the_order_they_came(stage: Stage, lane: Lane) -> None:
    async with stage.application(database_pool_size=1, database_timeout=LIMIT) as (app, client):
        writes: list[asyncio.Future[httpx.Response]] = []
        async with stage.holding(lane.lock, client.user_id):
            for number in range(1, 21):
                writes.append(asyncio.ensure_future(lane.write(client)))
                await admitted(app, number)
        await writes[0]
        writes.append(asyncio.ensure_future(lane.write(client)))

        versions = [reply.json()["version"] for reply in await asyncio.gather(*writes)]

    assert versions == list(range(versions[0], versions[0] + 21))


async def test_a_full_queue_turns_the_next_request_away_at_once(stage: Stage, lane: Lane) -> None:
    limits = {"database_pool_size": 1, "database_queue_limit": 2, "database_timeout": LIMIT}
    async with stage.application(**limits) as (app, client):
        async with stage.holding(lane.lock, client.user_id):
            writes = [asyncio.ensure_future(lane.write(client)) for _ in range(3)]
            await admitted(app, 3)

            refused = await lane.read(client)
            others = [await other.read(client) for other in LANES.values() if other is not lane]
            alive = await client.get("/health/live")
        served = await asyncio.gather(*writes)

    assert is_refusal(refused)
    assert refused.json()["code"] == "overloaded"
    assert [reply.status_code for reply in (*others, alive)] == [200, 200]
    assert {reply.status_code for reply in served} <= {200, 201}


async def test_nobody_waits_beyond_the_deadline_and_nothing_is_written_after_it(stage: Stage, lane: Lane) -> None:
    async with (
        stage.application(database_timeout=LIMIT) as (_, patient),
        stage.serving(database_pool_size=1, database_timeout=0.2) as app,
        same_person(app, patient) as client,
    ):
        before = (await patient.get(ME)).json()
        async with stage.holding(lane.lock, client.user_id):
            replies = await asyncio.gather(*(lane.write(client) for _ in range(3)))
            await stage.blocked(0)

        assert all(map(is_refusal, replies))
        # One of them had the connection; the others never got that far.
        assert [reply.json()["code"] for reply in replies].count("overloaded") >= 2
        assert app.state.database.checked_out() == 0
        assert (await patient.get(ME)).json() == before
        assert await stage.watcher.fetchval(tasks_of(client.user_id)) == 0
        await recovered(lane, client)


async def test_a_fault_of_ours_within_a_transaction_is_not_taken_for_an_outage(stage: Stage) -> None:
    async def fail(database: Database) -> None:
        async with database.begin() as session:
            await session.connection()
            assert database.checked_out() == 1
            raise FileNotFoundError

    async with stage.serving() as app:
        with pytest.raises(FileNotFoundError):
            await fail(app.state.database)
        assert app.state.database.checked_out() == 0
