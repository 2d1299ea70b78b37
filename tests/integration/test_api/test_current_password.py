"""Being asked for the current password: by everything that a thief of the session must not do."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backend.services import throttle
from backend.services.throttle import SIGNING_IN
from tests.factories.applications import running, settings_for
from tests.factories.clients import client_for, sign_up
from tests.integration.test_api.answers import ME, problem

GUESS = "a wrong guess of mine"
ASKING: dict[str, tuple[str, str, dict[str, Any]]] = {
    "leaving": ("DELETE", ME, {"password": GUESS}),
    "another password": ("POST", "/api/v1/auth/password/change", {"current_password": GUESS, "new_password": GUESS}),
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
