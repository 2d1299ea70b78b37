"""Being asked for the current password: by everything that a thief of the session must not do."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backend.services import throttle
from backend.services.throttle import SIGNING_IN
from tests.factories.applications import running, settings_for
from tests.factories.clients import PASSWORD, client_for, sign_up
from tests.integration.test_api.answers import ME, problem

GUESS = "a wrong guess of mine"
PASSWORD_CHANGE = "/api/v1/auth/password/change"
ASKING: dict[str, tuple[str, str, dict[str, Any]]] = {
    "leaving": ("DELETE", ME, {"password": GUESS}),
    "another password": ("POST", PASSWORD_CHANGE, {"current_password": GUESS, "new_password": GUESS}),
}


@pytest.mark.parametrize("asking", ASKING)
async def test_who_is_asked_takes_turns_with_all_who_sign_in(
    own_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asking: str
) -> None:
    method, path, body = ASKING[asking]
    monkeypatch.setattr(throttle, "QUEUE_LIMIT", 2)
    async with running(settings_for(own_database_url), tmp_path / "log") as app, client_for(app) as client:
        await sign_up(app, client)

        replies = await asyncio.gather(*(client.request(method, path, json=body) for _ in range(7)))

        taken = SIGNING_IN + 2
        assert sorted(reply.status_code for reply in replies) == [403] * taken + [503] * (7 - taken)
        for reply in replies:
            if reply.status_code == 503:
                problem(reply, 503, "overloaded")


async def test_asking_counts_as_signing_in_does_though_the_password_is_right(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, auth_rate_limit="3/hour")
    async with running(settings, tmp_path / "log") as app, client_for(app) as client:
        await sign_up(app, client)
        change = {"current_password": PASSWORD, "new_password": "1234567890"}

        for _ in range(3):
            problem(await client.post(PASSWORD_CHANGE, json=change), 400)
        refused = await client.post(PASSWORD_CHANGE, json=change)

        problem(refused, 429, "rate_limited")
        assert 3_590 <= int(refused.headers["retry-after"]) <= 3_600
