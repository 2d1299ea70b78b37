"""Many who sign in at the same moment: each is served in turn, and nobody else is kept waiting."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI

from backend.services import throttle
from backend.services.throttle import IN_LINE, QUEUE_LIMIT, SIGNING_IN
from tests.factories.applications import running, settings_for
from tests.factories.clients import PASSWORD, Client, client_for, sign_up
from tests.integration.test_api.answers import LOGIN, TASKS, answered, problem


async def test_all_are_served_and_few_at_a_time_stand_in_the_way_of_reads(app: FastAPI, owner: Client) -> None:
    credentials = {"email": owner.email, "password": PASSWORD}
    storm = [asyncio.create_task(client_for(app).post(LOGIN, json=credentials)) for _ in range(40)]
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


async def test_one_who_knows_the_password_and_gives_it_all_the_time_keeps_nobody_out(
    app: FastAPI, owner: Client, stranger: Client
) -> None:
    change = {"email": f"new.{owner.email}", "password": PASSWORD}
    storm = [asyncio.create_task(owner.post("/api/v1/auth/email/change", json=change)) for _ in range(QUEUE_LIMIT + 40)]
    await asyncio.wait(storm, return_when=asyncio.FIRST_COMPLETED)

    answered(await client_for(app).post(LOGIN, json={"email": stranger.email, "password": PASSWORD}))
    assert sum(not task.done() for task in storm) < IN_LINE, "it did not wait behind them"

    replies = await asyncio.gather(*storm)
    assert {reply.status_code for reply in replies} == {202, 429}
    assert IN_LINE <= sum(reply.status_code == 202 for reply in replies) < 2 * IN_LINE
    for reply in replies:
        if reply.status_code == 429:
            problem(reply, 429, "rate_limited")
            assert reply.headers["retry-after"] == "1"


async def test_where_no_rate_is_set_one_address_may_be_everybody(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, auth_rate_limit="off")
    async with running(settings, tmp_path / "log") as app, client_for(app) as client:
        people = [await sign_up(app, client_for(app)) for _ in range(IN_LINE + 5)]

        replies = await asyncio.gather(
            *(client.post(LOGIN, json={"email": person.email, "password": PASSWORD}) for person in people)
        )

        assert [reply.status_code for reply in replies] == [200] * len(people)
