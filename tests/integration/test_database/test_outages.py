"""The database goes away in every way it can, and comes back: we say so, stay up, and recover without a restart."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from backend.database import migrate, session
from backend.database.embedded import NAME, EmbeddedPostgres
from tests.factories.applications import running, settings_for
from tests.factories.clients import Client, client_for, sign_up
from tests.factories.databases import execute, named
from tests.integration.test_database.door import Door
from tests.integration.test_database.stage import (
    LANES,
    LIMIT,
    ME,
    OTHERS,
    TASKS,
    Lane,
    Stage,
    eventually,
    is_refusal,
    recovered,
    same_person,
)

SHORT = 0.2
"""Seconds: a deadline for those tests that wait for one to pass."""


@pytest.fixture(autouse=True)
def _asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Health tells how it is now, and not how it was a second ago."""
    monkeypatch.setattr(session, "READY_FOR", 0.0)


@pytest.fixture
async def door(stage: Stage) -> AsyncIterator[Door]:
    """A door to the stage's database, which is shut."""
    # Not in pytest's directory for the test: the path of a socket must be short.
    with tempfile.TemporaryDirectory() as directory:
        door = Door(Path(directory), stage.url)
        yield door
        await door.shut()


async def assert_away(client: Client) -> None:
    """Every request that needs the database is refused, soon; the process says that it is alive and not ready."""
    async with asyncio.timeout(LIMIT / 2):
        replies = await asyncio.gather(
            *(request(client) for lane in LANES.values() for request in (lane.read, lane.write)),
            *(client.get(path) for path in ("/health/ready", "/health")),
        )
        assert [reply.text for reply in replies if not is_refusal(reply)] == []
        assert (await client.get("/health/live")).status_code == 200
        # What the token alone decides is decided without it.
        assert (await client.get(TASKS, headers={"Authorization": "Bearer x.y.z"})).status_code == 401


async def assert_back(app: FastAPI, client: Client) -> None:
    """Everything works again, without a restart."""
    for lane in LANES.values():
        await recovered(lane, client)

    await eventually(lambda: _is_ready(client))
    assert app.state.database.checked_out() == 0


@pytest.mark.parametrize("kill", ["pg_terminate_backend", "pg_cancel_backend"])
async def test_a_backend_killed_at_work_costs_that_request_and_no_other(stage: Stage, lane: Lane, kill: str) -> None:
    async with stage.application(database_timeout=2 * LIMIT) as (app, client):
        async with stage.holding(lane.lock, client.user_id):
            write = asyncio.ensure_future(lane.write(client))
            await stage.blocked(1)
            await stage.watcher.execute(f"SELECT {kill}(pid) {OTHERS} AND wait_event_type = 'Lock'")
            async with asyncio.timeout(LIMIT):
                assert is_refusal(await write)

        assert (await lane.write(client)).is_success
        assert app.state.database.checked_out() == 0
    assert stage.failures() == []


async def test_backends_killed_while_idle_are_replaced(stage: Stage, lane: Lane) -> None:
    async with stage.application(database_pool_size=3, database_timeout=2 * LIMIT) as (app, client):
        await asyncio.gather(*(lane.write(client) for _ in range(9)))
        await stage.end_backends()
        await asyncio.sleep(0.01)  # for the news to arrive

        replies = await asyncio.gather(*(lane.write(client) for _ in range(9)))

        assert {reply.status_code for reply in replies} <= {200, 201}
        assert app.state.database.checked_out() == 0
    assert stage.failures() == []


async def test_backends_killed_again_and_again_never_make_more_than_a_refusal(stage: Stage) -> None:
    async with stage.application(database_pool_size=3, database_timeout=2 * LIMIT) as (app, client):

        async def use(lane: Lane) -> list[httpx.Response]:
            return [await request(client) for _ in range(15) for request in (lane.write, lane.read)]

        using = asyncio.gather(*(use(lane) for lane in LANES.values() for _ in range(4)))
        while not using.done():
            await stage.watcher.execute(f"SELECT pg_terminate_backend(pid) {OTHERS}")
            await asyncio.sleep(0.005)

        replies = [reply for several in await using for reply in several]
        assert [reply.text for reply in replies if not (reply.is_success or is_refusal(reply))] == []
        for lane in LANES.values():
            await recovered(lane, client)
        assert app.state.database.checked_out() == 0
    assert stage.failures() == []


async def test_a_database_that_refuses_connections_is_said_to_be_away_until_it_is_back(
    stage: Stage, door: Door
) -> None:
    await door.open()
    async with replace(stage, url=door.url).application(database_timeout=2 * LIMIT) as (app, client):
        await assert_back(app, client)
        for _ in range(2):
            await door.shut()
            await assert_away(client)
            await door.open()
            await assert_back(app, client)
    assert stage.failures() == []


async def test_requests_under_way_when_the_connections_break_are_refused(stage: Stage, door: Door, lane: Lane) -> None:
    await door.open()
    async with replace(stage, url=door.url).application(database_pool_size=2, database_timeout=2 * LIMIT) as (
        app,
        client,
    ):
        async with stage.holding(lane.lock, client.user_id):
            writes = [asyncio.ensure_future(lane.write(client)) for _ in range(5)]
            await stage.blocked(2)
            await door.shut()
            async with asyncio.timeout(LIMIT):
                replies = await asyncio.gather(*writes)
        await stage.backends(0, "true")
        await door.open()

        assert all(map(is_refusal, replies))
        await assert_back(app, client)
    assert stage.failures() == []


async def test_a_database_that_does_not_answer_is_given_up_at_the_deadline(stage: Stage, door: Door) -> None:
    await door.open()
    async with (
        stage.application(database_timeout=LIMIT) as (_, person),
        replace(stage, url=door.url).serving(database_timeout=SHORT) as app,
        same_person(app, person) as client,
    ):
        await assert_back(app, client)
        for _ in range(2):
            door.hush()
            await assert_away(client)
            await door.open()
            await assert_back(app, client)
    assert stage.failures() == []


async def test_a_database_that_falls_silent_keeps_nobody_much_beyond_the_deadline(stage: Stage, door: Door) -> None:
    deadline = 2.0
    await door.open()
    async with (
        stage.application(database_timeout=LIMIT) as (_, person),
        replace(stage, url=door.url).serving(database_timeout=deadline, database_pool_size=2) as app,
        same_person(app, person) as client,
    ):
        await assert_back(app, client)
        door.hush()
        # The driver's own way of giving up takes twice as long, or 2 s more: this is a bound, not a benchmark.
        async with asyncio.timeout(deadline + 1.5):
            replies = await asyncio.gather(
                *(request(client) for lane in LANES.values() for request in (lane.read, lane.write) for _ in range(2))
            )
        await door.open()

        assert all(map(is_refusal, replies))
        await assert_back(app, client)
    assert stage.failures() == []


async def test_the_application_starts_without_its_database(stage: Stage, door: Door) -> None:
    async with (
        stage.application(database_timeout=LIMIT) as (_, person),
        replace(stage, url=door.url).serving(database_timeout=LIMIT) as app,
        same_person(app, person) as client,
    ):
        await assert_away(client)
        await door.open()
        await assert_back(app, client)
    assert stage.failures() == []


async def test_a_database_that_is_not_there_is_said_to_be_away(stage: Stage) -> None:
    async with (
        stage.application() as (_, person),
        replace(stage, url=named(stage.url, "no_such_database")).serving() as app,
        same_person(app, person) as client,
    ):
        await assert_away(client)


async def test_a_server_that_is_stopped_and_started_again_has_kept_what_was_acknowledged(tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedPostgres(Path(directory, "data")) as server,
    ):
        await asyncio.to_thread(migrate.upgrade, server.url)
        # Each start has another socket, and leaves a link to it here.
        sockets = quote(str(Path(directory, "data", "runtime", "s")), safe="")
        settings = settings_for(f"postgresql://{NAME}@/{NAME}?host={sockets}", database_timeout=LIMIT)
        async with running(settings, tmp_path / "app.log") as app, client_for(app) as client:
            await sign_up(app, client)
            await asyncio.gather(*(client.post(TASKS, json={"title": "Water the plants"}) for _ in range(20)))
            profile, tasks = [(await client.get(path)).content for path in (ME, TASKS)]

            await asyncio.to_thread(server.stop)
            await assert_away(client)
            await asyncio.to_thread(server.start)

            await eventually(lambda: _is_ready(client))
            assert [(await client.get(path)).content for path in (ME, TASKS)] == [profile, tasks]
            await assert_back(app, client)


async def _is_ready(client: Client) -> bool:
    reply = await client.get("/health/ready")
    assert reply.status_code == 200 or is_refusal(reply)
    return reply.status_code == 200


@pytest.mark.parametrize("condition", ["deadlock_detected", "serialization_failure"])
async def test_who_was_chosen_to_give_way_is_told_to_come_again(
    stage: Stage, own_database_url: str, lane: Lane, condition: str
) -> None:
    """A stand-in for two that wait for each other: the database's own error, at a write of each lane."""
    gives_way = f"""
        CREATE FUNCTION gives_way() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{condition}'; END $$
    """
    async with replace(stage, url=own_database_url).application() as (_, client):
        await execute(own_database_url, gives_way)
        for table, change in (("tasks", "INSERT"), ("users", "UPDATE")):
            trigger = f"CREATE TRIGGER gives_way BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION gives_way()"
            await execute(own_database_url, trigger)

        reply = await lane.write(client)

        assert is_refusal(reply), reply.text
        assert (await lane.read(client)).status_code == 200
    assert stage.failures() == []
