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
from tests.integration.test_api.guesses import guess, guess_until_refused, lock


async def test_after_some_guesses_the_next_one_has_to_wait_and_is_not_even_looked_at(
    app: FastAPI, owner: Client, anonymous: Client, count_hashes: CountHashes
) -> None:
    *guesses, refused = await guess_until_refused(anonymous, owner.email)
    assert len(guesses) >= PAIR.free + 1
    for reply in guesses:
        problem(reply, 401, "invalid_credentials")
    problem(refused, 429, "too_many_attempts")
    assert 1 <= int(refused.headers["retry-after"]) <= 2

    await lock(app, anonymous, owner.email)
    with count_hashes() as hashes:
        problem(await guess(anonymous, owner.email, PASSWORD), 429, "too_many_attempts")
    assert hashes == []


async def test_the_right_password_gets_in_after_the_wait_and_all_is_forgiven(owner: Client, anonymous: Client) -> None:
    refused = (await guess_until_refused(anonymous, owner.email))[-1]

    await asyncio.sleep(int(refused.headers["retry-after"]))

    answered(await guess(anonymous, owner.email, PASSWORD))
    assert len(await guess_until_refused(anonymous, owner.email)) > PAIR.free + 1


async def test_after_a_reset_the_new_password_gets_in_at_once(app: FastAPI, owner: Client, anonymous: Client) -> None:
    await lock(app, anonymous, owner.email)
    new = {"token": owner.reset_token, "password": "staple the horse again"}

    assert (await anonymous.post("/api/v1/auth/password/reset", json=new)).status_code == 204

    answered(await guess(anonymous, owner.email, new["password"]))


async def test_an_account_that_is_not_there_is_guarded_just_the_same(owner: Client, anonymous: Client) -> None:
    anonymous.headers["X-Request-ID"] = "the-same-request"
    answers = []
    for email in (owner.email, f"{uuid4().hex}@example.com", uuid4().hex):
        replies = await guess_until_refused(anonymous, email)
        assert len(replies) >= PAIR.free + 2
        answers.append([(reply.status_code, reply.content) for reply in (replies[0], replies[-1])])

    assert [status for status, _ in answers[0]] == [401, 429]
    assert answers[0] == answers[1] == answers[2]


async def test_the_form_and_the_json_count_together(app: FastAPI, owner: Client, anonymous: Client) -> None:
    form = {"grant_type": "password", "username": owner.email.upper(), "password": PASSWORD}
    await lock(app, anonymous, owner.email)

    problem(await anonymous.post(TOKEN, data=form), 429, "too_many_attempts")


async def test_a_refresh_is_no_guess(app: FastAPI, owner: Client, anonymous: Client) -> None:
    await lock(app, anonymous, owner.email)

    form = {"grant_type": "refresh_token", "refresh_token": owner.refresh_token}
    answered(await anonymous.post(TOKEN, data=form))


async def test_whoever_guesses_keeps_nobody_out_but_themselves(app: FastAPI, owner: Client, anonymous: Client) -> None:
    await lock(app, anonymous, owner.email)

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

        first = await guess_until_refused(clients[0], owner.email)
        await sql(
            apps[0], "UPDATE rate_limits SET expires_at = expires_at + interval '1 minute' WHERE key LIKE 'wait:%'"
        )

        assert first[-1].status_code == 429
        problem(await guess(clients[1], owner.email), 429, "too_many_attempts")


async def test_a_guess_is_counted_though_its_request_is_refused(app: FastAPI, owner: Client, anonymous: Client) -> None:
    tries = "SELECT coalesce(sum(count), 0) AS tries FROM rate_limits WHERE key LIKE 'tries:%' AND expires_at > now()"
    before = await sql(app, tries)
    problem(await guess(anonymous, owner.email), 401, "invalid_credentials")
    after = await sql(app, tries)

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
