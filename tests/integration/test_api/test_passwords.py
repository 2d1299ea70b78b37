"""Forgotten, reset and changed passwords, over HTTP and by real mail."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import col, select

from backend.auth.one_time_tokens import hash_of
from backend.models.mail import Mail
from backend.models.one_time_tokens import OneTimeToken
from backend.models.users import User
from tests.factories.clients import PASSWORD, Client, client_for, give_links
from tests.factories.hashes import CountHashes
from tests.factories.mailboxes import MailServer, token_in
from tests.factories.queries import CountQueries
from tests.integration.test_api.answers import lockouts

AUTH = "/api/v1/auth"
FORGOT, RESET, CHANGE = (f"{AUTH}/password/{what}" for what in ("forgot", "reset", "change"))
ME = "/api/v1/users/me"
NEW = "staple the horse again"


async def asked_for(client: httpx.AsyncClient, mailboxes: MailServer, email: str) -> str:
    """The token that is mailed to an address that asks for one."""
    assert (await client.post(FORGOT, json={"email": email})).status_code == 202
    return token_in((await mailboxes.wait_for(email))[-1])


async def signing_in(client: httpx.AsyncClient, email: str, password: str) -> int:
    return (await client.post(f"{AUTH}/login", json={"email": email, "password": password})).status_code


async def waiting(app: FastAPI, email: str) -> bool:
    """Whether a mail waits for the address."""
    async with app.state.database.begin() as session:
        return (await session.exec(select(Mail).where(col(Mail.address) == email))).first() is not None


async def dealt_with(app: FastAPI, email: str) -> None:
    """Return once no mail waits for the address."""
    while await waiting(app, email):  # noqa: ASYNC110  the sender tells nobody
        await asyncio.sleep(0.01)


async def events_of(client: Client) -> list[str]:
    """What the audit log has of the client, the newest first."""
    return [entry["event"] for entry in (await client.get(f"{ME}/audit")).json()]


async def test_a_forgotten_password_is_reset_by_a_link(owner: Client, anonymous: Client, mailboxes: MailServer) -> None:
    token = await asked_for(anonymous, mailboxes, owner.email.upper())

    reset = await anonymous.post(RESET, json={"token": token, "password": NEW})

    assert (reset.status_code, reset.content) == (204, b"")
    assert await signing_in(anonymous, owner.email, PASSWORD) == 401
    reply = await anonymous.post(f"{AUTH}/login", json={"email": owner.email, "password": NEW})
    assert reply.json()["user"]["email_verified_at"] is not None, "the link has shown whose the address is"
    owner.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
    entries = {entry["event"]: entry["details"] for entry in (await owner.get(f"{ME}/audit")).json()}
    assert entries["password.reset"] == {"sessions": 1, "tokens": 0, "feeds": 0}
    assert entries["password.reset_requested"] == {}
    [*_, told] = await mailboxes.wait_for(owner.email, 2)
    assert told["Subject"] == "Your password was changed"


async def test_a_link_is_good_once(owner: Client, anonymous: Client) -> None:
    asked = [anonymous.post(RESET, json={"token": owner.reset_token, "password": f"{NEW} {n}"}) for n in range(5)]

    replies = await asyncio.gather(*asked)

    assert sorted(reply.status_code for reply in replies) == [204, 400, 400, 400, 400]
    refusal = next(reply.json() for reply in replies if reply.status_code == 400)
    assert (refusal["code"], refusal["errors"][0]["field"]) == ("link_invalid", "token")


async def test_a_link_is_good_for_its_purpose_alone(owner: Client, anonymous: Client) -> None:
    for token in (owner.verify_token, owner.change_token, "dwm_made-up", ""):
        reply = await anonymous.post(RESET, json={"token": token, "password": NEW})
        assert (reply.status_code, reply.json()["code"]) == (400, "link_invalid")
    for token in (owner.reset_token, "dwm_made-up", ""):
        reply = await anonymous.post(f"{AUTH}/email/verify", json={"token": token})
        assert (reply.status_code, reply.json()["code"]) == (400, "link_invalid")

    assert await signing_in(anonymous, owner.email, PASSWORD) == 200


async def test_whoever_is_locked_out_is_not_let_in_by_a_link(app: FastAPI, owner: Client, anonymous: Client) -> None:
    links = [{"token": owner.verify_token}, {"token": owner.change_token}]
    attempts = [
        (RESET, {"token": owner.reset_token, "password": NEW}),
        *((f"{AUTH}/email/verify", link) for link in links),
    ]
    await lockouts(app).disable(owner.email)
    async with app.state.database.begin() as session:
        # As if they had been on their way at that moment.
        assert (await session.exec(select(OneTimeToken).where(col(OneTimeToken.user_id) == owner.user_id))).all() == []
        give_links(owner, session)
    attempts += [(RESET, {"token": owner.reset_token, "password": NEW})]

    replies = [await anonymous.post(path, json=body) for path, body in attempts]

    assert [reply.json()["code"] for reply in replies] == ["link_invalid"] * 4
    await lockouts(app).enable(owner.email)
    assert await signing_in(anonymous, owner.email, PASSWORD) == 200


async def test_a_link_is_good_for_half_an_hour(app: FastAPI, owner: Client, anonymous: Client) -> None:
    async with app.state.database.begin() as session:
        token = await session.get(OneTimeToken, (owner.user_id, "reset_password"))
        assert (token.expires_at - token.created_at).total_seconds() == 1800
        token.created_at -= token.expires_at - token.created_at
        token.expires_at = token.created_at

    reply = await anonymous.post(RESET, json={"token": owner.reset_token, "password": NEW})

    assert reply.json()["code"] == "link_invalid"


async def test_a_newer_link_ends_the_older(owner: Client, anonymous: Client, mailboxes: MailServer) -> None:
    newer = await asked_for(anonymous, mailboxes, owner.email)

    older = await anonymous.post(RESET, json={"token": owner.reset_token, "password": NEW})

    assert older.json()["code"] == "link_invalid"
    assert (await anonymous.post(RESET, json={"token": newer, "password": NEW})).status_code == 204


async def test_a_changed_password_ends_every_link(owner: Client, anonymous: Client) -> None:
    changed = await owner.post(CHANGE, json={"current_password": PASSWORD, "new_password": NEW})
    assert changed.status_code == 204

    for path, token in (
        (RESET, owner.reset_token),
        (f"{AUTH}/email/verify", owner.verify_token),
        (f"{AUTH}/email/verify", owner.change_token),
    ):
        body = {"token": token} | ({"password": NEW} if path == RESET else {})
        assert (await anonymous.post(path, json=body)).json()["code"] == "link_invalid"


async def test_a_password_that_is_refused_leaves_the_link_good(owner: Client, anonymous: Client) -> None:
    for guessable in ("password123", owner.email, "short"):
        reply = await anonymous.post(RESET, json={"token": owner.reset_token, "password": guessable})
        assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, "password")

    assert (await anonymous.post(RESET, json={"token": owner.reset_token, "password": NEW})).status_code == 204


async def test_only_the_hash_of_a_token_is_kept(
    app: FastAPI, owner: Client, anonymous: Client, mailboxes: MailServer
) -> None:
    token = await asked_for(anonymous, mailboxes, owner.email)

    async with app.state.database.begin() as session:
        kept = await session.get(OneTimeToken, (owner.user_id, "reset_password"))

    assert len(token.removeprefix("dwm_")) * 6 >= 256
    assert kept.token_hash == hash_of(token)
    assert token not in repr(kept)


async def test_an_unknown_address_gets_the_same_answer_by_the_same_work(
    owner: Client, anonymous: Client, mailboxes: MailServer, count_queries: CountQueries, count_hashes: CountHashes
) -> None:
    unknown = f"nobody.{owner.email}"
    answers, work = [], []
    for email in (owner.email, unknown, "no address at all"):
        with count_queries() as queries, count_hashes() as hashes:
            reply = await anonymous.post(FORGOT, json={"email": email}, headers={"X-Request-ID": "the-same-request"})
        headers = {name: value for name, value in reply.headers.items() if name != "ratelimit"}  # how many are left
        answers.append((reply.status_code, reply.content, headers))
        work.append((queries, hashes))

    assert answers[0] == answers[1] == answers[2]
    assert work[0] == work[1] == work[2]
    await mailboxes.wait_for(owner.email)
    await dealt_with(owner.app, unknown)
    assert mailboxes.to(unknown) == []


async def test_who_asks_again_and_again_gets_one_mail(
    app: FastAPI, owner: Client, anonymous: Client, mailboxes: MailServer
) -> None:
    for _ in range(5):
        assert (await anonymous.post(FORGOT, json={"email": owner.email})).status_code == 202
    await mailboxes.wait_for(owner.email)
    assert (await anonymous.post(FORGOT, json={"email": owner.email})).status_code == 202
    await dealt_with(app, owner.email)

    assert len(mailboxes.to(owner.email)) == 1
    token = token_in(mailboxes.to(owner.email)[0])
    assert (await anonymous.post(RESET, json={"token": token, "password": NEW})).status_code == 204


async def test_whoever_registered_with_anothers_address_is_out_after_a_reset(
    app: FastAPI, anonymous: Client, mailboxes: MailServer
) -> None:
    victim, thief = f"victim.{id(app)}@example.com", f"thief.{id(app)}@example.com"
    account = {"email": victim, "name": "Eve", "password": "known to the thief"}
    registered = (await anonymous.post(f"{AUTH}/register", json=account)).json()
    async with client_for(app) as eve:
        eve.headers["Authorization"] = f"Bearer {registered['access_token']}"
        prepared = {"email": thief, "password": account["password"]}
        assert (await eve.post(f"{AUTH}/email/change", json=prepared)).status_code == 202
        window = (await eve.post(f"{ME}/feeds", json={"name": "Window"})).json()["path"]
        trojan = token_in((await mailboxes.wait_for(thief))[0])
        await mailboxes.wait_for(victim)
        await anonymous.post(FORGOT, json={"email": victim})
        token = token_in((await mailboxes.wait_for(victim, 2))[-1])

        assert (await anonymous.post(RESET, json={"token": token, "password": NEW})).status_code == 204

        renewal = {"grant_type": "refresh_token", "refresh_token": registered["refresh_token"]}
        assert (await eve.get(ME)).json()["code"] == "token_revoked"
        assert (await anonymous.get(window)).json()["code"] == "feed_not_found"
        assert (await anonymous.post(f"{AUTH}/token", data=renewal)).json()["code"] == "invalid_grant"
        assert (await anonymous.post(f"{AUTH}/email/verify", json={"token": trojan})).json()["code"] == "link_invalid"
        assert await signing_in(anonymous, victim, account["password"]) == 401
        assert await signing_in(anonymous, victim, NEW) == 200


async def test_a_changed_password_ends_the_other_sessions(
    app: FastAPI, owner: Client, anonymous: Client, mailboxes: MailServer
) -> None:
    other = (await anonymous.post(f"{AUTH}/login", json={"email": owner.email, "password": PASSWORD})).json()
    program = {"name": "Backup", "scopes": ["tasks:read"]}
    token = (await owner.post(f"{AUTH}/tokens", json=program)).json()["token"]
    feed = (await owner.post(f"{ME}/feeds", json={"name": "Phone"})).json()["path"]

    changed = await owner.post(CHANGE, json={"current_password": PASSWORD, "new_password": NEW})

    assert (changed.status_code, changed.content) == (204, b"")
    renewal = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
    assert (await anonymous.post(f"{AUTH}/token", data=renewal)).json()["code"] == "invalid_grant"
    async with client_for(app) as elsewhere:
        elsewhere.headers["Authorization"] = f"Bearer {other['access_token']}"
        assert (await elsewhere.get(ME)).json()["code"] == "token_revoked"
        elsewhere.headers["Authorization"] = f"Bearer {token}"
        assert (await elsewhere.get(f"{ME}/tasks")).status_code == 401, "personal tokens go too"
    assert (await anonymous.get(feed)).status_code == 404, "and so do feeds, which may have got to anybody"
    assert (await owner.get(ME)).status_code == 200, "the session that asked goes on"
    newest = (await owner.get(f"{ME}/audit", params={"limit": 1})).json()[0]
    assert (newest["event"], newest["details"]) == ("password.changed", {"sessions": 1, "tokens": 1, "feeds": 1})
    assert (await signing_in(anonymous, owner.email, PASSWORD), await signing_in(anonymous, owner.email, NEW)) == (
        401,
        200,
    )
    [letter] = await mailboxes.wait_for(owner.email)
    assert letter["Subject"] == "Your password was changed"
    assert "personal access tokens and calendar feeds have ended" in " ".join(letter.get_content().split())


async def test_a_change_asks_for_the_current_password(owner: Client, anonymous: Client) -> None:
    reply = await owner.post(CHANGE, json={"current_password": "not this one", "new_password": NEW})

    assert (reply.status_code, reply.json()["code"]) == (403, "wrong_password")
    assert (await events_of(owner))[0] == "password.refused", "what was refused is told all the same"
    assert await signing_in(anonymous, owner.email, PASSWORD) == 200


async def test_guessing_the_current_password_is_slowed_down_and_signing_in_is_not(
    owner: Client, anonymous: Client
) -> None:
    guess = {"current_password": "not this one", "new_password": NEW}

    replies = [await owner.post(CHANGE, json=guess) for _ in range(8)]

    assert [reply.status_code for reply in replies[:5]] == [403] * 5
    assert (replies[-1].status_code, replies[-1].json()["code"]) == (429, "too_many_attempts")
    assert await signing_in(anonymous, owner.email, PASSWORD) == 200


async def test_who_signs_in_elsewhere_has_no_password_to_change(app: FastAPI, owner: Client) -> None:
    async with app.state.database.begin() as session:
        user = await session.get(User, owner.user_id)
        user.password_hash = user.email = None

    for path, body in (
        (CHANGE, {"current_password": "", "new_password": NEW}),
        (f"{AUTH}/email/change", {"email": f"new.{owner.email}", "password": ""}),
    ):
        reply = await owner.post(path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (403, "wrong_password")


async def test_of_two_changes_at_once_one_is_made(owner: Client) -> None:
    asked = [owner.post(CHANGE, json={"current_password": PASSWORD, "new_password": f"{NEW} {n}"}) for n in range(2)]

    replies = await asyncio.gather(*asked)

    assert sorted(reply.status_code for reply in replies) == [204, 403]


@pytest.mark.parametrize("new", ["password123", "Donewell2027!"])
async def test_a_new_password_is_held_to_the_same_rules(owner: Client, new: str) -> None:
    reply = await owner.post(CHANGE, json={"current_password": PASSWORD, "new_password": new})

    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, "new_password")
