"""The throttle's counts cannot be written any more when somebody has just been let in: they are in all the same."""

from dataclasses import replace

import pytest

from backend.services import throttle
from tests.factories.clients import PASSWORD, Client, client_for
from tests.factories.databases import execute
from tests.integration.test_api.answers import LOGIN, answered
from tests.integration.test_database.stage import Stage

DOES = "CREATE FUNCTION does() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$"
FAILS = DOES.format("RAISE EXCEPTION 'The disk is full';")
SLEEPS = DOES.format("PERFORM pg_sleep(60); RETURN new;")
KNOWN = """
    CREATE TRIGGER known BEFORE INSERT ON rate_limits FOR EACH ROW
    WHEN (new.key LIKE 'known:%') EXECUTE FUNCTION does()
"""
FORGIVEN = """
    CREATE TRIGGER forgiven BEFORE UPDATE ON rate_limits FOR EACH ROW
    WHEN (new.key LIKE 'tries:%' AND new.count = 0) EXECUTE FUNCTION does()
"""
ACCOUNT = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}
OTHER = "another long sentence to remember"


async def give_passwords(client: Client) -> None:
    """Do, once each, what is counted and then forgiven."""
    answered(await client.post("/api/v1/auth/register", json=ACCOUNT), 201)
    signed_in = answered(await client.post(LOGIN, json={"email": ACCOUNT["email"], "password": PASSWORD}))
    client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
    change = {"current_password": PASSWORD, "new_password": OTHER}
    assert (await client.post("/api/v1/auth/password/change", json=change)).status_code == 204


def failures(stage: Stage) -> list[tuple[str, str]]:
    return [(line["level"], line["cause"]) for line in stage.logged() if line["event"] == "throttle.failed"]


@pytest.mark.parametrize(("trigger", "times"), [(KNOWN, 3), (FORGIVEN, 2)], ids=["known", "forgiven"])
async def test_what_was_done_is_answered_so_when_it_cannot_be_counted(
    stage: Stage, own_database_url: str, trigger: str, times: int
) -> None:
    for statement in (FAILS, trigger):
        await execute(own_database_url, statement)
    async with replace(stage, url=own_database_url).serving() as app, client_for(app) as client:
        await give_passwords(client)
    assert failures(stage) == [("warning", "RaiseError")] * times
    assert stage.failures() == []


async def test_what_was_done_is_answered_so_when_counting_takes_longer_than_a_turn_may(
    stage: Stage, own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "DEADLINE", 5.0)
    for statement in (SLEEPS, KNOWN):
        await execute(own_database_url, statement)
    async with (
        replace(stage, url=own_database_url).serving(database_timeout=50.0) as app,
        client_for(app) as client,
    ):
        await give_passwords(client)
    assert failures(stage) == [("warning", "TimeoutError")] * 3
    assert stage.failures() == []
