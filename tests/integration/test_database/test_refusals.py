"""A wrong password at the moment when its account is being deleted: nobody is told, and nobody waits for it."""

import asyncio

from tests.factories.clients import PASSWORD, client_for, sign_up
from tests.integration.test_api.answers import LOGIN, answered, problem
from tests.integration.test_database.stage import Stage

GUESS = "a wrong guess of mine"
LEAVING = "DELETE FROM users WHERE id = $1"


async def test_a_refused_sign_in_is_one_of_nobody_and_keeps_no_turn(stage: Stage) -> None:
    async with stage.application() as (app, leaving), client_for(app) as client, client_for(app) as other:
        await sign_up(app, other)
        async with stage.holding(LEAVING, leaving.user_id):
            refused = asyncio.create_task(client.post(LOGIN, json={"email": leaving.email, "password": GUESS}))
            await stage.blocked(1)
            answered(await other.post(LOGIN, json={"email": other.email, "password": PASSWORD}))

        problem(await refused, 401, "invalid_credentials")
    assert stage.failures() == []


async def test_a_current_password_that_was_refused_is_one_of_nobody_and_keeps_no_turn(stage: Stage) -> None:
    change = {"current_password": GUESS, "new_password": "another long sentence to remember"}
    async with stage.application() as (app, leaving), client_for(app) as other:
        await sign_up(app, other)
        async with stage.holding(LEAVING, leaving.user_id):
            refused = asyncio.create_task(leaving.post("/api/v1/auth/password/change", json=change))
            await stage.blocked(1)
            answered(await other.post(LOGIN, json={"email": other.email, "password": PASSWORD}))

        problem(await refused, 403, "wrong_password")
    assert stage.failures() == []
