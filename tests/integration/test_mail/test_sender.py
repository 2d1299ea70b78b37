"""The sender of mail against a mail server that fails in every way, and processes that end in the midst of it."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from backend.services import mail_sender, smtp
from tests.factories.clients import Client, client_for, sign_up
from tests.factories.mailboxes import HANG_UP, SILENCE, SLOWLY, MailServer, read_settings_of, serving, token_in
from tests.integration.test_database.stage import OTHERS, Stage, eventually

FORGOT = "/api/v1/auth/password/forgot"
RESET = "/api/v1/auth/password/reset"
OURS = "FROM mails WHERE address = $1"
NEW = "staple the horse again"


@pytest.fixture
async def person(stage: Stage, mail_server: MailServer) -> AsyncIterator[Client]:
    """Somebody with an account on an application that hands its mail to the server."""
    async with stage.application(**read_settings_of(mail_server)) as (_, client):
        yield client


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come after fractions of seconds."""
    monkeypatch.setattr(mail_sender, "FIRST_RETRY", 0.05)


async def outbox_emptied(stage: Stage) -> None:
    """Return once nothing waits to be sent."""

    async def empty() -> bool:
        return not await stage.watcher.fetchval("SELECT count(*) FROM mails")

    await eventually(empty)


def events(stage: Stage, name: str) -> list[dict[str, Any]]:
    return [line for line in stage.logged() if line["event"] == name]


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("answer", ["451 4.3.0 Try again later", "554 5.7.1 Not like this", HANG_UP])
async def test_what_is_refused_for_now_is_tried_again_until_it_is_taken(
    stage: Stage, person: Client, mail_server: MailServer, answer: str
) -> None:
    mail_server.answers += [answer] * 3

    assert (await person.post(FORGOT, json={"email": person.email})).status_code == 202
    [letter] = await mail_server.wait_for(person.email)
    await outbox_emptied(stage)

    assert mail_server.attempts == 4
    assert [line["attempts"] for line in events(stage, "mail.delayed")] == [1, 2, 3]
    assert [line["attempts"] for line in events(stage, "mail.sent")] == [4]
    assert (await person.post(RESET, json={"token": token_in(letter), "password": NEW})).status_code == 204


@pytest.mark.usefixtures("soon")
async def test_a_mail_server_that_says_nothing_is_given_up_on_in_time(
    stage: Stage, person: Client, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "STEP_TIMEOUT", 0.2)
    mail_server.answers.append(SILENCE)

    await person.post(FORGOT, json={"email": person.email})
    await mail_server.wait_for(person.email)

    [delayed] = events(stage, "mail.delayed")
    assert delayed["cause"] == "SMTPReadTimeoutError"


@pytest.mark.usefixtures("soon")
async def test_an_attempt_ends_whatever_each_step_takes(
    stage: Stage, person: Client, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_sender, "DEADLINE", 0.3)
    mail_server.answers.append(SILENCE)

    await person.post(FORGOT, json={"email": person.email})
    await mail_server.tried(1)

    await eventually(lambda: happened(stage, "mail.delayed"))
    assert events(stage, "mail.delayed")[0]["cause"] == "TimeoutError"


async def happened(stage: Stage, event: str, times: int = 1) -> bool:
    return len(events(stage, event)) >= times


@pytest.mark.usefixtures("soon")
async def test_after_the_last_attempt_a_mail_is_given_up(
    stage: Stage, person: Client, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_sender, "ATTEMPTS", 3)
    mail_server.answers += ["451 4.3.0 Try again later"] * 10

    await person.post(FORGOT, json={"email": person.email})
    await outbox_emptied(stage)

    assert mail_server.attempts == 3
    [given_up] = events(stage, "mail.given_up")
    assert (given_up["level"], given_up["attempts"]) == ("error", 3)


async def test_an_address_that_takes_no_mail_is_tried_once(
    stage: Stage, person: Client, mail_server: MailServer
) -> None:
    mail_server.refused.add(person.email)

    await person.post(FORGOT, json={"email": person.email})
    await outbox_emptied(stage)

    assert [line["attempts"] for line in events(stage, "mail.refused")] == [1]
    assert mail_server.attempts == 0


async def test_a_mail_server_that_is_not_there_keeps_no_request_waiting(stage: Stage) -> None:
    async with serving() as gone:
        settings = read_settings_of(gone)
    async with stage.application(**settings) as (_, client):
        reply = await client.post(FORGOT, json={"email": client.email})

        await eventually(lambda: happened(stage, "mail.delayed"))

    assert reply.status_code == 202
    assert await stage.watcher.fetchval("SELECT count(*) FROM mails") == 1


async def test_retries_come_ever_later_and_not_all_at_once(stage: Stage) -> None:
    async with serving() as gone:
        settings = read_settings_of(gone)
    waits = []
    async with stage.application(**settings) as (_, client):
        await client.post(FORGOT, json={"email": client.email})
        for attempts in range(1, 5):
            await eventually(partial(happened, stage, "mail.delayed", attempts))
            waits.append(
                float(
                    await stage.watcher.fetchval(
                        f"SELECT extract(epoch FROM next_attempt_at - now()) {OURS}", client.email
                    )
                )
            )
            # Time passes; and somebody else's mail has the sender look again.
            await stage.watcher.execute("UPDATE mails SET next_attempt_at = now() WHERE address = $1", client.email)
            await client.post(FORGOT, json={"email": f"nobody{attempts}@example.com"})

    factors = [wait / least for wait, least in zip(waits, (60, 120, 240, 480), strict=True)]
    assert all(0.9 < factor <= 1.5 for factor in factors)
    assert len(set(factors)) == 4


async def test_what_waits_when_a_process_ends_is_sent_by_the_next(stage: Stage, mail_server: MailServer) -> None:
    async with stage.application(**read_settings_of(mail_server)) as (app, client):
        await app.state.mail.stop()
        await client.post(FORGOT, json={"email": client.email})
        assert mail_server.to(client.email) == []

    async with stage.serving(**read_settings_of(mail_server)):
        [letter] = await mail_server.wait_for(client.email)
        await outbox_emptied(stage)

    assert letter["Subject"] == "Set a new password"


async def test_a_process_that_dies_while_it_sends_leaves_the_mail_to_others(
    stage: Stage, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_sender, "LAST_WORD", 0.1)
    monkeypatch.setattr(mail_sender, "FIRST_RETRY", 0.5)
    mail_server.answers.append(SILENCE)
    async with stage.application(**read_settings_of(mail_server)) as (_, client):
        await client.post(FORGOT, json={"email": client.email})
        await mail_server.tried(1)
    assert await stage.watcher.fetchval("SELECT count(*) FROM mails") == 1

    async with stage.serving(**read_settings_of(mail_server)):
        assert len(await mail_server.wait_for(client.email)) == 1


async def test_stopping_lets_a_mail_that_is_being_sent_be_sent(stage: Stage, mail_server: MailServer) -> None:
    mail_server.answers.append(SLOWLY)
    async with stage.application(**read_settings_of(mail_server)) as (_, client):
        await client.post(FORGOT, json={"email": client.email})
        await mail_server.tried(1)

    assert len(mail_server.to(client.email)) == 1
    assert await stage.watcher.fetchval("SELECT count(*) FROM mails") == 0


async def test_several_senders_send_each_mail_once(stage: Stage, mail_server: MailServer) -> None:
    async with stage.application(**read_settings_of(mail_server)) as (app, client):
        await app.state.mail.stop()
        people = [client, *[await sign_up(app, client_for(app)) for _ in range(20)]]
        for person in people:
            await client.post(FORGOT, json={"email": person.email})
        async with stage.serving(**read_settings_of(mail_server)), stage.serving(**read_settings_of(mail_server)):
            app.state.mail.start()
            await outbox_emptied(stage)

    assert [len(mail_server.to(person.email)) for person in people] == [1] * 21


async def test_nothing_is_asked_of_the_database_while_nothing_waits(stage: Stage, mail_server: MailServer) -> None:
    last_asked = f"SELECT max(query_start) {OTHERS}"
    async with stage.application(**read_settings_of(mail_server)) as (_, client):
        await client.post(FORGOT, json={"email": client.email})
        await mail_server.wait_for(client.email)
        await asyncio.sleep(0.5)
        before = await stage.watcher.fetchval(last_asked)
        await asyncio.sleep(2)

        assert await stage.watcher.fetchval(last_asked) == before
