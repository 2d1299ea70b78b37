"""Many who sign in at the same moment: each is served in turn, and nobody else is kept waiting."""

import asyncio

import pytest
from fastapi import FastAPI

from backend.auth.jwt_handler import AccessTokens
from backend.auth.password import Passwords
from backend.auth.principal import Caller
from backend.domain.errors import Overloaded
from backend.schemas.sessions import Credentials
from backend.services import sessions
from backend.services.sessions import SIGNING_IN, SessionService
from tests.factories.applications import SECRET
from tests.factories.clients import PASSWORD, Client
from tests.integration.test_api.answers import LOGIN, TASKS, answered


async def test_all_are_served_and_few_at_a_time_stand_in_the_way_of_reads(
    app: FastAPI, owner: Client, anonymous: Client
) -> None:
    storm = [
        asyncio.create_task(anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD})) for _ in range(40)
    ]
    busiest = 0
    reads = 0
    while not all(task.done() for task in storm):
        answered(await owner.get(TASKS))
        busiest = max(busiest, app.state.database.admitted())
        reads += 1

    assert [task.result().status_code for task in storm] == [200] * 40
    # Besides them, what has been revoked is asked for now and then.
    assert busiest <= SIGNING_IN + 1
    assert reads > len(storm)


async def test_whoever_finds_too_many_waiting_is_told_to_come_again(
    app: FastAPI, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SIGN_IN_QUEUE_LIMIT", 3)
    passwords = Passwords()
    service = SessionService(app.state.database, passwords, AccessTokens(SECRET), app.state.revocations)
    credentials = Credentials(email=owner.email, password=PASSWORD)

    results = await asyncio.gather(*(service.sign_in(credentials, Caller()) for _ in range(9)), return_exceptions=True)
    passwords.close()

    assert [isinstance(result, Overloaded) for result in results] == [False] * (SIGNING_IN + 3) + [True] * 4
