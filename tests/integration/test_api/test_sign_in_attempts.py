"""How often somebody may try a password, as a client sees it."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from backend.services.throttle import PAIR
from tests.factories.applications import running, settings_for
from tests.factories.clients import PASSWORD, Client, client_for
from tests.factories.hashes import CountHashes
from tests.integration.test_api.answers import LOGIN, REGISTER, TOKEN, answered, problem, sql

TRIES = PAIR.free + 3


async def guess(client: Client, email: str, password: str = "wrong password") -> httpx.Response:
    return await client.post(LOGIN, json={"email": email, "password": password})


async def lock(client: Client, email: str) -> httpx.Response:
    """Guess until there is a wait; gives the refusal."""
    for _ in range(PAIR.free + 1):
        problem(await guess(client, email), 401, "invalid_credentials")
    return await guess(client, email)


async def test_after_some_guesses_the_next_one_has_to_wait_and_is_not_even_looked_at(
    owner: Client, anonymous: Client, count_hashes: CountHashes
) -> None:
    refused = await lock(anonymous, owner.email)
    problem(refused, 429, "too_many_attempts")
    assert refused.headers["retry-after"] == "1"

    with count_hashes() as hashes:
        problem(await guess(anonymous, owner.email, PASSWORD), 429, "too_many_attempts")
    assert hashes == []


async def test_the_right_password_gets_in_after_the_wait_and_all_is_forgiven(owner: Client, anonymous: Client) -> None:
    refused = await lock(anonymous, owner.email)

    await asyncio.sleep(int(refused.headers["retry-after"]))

    answered(await guess(anonymous, owner.email, PASSWORD))
    problem(await lock(anonymous, owner.email), 429, "too_many_attempts")


async def test_an_account_that_is_not_there_is_guarded_just_the_same(owner: Client, anonymous: Client) -> None:
    anonymous.headers["X-Request-ID"] = "the-same-request"
    answers = []
    for email in (owner.email, f"{uuid4().hex}@example.com", uuid4().hex):
        replies = [await guess(anonymous, email) for _ in range(TRIES)]
        answers.append([(reply.status_code, reply.content, reply.headers.get("retry-after")) for reply in replies])

    assert [status for status, _, _ in answers[0]] == [401] * (PAIR.free + 1) + [429] * 2
    assert answers[0] == answers[1] == answers[2]


async def test_the_form_and_the_json_count_together(owner: Client, anonymous: Client) -> None:
    form = {"grant_type": "password", "username": owner.email.upper(), "password": PASSWORD}
    await lock(anonymous, owner.email)

    problem(await anonymous.post(TOKEN, data=form), 429, "too_many_attempts")


async def test_a_refresh_is_no_guess(owner: Client, anonymous: Client) -> None:
    await lock(anonymous, owner.email)

    form = {"grant_type": "refresh_token", "refresh_token": owner.refresh_token}
    answered(await anonymous.post(TOKEN, data=form))


async def test_whoever_guesses_keeps_nobody_out_but_themselves(owner: Client, anonymous: Client) -> None:
    await lock(anonymous, owner.email)

    answered(await guess(owner, owner.email, PASSWORD))
    problem(await guess(anonymous, f"{uuid4().hex}@example.com"), 401, "invalid_credentials")


async def test_the_count_is_the_same_on_every_instance(database_url: str, owner: Client, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        apps = [
            await stack.enter_async_context(running(settings_for(database_url), tmp_path / f"log {number}"))
            for number in range(2)
        ]
        clients = [
            await stack.enter_async_context(
                Client(transport=httpx.ASGITransport(app, client=("192.0.2.77", 1)), base_url="http://testserver")
            )
            for app in apps
        ]

        statuses = [
            reply.status_code
            for _ in range(TRIES)
            for reply in await asyncio.gather(*(guess(client, owner.email) for client in clients))
        ]

        assert statuses.count(401) == PAIR.free + 1
        assert statuses.count(429) == 2 * TRIES - PAIR.free - 1


async def test_a_guess_is_counted_though_its_request_is_refused(app: FastAPI, owner: Client, anonymous: Client) -> None:
    before = await sql(app, "SELECT coalesce(sum(count), 0) AS tries FROM rate_limits WHERE key LIKE 'tries:%'")
    problem(await guess(anonymous, owner.email), 401, "invalid_credentials")
    after = await sql(app, "SELECT sum(count) AS tries FROM rate_limits WHERE key LIKE 'tries:%'")

    assert after[0]["tries"] - before[0]["tries"] == 3, "for the account here, the account, and the address"


@pytest.mark.parametrize("path", [REGISTER, LOGIN])
async def test_an_address_may_only_so_often_sign_up_or_in(database_url: str, tmp_path: Path, path: str) -> None:
    settings = settings_for(database_url, auth_rate_limit="3/hour")
    async with running(settings, tmp_path / "log") as app, client_for(app) as client, client_for(app) as other:

        async def ask(client: Client) -> httpx.Response:
            person = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
            return await client.post(path, json={**person, "name": "Ada"} if path == REGISTER else person)

        statuses = [(await ask(client)).status_code for _ in range(3)]
        refused = await ask(client)

        assert statuses == [201 if path == REGISTER else 401] * 3
        problem(refused, 429, "rate_limited")
        assert 3_590 <= int(refused.headers["retry-after"]) <= 3_600
        assert (await ask(other)).status_code == statuses[0]
