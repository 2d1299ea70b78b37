"""Staying signed in: refresh tokens are spent once, and a family of them ends at the first sign of theft."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI

from backend.auth.refresh_tokens import RefreshToken
from tests.factories.clients import PASSWORD, Client
from tests.integration.test_api.answers import LOGIN, LOGOUT, ME, TOKEN, answered, problem, sql


async def refresh(client: Client, token: str) -> httpx.Response:
    return await client.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": token})


async def rotated(client: Client, token: str) -> str:
    """The token that comes after this one."""
    return str(answered(await refresh(client, token))["refresh_token"])


def refused(reply: httpx.Response) -> None:
    assert problem(reply, 400, "invalid_grant")["error"] == "invalid_grant"


def reused(reply: httpx.Response) -> None:
    assert problem(reply, 401, "refresh_token_reused")["error"] == "invalid_grant"
    assert reply.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


async def set_session(app: FastAPI, client: Client, column: str, value: datetime) -> None:
    await sql(app, f"UPDATE sessions SET {column} = :value WHERE id = :id", value=value, id=client.session_id)


async def session_of(app: FastAPI, client: Client) -> dict[str, Any]:
    (row,) = await sql(app, "SELECT * FROM sessions WHERE id = :id", id=client.session_id)
    return row


def claims_of(access_token: str) -> dict[str, Any]:
    return dict(jwt.decode(access_token, options={"verify_signature": False}))


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
async def test_a_refresh_token_gets_the_next_pair(owner: Client, anonymous: Client, kind: str) -> None:
    fields = {"grant_type": "refresh_token", "refresh_token": owner.refresh_token, "client_id": "x"}

    if kind == "urlencoded":
        tokens = answered(await anonymous.post(TOKEN, data=fields))
    else:
        tokens = answered(await anonymous.post(TOKEN, files={name: (None, value) for name, value in fields.items()}))

    assert tokens.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert tokens["refresh_token"] != owner.refresh_token
    before, after = claims_of(owner.access_token), claims_of(tokens["access_token"])
    assert (after["sub"], after["sid"]) == (before["sub"], before["sid"])
    assert after["jti"] != before["jti"]
    me = await anonymous.get(ME, headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert answered(me)["id"] == str(owner.user_id)


async def test_the_chain_goes_on_as_long_as_each_token_is_spent_once(owner: Client) -> None:
    token, seen = owner.refresh_token, {owner.refresh_token}
    for _ in range(4):
        token = await rotated(owner, token)
        seen.add(token)

    assert len(seen) == 5


async def test_an_old_token_that_comes_back_ends_the_family_for_good(owner: Client) -> None:
    newest = await rotated(owner, await rotated(owner, owner.refresh_token))

    reused(await refresh(owner, owner.refresh_token))

    # The refusal has been answered, and what it found out was kept all the same.
    for _ in range(2):
        refused(await refresh(owner, newest))


async def test_the_parent_that_comes_back_at_once_gets_the_same_successor(owner: Client) -> None:
    newest = await rotated(owner, owner.refresh_token)

    for _ in range(2):
        assert await rotated(owner, owner.refresh_token) == newest

    await rotated(owner, newest)


@pytest.mark.parametrize(("seconds", "survives"), [(8, True), (11, False)])
async def test_a_race_is_over_after_ten_seconds(app: FastAPI, owner: Client, seconds: int, survives: bool) -> None:
    newest = await rotated(owner, owner.refresh_token)
    await set_session(app, owner, "rotated_at", datetime.now(UTC) - timedelta(seconds=seconds))

    assert (await refresh(owner, owner.refresh_token)).status_code == (200 if survives else 401)

    assert (await refresh(owner, newest)).status_code == (200 if survives else 400)


async def test_all_who_spend_a_token_at_once_get_the_same_next_one(owner: Client) -> None:
    replies = await asyncio.gather(*(refresh(owner, owner.refresh_token) for _ in range(4)))

    (newest,) = {answered(reply)["refresh_token"] for reply in replies}
    await rotated(owner, newest)


async def test_the_end_of_one_family_is_not_the_end_of_another(owner: Client, anonymous: Client) -> None:
    other = answered(await anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD}))["refresh_token"]
    await rotated(owner, await rotated(owner, owner.refresh_token))

    reused(await refresh(owner, owner.refresh_token))

    await rotated(anonymous, other)


@pytest.mark.parametrize("column", ["idle_expires_at", "expires_at", "revoked_at"])
async def test_a_session_ends_when_its_time_has_come(app: FastAPI, owner: Client, column: str) -> None:
    await set_session(app, owner, column, datetime.now(UTC) - timedelta(seconds=1))

    refused(await refresh(owner, owner.refresh_token))

    refused(await refresh(owner, owner.refresh_token))


async def test_use_puts_off_the_idle_end_and_never_the_last_one(app: FastAPI, owner: Client) -> None:
    begun = await session_of(app, owner)
    await set_session(app, owner, "idle_expires_at", datetime.now(UTC) + timedelta(minutes=1))

    await rotated(owner, owner.refresh_token)

    used = await session_of(app, owner)
    assert begun["idle_expires_at"] < used["idle_expires_at"] < used["expires_at"] == begun["expires_at"]


async def test_logout_ends_this_session_and_no_other(owner: Client, anonymous: Client) -> None:
    other = answered(await anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD}))["refresh_token"]

    reply = await owner.post(LOGOUT)

    assert (reply.status_code, reply.content) == (204, b"")
    refused(await refresh(owner, owner.refresh_token))
    await rotated(anonymous, other)


async def test_logout_ends_the_newest_token_of_the_session(owner: Client) -> None:
    newest = await rotated(owner, owner.refresh_token)

    assert (await owner.post(LOGOUT)).status_code == 204

    refused(await refresh(owner, newest))


async def test_an_account_that_is_gone_takes_its_sessions_with_it(app: FastAPI, owner: Client) -> None:
    await sql(app, "DELETE FROM users WHERE id = :id", id=owner.user_id)

    refused(await refresh(owner, owner.refresh_token))


# `{0}` stands for a good token, `{1}` for the same without its prefix.
FORGED = ["x", "dwr_", "{1}", "dwr_dwr_{1}", "DWR_{1}", "dwr_é{1}", "{0}A", "{0}AAAA", "{0}\n", " {0}", "dwr_!{1}"]


@pytest.mark.parametrize("forged", [*FORGED, "dwr_" + "A" * 86 + "==", "dwr_" + "!" * 88], ids=ascii)
async def test_what_is_no_refresh_token_is_refused_and_hurts_nobody(owner: Client, forged: str) -> None:
    refused(await refresh(owner, forged.format(owner.refresh_token, owner.refresh_token[4:])))

    await rotated(owner, owner.refresh_token)


async def test_a_refresh_token_is_good_for_nothing_else(owner: Client, anonymous: Client) -> None:
    reply = await anonymous.get(ME, headers={"Authorization": f"Bearer {owner.refresh_token}"})

    problem(reply, 401, "token_malformed")
    refused(await refresh(owner, owner.access_token))


async def test_the_database_does_not_know_the_token(app: FastAPI, owner: Client) -> None:
    newest = await rotated(owner, owner.refresh_token)

    row = str(await session_of(app, owner))

    for token in (owner.refresh_token, newest):
        assert token not in row
        assert token[-44:] not in row


async def test_a_device_that_says_much_about_itself_may_sign_in(app: FastAPI, owner: Client) -> None:
    credentials = {"email": owner.email, "password": PASSWORD}
    headers = httpx.Headers({"User-Agent": "Größe " * 100}, encoding="latin-1")

    signed_in = answered(await owner.post(LOGIN, json=credentials, headers=headers))

    sid = claims_of(signed_in["access_token"])["sid"]
    (row,) = await sql(app, "SELECT device FROM sessions WHERE id = CAST(:id AS uuid)", id=sid)
    assert row["device"].startswith("Größe Größe")
    assert len(row["device"]) == 255


async def test_a_token_that_was_never_given_out_ends_nothing(owner: Client) -> None:
    real = RefreshToken.parse(owner.refresh_token)
    invented = RefreshToken.new(real.user_id, real.session_id, b"a key that is not the session's")
    form = {"grant_type": "refresh_token", "refresh_token": str(invented)}

    problem(await owner.post(TOKEN, data=form), 400, "invalid_grant")
    answered(await owner.post(TOKEN, data=form | {"refresh_token": owner.refresh_token}))


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/problem+json"),
        ("application/json, text/plain, */*", "application/problem+json"),
        ("application/problem+json, application/json", "application/problem+json"),
    ],
)
async def test_oauth_libraries_are_refused_in_the_form_that_they_read(
    anonymous: Client, accept: str, media_type: str
) -> None:
    forms = [
        ({"grant_type": "refresh_token", "refresh_token": "dwr_"}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
    ]
    for form, error in forms:
        reply = await anonymous.post(TOKEN, data=form, headers={"Accept": accept})

        assert (reply.status_code, reply.headers["content-type"]) == (400, media_type)
        assert reply.json()["error"] == error


async def test_only_the_token_endpoint_has_another_form(anonymous: Client) -> None:
    reply = await anonymous.get(ME, headers={"Accept": "application/json"})

    assert reply.headers["content-type"] == "application/problem+json"
