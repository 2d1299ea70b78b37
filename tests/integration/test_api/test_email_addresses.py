"""E-mail addresses: confirmed and changed, over HTTP and by real mail."""

from uuid import uuid4

from fastapi import FastAPI

from tests.factories.clients import PASSWORD, Client
from tests.factories.mailboxes import APP_URL, MailServer, token_in
from tests.integration.test_api.test_passwords import (
    AUTH,
    FORGOT,
    ME,
    RESET,
    dealt_with,
    events_of,
    signing_in,
    waiting,
)

REGISTER = f"{AUTH}/register"
VERIFY, RESEND, CHANGE = (f"{AUTH}/email/{what}" for what in ("verify", "resend", "change"))


def somebody() -> dict[str, str]:
    return {"email": f"{uuid4().hex}@example.com", "name": "Ada", "password": PASSWORD}


async def test_an_address_is_confirmed_by_a_link(anonymous: Client, mailboxes: MailServer) -> None:
    account = somebody()
    registered = (await anonymous.post(REGISTER, json=account)).json()
    [letter] = await mailboxes.wait_for(account["email"])

    reply = await anonymous.post(VERIFY, json={"token": token_in(letter)})

    assert registered["user"]["email_verified_at"] is None
    assert (reply.status_code, reply.content) == (204, b"")
    anonymous.headers["Authorization"] = f"Bearer {registered['access_token']}"
    seen = (await anonymous.get(ME)).json()
    assert seen["email_verified_at"] is not None
    assert seen["version"] == registered["user"]["version"] + 1
    assert (await events_of(anonymous))[0] == "email.verified"
    assert (await anonymous.post(VERIFY, json={"token": token_in(letter)})).json()["code"] == "link_invalid"


async def test_a_link_begins_with_what_the_operator_says_and_not_with_host(
    anonymous: Client, mailboxes: MailServer
) -> None:
    account = somebody()
    await anonymous.post(REGISTER, json=account, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})

    [letter] = await mailboxes.wait_for(account["email"])

    assert f"\n{APP_URL}/verify-email#token=dwm_" in letter.get_content()
    assert "evil" not in letter.as_string()


async def test_the_link_is_sent_again(owner: Client, anonymous: Client, mailboxes: MailServer) -> None:
    reply = await anonymous.post(RESEND, json={"email": owner.email})
    [letter] = await mailboxes.wait_for(owner.email)

    assert (reply.status_code, reply.content) == (202, b"")
    assert (await anonymous.post(VERIFY, json={"token": owner.verify_token})).json()["code"] == "link_invalid"
    assert (await anonymous.post(VERIFY, json={"token": token_in(letter)})).status_code == 204


async def test_nobody_is_told_whether_an_address_is_known_or_confirmed(
    app: FastAPI, owner: Client, stranger: Client, anonymous: Client, mailboxes: MailServer
) -> None:
    await anonymous.post(VERIFY, json={"token": stranger.verify_token})
    unknown = f"nobody.{owner.email}"

    replies = [
        await anonymous.post(RESEND, json={"email": email}, headers={"X-Request-ID": "the-same-request"})
        for email in (owner.email, stranger.email, unknown)
    ]
    await mailboxes.wait_for(owner.email)
    for email in (stranger.email, unknown):
        await dealt_with(app, email)

    assert {(reply.status_code, reply.content) for reply in replies} == {(202, b"")}
    assert mailboxes.to(stranger.email) == mailboxes.to(unknown) == []


async def test_a_new_address_takes_effect_with_its_link(
    owner: Client, anonymous: Client, mailboxes: MailServer
) -> None:
    new = f"new.{owner.email}"
    reply = await owner.post(CHANGE, json={"email": new, "password": PASSWORD})
    [letter] = await mailboxes.wait_for(new)
    before = (await owner.get(ME)).json()["email"]

    assert (await anonymous.post(VERIFY, json={"token": token_in(letter)})).status_code == 204

    assert (reply.status_code, before) == (202, owner.email)
    seen = (await owner.get(ME)).json()
    assert (seen["email"], seen["email_verified_at"] is not None) == (new, True)
    assert (await events_of(owner))[0] == "email.changed"
    assert (await signing_in(anonymous, owner.email, PASSWORD), await signing_in(anonymous, new, PASSWORD)) == (
        401,
        200,
    )
    [told] = await mailboxes.wait_for(owner.email)
    assert told["Subject"] == "Your e-mail address was changed"
    assert new not in told.as_string()


async def test_links_to_the_old_address_end_with_it(owner: Client, anonymous: Client) -> None:
    assert (await anonymous.post(VERIFY, json={"token": owner.change_token})).status_code == 204

    reset = await anonymous.post(RESET, json={"token": owner.reset_token, "password": PASSWORD})
    verified = await anonymous.post(VERIFY, json={"token": owner.verify_token})

    assert reset.json()["code"] == verified.json()["code"] == "link_invalid"


async def test_a_change_asks_for_the_current_password(app: FastAPI, owner: Client, mailboxes: MailServer) -> None:
    new = f"new.{owner.email}"

    reply = await owner.post(CHANGE, json={"email": new, "password": "not this one"})

    assert (reply.status_code, reply.json()["code"]) == (403, "wrong_password")
    assert (await events_of(owner))[0] == "password.refused"
    assert not await waiting(app, new)
    assert mailboxes.to(new) == []


async def test_an_address_that_is_taken_gets_no_mail_and_nobody_is_told(
    app: FastAPI, owner: Client, stranger: Client, mailboxes: MailServer
) -> None:
    reply = await owner.post(CHANGE, json={"email": stranger.email.upper(), "password": PASSWORD})
    await dealt_with(app, stranger.email.upper())

    assert reply.status_code == 202
    assert mailboxes.to(stranger.email) == []


async def test_an_address_that_was_taken_meanwhile_is_refused(owner: Client, anonymous: Client) -> None:
    taken = {**somebody(), "email": f"Moved.{owner.email}"}
    assert (await anonymous.post(REGISTER, json=taken)).status_code == 201

    reply = await anonymous.post(VERIFY, json={"token": owner.change_token})

    assert (reply.status_code, reply.json()["code"]) == (409, "email_taken")
    assert (await owner.get(ME)).json()["email"] == owner.email


async def test_mail_goes_to_the_address_as_it_was_registered(
    owner: Client, anonymous: Client, mailboxes: MailServer
) -> None:
    await anonymous.post(FORGOT, json={"email": owner.email.upper()})

    [letter] = await mailboxes.wait_for(owner.email)

    assert letter["To"] == owner.email
