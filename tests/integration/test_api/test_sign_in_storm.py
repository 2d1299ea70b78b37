"""Many who sign in at the same moment: each is served in turn, and nobody else is kept waiting."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI

from backend.services import throttle
from backend.services.throttle import SIGNING_IN
from tests.factories.applications import running, settings_for
from tests.factories.clients import PASSWORD, Client, client_for, sign_up
from tests.integration.test_api.answers import LOGIN, TASKS, answered, problem


async def test_all_are_served_and_few_at_a_time_stand_in_the_way_of_reads(
    app: FastAPI, owner: Client, anonymous: Client
) -> None:
    storm = [
        asyncio.create_task(anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD})) for _ in range(40)
    ]
    busiest = 0
    reads = 0
    while not all(task.done() for task in storm):
        answered(await owner.get(TASKS))
        busiest = max(busiest, app.state.database.admitted())
        reads += 1
        await asyncio.sleep(0.005)

    assert [task.result().status_code for task in storm] == [200] * 40
    # Besides them, what has been revoked is asked for now and then.
    assert busiest <= SIGNING_IN + 1
    assert reads > len(storm) / SIGNING_IN


async def test_whoever_finds_too_many_waiting_is_told_to_come_again(
    own_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "QUEUE_LIMIT", 3)
    async with running(settings_for(own_database_url), tmp_path / "log") as app, client_for(app) as client:
        person = await sign_up(app, client)

        replies = await asyncio.gather(
            *(client.post(LOGIN, json={"email": person.email, "password": PASSWORD}) for _ in range(SIGNING_IN + 3 + 4))
        )

        assert sorted(reply.status_code for reply in replies) == [200] * (SIGNING_IN + 3) + [503] * 4
        for reply in replies:
            if reply.status_code == 503:
                problem(reply, 503, "overloaded")
                assert reply.headers["retry-after"] == "1"
