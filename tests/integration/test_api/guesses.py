"""Guessing passwords, as an attacker does."""

import httpx
from fastapi import FastAPI

from backend.services.throttle import PAIR
from tests.factories.clients import Client
from tests.integration.test_api.answers import LOGIN, sql


async def guess(client: Client, email: str, password: str = "wrong password") -> httpx.Response:
    return await client.post(LOGIN, json={"email": email, "password": password})


async def guess_until_refused(client: Client, email: str) -> list[httpx.Response]:
    """The answers; the last is the first refusal. A slow machine may let another guess through, whose wait is over."""
    replies = [await guess(client, email) for _ in range(PAIR.free + 1)]
    while replies[-1].status_code == 401:
        replies.append(await guess(client, email))
    return replies


async def lock(app: FastAPI, client: Client, email: str) -> None:
    """Guess until there is a wait, and make that a long one."""
    await guess_until_refused(client, email)
    await wait_longer(app)


async def wait_longer(app: FastAPI) -> None:
    """Let all who wait do so for another minute, which is long enough for a slow machine."""
    await sql(app, "UPDATE rate_limits SET expires_at = expires_at + interval '1 minute' WHERE key LIKE 'wait:%'")
