"""Everyone can read what happened to their account, and to no other."""

from typing import Any

from tests.factories.clients import PASSWORD, Client
from tests.integration.test_api.answers import LOGIN, LOGOUT, REGISTER, TOKEN, answered

AUDIT = "/api/v1/users/me/audit"


async def events(client: Client) -> list[str]:
    return [entry["event"] for entry in answered(await client.get(AUDIT))]


async def entry(client: Client) -> dict[str, Any]:
    """The newest."""
    found: dict[str, Any] = answered(await client.get(AUDIT, params={"limit": 1}))[0]
    return found


async def test_sign_ins_and_refusals_are_told_with_where_they_came_from(owner: Client, anonymous: Client) -> None:
    for password, status in ((PASSWORD, 200), ("a wrong guess", 401)):
        reply = await anonymous.post(
            LOGIN, json={"email": owner.email, "password": password}, headers={"User-Agent": "A phone"}
        )
        assert reply.status_code == status

    assert await events(owner) == ["session.refused", "session.opened"]
    told = await entry(owner)
    assert told["device"] == "A phone"
    assert told["address"].startswith("10.")
    assert told["details"] == {"code": "invalid_credentials"}
    assert told["request_id"] == reply.headers["x-request-id"]


async def test_an_account_begins_with_its_registration(anonymous: Client) -> None:
    account = {"email": "audit@example.com", "name": "Ada", "password": PASSWORD}
    signed_in = answered(await anonymous.post(REGISTER, json=account), 201)
    anonymous.headers["Authorization"] = f"Bearer {signed_in['access_token']}"

    assert await events(anonymous) == ["user.registered"]


async def test_endings_are_told_of_the_session_that_ended(owner: Client, anonymous: Client) -> None:
    other = answered(await anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD}))
    anonymous.headers["Authorization"] = f"Bearer {other['access_token']}"

    assert (await anonymous.post(LOGOUT)).status_code == 204

    assert await events(owner) == ["session.closed", "session.opened"]
    closed, opened = answered(await owner.get(AUDIT))
    assert closed["grant_id"] == opened["grant_id"]


async def test_a_revocation_is_told_though_the_request_was_refused(owner: Client, anonymous: Client) -> None:
    other = answered(await anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD}))
    form = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
    newer = answered(await anonymous.post(TOKEN, data=form))
    await anonymous.post(TOKEN, data={**form, "refresh_token": newer["refresh_token"]})

    assert (await anonymous.post(TOKEN, data=form)).status_code == 400

    assert await events(owner) == ["session.revoked", "session.opened"]


async def test_nobody_reads_anybody_elses(owner: Client, stranger: Client) -> None:
    await owner.post(LOGIN, json={"email": owner.email, "password": PASSWORD})

    assert await events(stranger) == []
