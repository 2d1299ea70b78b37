"""People who signed up at a real Better Auth server use us with its tokens, whatever becomes of its keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from fastapi import FastAPI

from backend.auth import jwks
from backend.auth.jwks import FRESH, REST
from tests.factories.applications import running, settings_for
from tests.factories.better_auth import BetterAuth, serving
from tests.factories.clients import Client, client_for
from tests.integration.test_api.answers import LOGOUT, ME, TASKS, answered, problem
from tests.unit.test_auth.issuing import Clock

AUDIT = "/api/v1/users/me/audit"


@asynccontextmanager
async def trusting(server: BetterAuth, database_url: str, log: Path, **settings: Any) -> AsyncIterator[FastAPI]:
    """An application that takes the server's tokens."""
    async with running(settings_for(database_url, better_auth_url=server.url, **settings), log) as app:
        yield app


@pytest.fixture
async def trusting_app(better_auth: BetterAuth, database_url: str, tmp_path: Path) -> AsyncIterator[FastAPI]:
    async with trusting(better_auth, database_url, tmp_path / "app.log") as app:
        yield app


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which keys grow old."""
    clock = Clock()
    monkeypatch.setattr(jwks, "monotonic", clock)
    return clock


@asynccontextmanager
async def bearing(app: FastAPI, token: str) -> AsyncIterator[Client]:
    async with client_for(app) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def test_who_signs_up_there_has_a_list_here(better_auth: BetterAuth, trusting_app: FastAPI) -> None:
    async with better_auth.signed_up("Ada Lovelace") as ada, bearing(trusting_app, await ada.token()) as client:
        me = answered(await client.get(ME))
        task = await client.post(TASKS, json={"title": "Water the plants"})
        own = await client.get(f"/api/v1/users/{me['id']}/tasks")
        later = await ada.token()

    assert (me["name"], me["email"], me["email_verified_at"]) == ("Ada Lovelace", None, None)
    assert task.status_code == 201
    assert task.json()["user_id"] == me["id"]
    assert own.json() == [task.json()]
    async with bearing(trusting_app, later) as client:
        assert answered(await client.get(ME)) == me
        assert (await client.get(TASKS)).json() == [task.json()]


async def test_its_tokens_are_as_we_take_them_to_be(better_auth: BetterAuth) -> None:
    async with better_auth.signed_up() as ada:
        token = await ada.token()

    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    assert header["alg"] == "EdDSA"
    assert header.keys() == {"alg", "kid"}
    assert (claims["iss"], claims["aud"], claims["sub"]) == (better_auth.url, better_auth.url, ada.subject)
    assert claims["exp"] - claims["iat"] == 900
    assert len(ada.subject) == 32


async def test_two_people_there_are_two_people_here(better_auth: BetterAuth, trusting_app: FastAPI) -> None:
    async with (
        better_auth.signed_up() as ada,
        better_auth.signed_up() as eve,
        bearing(trusting_app, await ada.token()) as hers,
        bearing(trusting_app, await eve.token()) as other,
    ):
        task = (await hers.post(TASKS, json={"title": "Water the plants"})).json()
        ids = {answered(await client.get(ME))["id"] for client in (hers, other)}

        assert len(ids) == 2
        assert (await other.get(TASKS)).json() == []
        problem(await other.get(f"{TASKS}/{task['id']}"), 404, "task_not_found")
        problem(await other.get(f"/api/v1/users/{task['user_id']}/tasks"), 403, "not_yours")


async def test_an_address_there_is_nobody_here(better_auth: BetterAuth, trusting_app: FastAPI, owner: Client) -> None:
    async with (
        better_auth.signed_up(email=owner.email) as thief,
        bearing(trusting_app, await thief.token()) as client,
    ):
        assert answered(await client.get(ME))["id"] != str(owner.user_id)
        assert (await client.get(TASKS)).json() == []


async def test_keys_that_rotate_sign_nobody_out(better_auth: BetterAuth, trusting_app: FastAPI, clock: Clock) -> None:
    async with better_auth.signed_up() as ada:
        old = await ada.token()
        async with bearing(trusting_app, old) as client:
            me = answered(await client.get(ME))
        await better_auth.expire_keys()
        clock.now += REST
        new = await ada.token()

    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    # The old key is published for another 30 days.
    for token in (new, old, new):
        async with bearing(trusting_app, token) as client:
            assert answered(await client.get(ME)) == me


async def test_keys_that_are_deleted_end_their_tokens_with_the_next_read(
    better_auth: BetterAuth, trusting_app: FastAPI, clock: Clock
) -> None:
    async with better_auth.signed_up() as ada:
        old = await ada.token()
        async with bearing(trusting_app, old) as client:
            me = answered(await client.get(ME))
        await better_auth.delete_keys()
        new = await ada.token()

    async with bearing(trusting_app, old) as client:
        assert answered(await client.get(ME)) == me
    clock.now += REST
    async with bearing(trusting_app, new) as client:
        assert answered(await client.get(ME)) == me
    async with bearing(trusting_app, old) as client:
        problem(await client.get(ME), 401, "token_signature_invalid")


async def test_we_go_on_without_the_server_that_signed_people_in(
    better_auth_program: Path, database_url: str, tmp_path: Path, clock: Clock
) -> None:
    async with serving(better_auth_program) as server, trusting(server, database_url, tmp_path / "one") as app:
        async with server.signed_up() as ada, server.signed_up() as eve:
            known, fresh = await ada.token(), await eve.token()
        async with bearing(app, known) as client:
            assert (await client.get(ME)).status_code == 200
        await server.stop()
        clock.now += 2 * FRESH

        for token in (known, fresh, known):
            async with bearing(app, token) as client:
                assert (await client.get(ME)).status_code == 200
        # One that has never read the keys cannot tell whose a token is, which is not the token's fault.
        async with trusting(server, database_url, tmp_path / "two") as newcomer, bearing(newcomer, known) as client:
            reply = await client.get(ME)
            problem(reply, 503, "issuer_unavailable")
            assert reply.headers["retry-after"] == "5"
            assert "www-authenticate" not in reply.headers
            assert (await client.get("/health")).status_code == 200
            client.headers["Authorization"] = "Bearer x.y.z"
            problem(await client.get(ME), 401, "token_malformed")


async def test_its_own_secret_does_not_sign_its_tokens(
    better_auth: BetterAuth, trusting_app: FastAPI, database_url: str, tmp_path: Path
) -> None:
    async with better_auth.signed_up() as ada:
        claims = jwt.decode(await ada.token(), options={"verify_signature": False})
    minted = jwt.encode(claims, better_auth.secret, algorithm="HS256")

    async with bearing(trusting_app, minted) as client:
        problem(await client.get(ME), 401, "token_signature_invalid")
    settings = {"better_auth_secret": better_auth.secret}
    # Unless we are told that a frontend mints tokens with it: then these are the same people.
    async with trusting(better_auth, database_url, tmp_path / "log", **settings) as app:
        async with bearing(app, minted) as client:
            me = answered(await client.get(ME))
        async with better_auth.signed_up() as eve, bearing(app, await eve.token()) as client:
            assert answered(await client.get(ME))["id"] != me["id"]


async def test_signing_out_is_done_where_one_signed_in(better_auth: BetterAuth, trusting_app: FastAPI) -> None:
    async with better_auth.signed_up() as ada, bearing(trusting_app, await ada.token()) as client:
        problem(await client.post(LOGOUT), 403, "signed_in_elsewhere")
        assert answered(await client.get("/api/v1/auth/sessions")) == []
        assert [entry["event"] for entry in answered(await client.get(AUDIT))] == ["user.registered"]


async def test_without_a_word_from_the_operator_nobody_else_is_trusted(
    better_auth: BetterAuth, anonymous: Client
) -> None:
    async with better_auth.signed_up() as ada:
        anonymous.headers["Authorization"] = f"Bearer {await ada.token()}"

    problem(await anonymous.get(ME), 401, "token_signature_invalid")
