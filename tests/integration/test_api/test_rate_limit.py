"""How much one user may ask, and one address without a user."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.factories.applications import running, settings_for
from tests.factories.clients import Client, client_for, sign_up
from tests.factories.issuers import token_of_the_frontend
from tests.integration.test_api.answers import ME, TASKS, answered, problem

type Limited = Callable[..., AbstractAsyncContextManager[FastAPI]]


@pytest.fixture
def limited(database_url: str, tmp_path: Path) -> Limited:
    """Starts an application with another RATE_LIMIT, and perhaps other settings."""

    @asynccontextmanager
    async def start(rate: str, **others: Any) -> AsyncIterator[FastAPI]:
        async with running(settings_for(database_url, rate_limit=rate, **others), tmp_path / "log") as app:
            yield app

    return start


def left(reply: httpx.Response) -> tuple[str, str]:
    return reply.headers["ratelimit-policy"], reply.headers["ratelimit"]


async def test_a_user_who_asks_too_much_is_told_when_to_come_again(limited: Limited) -> None:
    async with limited("3/minute") as app, client_for(app) as client:
        user = await sign_up(app, client)

        replies = [await user.get(TASKS) for _ in range(3)]
        refused = await user.get(TASKS)

        assert [reply.status_code for reply in replies] == [200] * 3
        assert [left(reply) for reply in replies] == [
            ('"user";q=3;w=60', f'"user";r={remaining};t={seconds}')
            for remaining, seconds in [(2, 20), (1, 40), (0, 60)]
        ]
        problem(refused, 429, "rate_limited")
        assert refused.headers["retry-after"] == "20"
        assert left(refused) == ('"user";q=3;w=60', '"user";r=0;t=60')


async def test_after_that_time_they_are_served(limited: Limited) -> None:
    async with limited("2/second") as app, client_for(app) as client:
        user = await sign_up(app, client)
        while (refused := await user.get(TASKS)).status_code == 200:
            pass

        await asyncio.sleep(int(refused.headers["retry-after"]))

        answered(await user.get(TASKS))


async def test_users_do_not_count_for_each_other_nor_for_their_address(limited: Limited) -> None:
    async with limited("2/minute") as app, AsyncExitStack() as stack:
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
        clients = [
            await stack.enter_async_context(Client(transport=transport, base_url="http://testserver")) for _ in range(3)
        ]
        ada, grace = [await sign_up(app, client) for client in clients[:2]]
        nobody = clients[2]

        for _ in range(2):
            assert (await ada.get(ME)).status_code == 200
        problem(await ada.get(ME), 429, "rate_limited")
        assert (await grace.get(ME)).status_code == 200
        assert left(await nobody.get(ME))[1] == '"address";r=1;t=30'


async def test_who_signs_in_elsewhere_is_counted_like_any_other_user(limited: Limited) -> None:
    ada, grace = ({"Authorization": f"Bearer {token_of_the_frontend()}"} for _ in range(2))
    async with limited("2/minute") as app, client_for(app) as frontend:
        for _ in range(2):
            assert (await frontend.get(ME, headers=ada)).status_code == 200
        problem(await frontend.get(ME, headers=ada), 429, "rate_limited")
        assert left(await frontend.get(ME, headers=grace)) == ('"user";q=2;w=60', '"user";r=1;t=30')


@pytest.mark.parametrize(
    ("addresses", "together"),
    [
        (["192.0.2.1", "192.0.2.1"], True),
        (["192.0.2.1", "192.0.2.2"], False),
        (["2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"], True),
        (["2001:db8::1", "2001:db8:0:1::1"], False),
        (["192.0.2.1", "::ffff:192.0.2.1"], True),
        ([None, None], True),
    ],
)
async def test_whoever_is_not_signed_in_is_counted_by_address(
    limited: Limited, addresses: list[str | None], together: bool
) -> None:
    async with limited("1/minute") as app:
        statuses = []
        for address in addresses:
            transport = httpx.ASGITransport(app, client=(address, 1) if address else None)  # type: ignore[arg-type]
            async with Client(transport=transport, base_url="http://testserver") as client:
                statuses.append((await client.get("/openapi.json")).status_code)

        assert statuses == [200, 429 if together else 200]


async def test_a_made_up_token_does_not_begin_a_new_count(limited: Limited) -> None:
    async with limited("2/minute") as app, client_for(app) as client:
        codes = [
            (await client.get(TASKS, headers={"Authorization": f"Bearer x.y.{number}"})).status_code
            for number in range(3)
        ]

        assert codes == [401, 401, 429]


async def test_what_nobody_answers_for_is_counted_too(limited: Limited) -> None:
    async with limited("2/minute") as app, client_for(app) as client:
        assert [(await client.get("/nowhere")).status_code for _ in range(3)] == [404, 404, 429]


async def test_what_is_refused_at_the_door_is_counted_too_and_a_browser_that_asks_beforehand_is_not(
    limited: Limited,
) -> None:
    page = "https://app.example.com"
    async with limited("5/minute", trusted_hosts="testserver", cors_origins=page) as app, client_for(app) as client:
        elsewhere = httpx.Request("GET", f"http://testserver{TASKS}", headers={"Host": "evil.example"})
        refused = [
            await client.send(elsewhere),
            await client.post(TASKS, content=b" " * (1024 * 1024 + 1)),
            await client.get(TASKS, headers=[(f"x-{number}", "") for number in range(100)]),
            await client.get(httpx.URL(f"http://testserver{TASKS}?q=%ff")),
            await client.get(httpx.URL(f"http://testserver{TASKS}%0a")),
        ]
        asked = await client.options(TASKS, headers={"Origin": page, "Access-Control-Request-Method": "GET"})

        assert [reply.status_code for reply in refused] == [400, 413, 431, 400, 404]
        assert [left(reply)[1].split(";")[:2] for reply in refused] == [
            ['"address"', f"r={n}"] for n in range(4, -1, -1)
        ]
        problem(await client.send(elsewhere), 429, "rate_limited")
        assert (asked.status_code, "ratelimit" in asked.headers) == (204, False)


async def test_health_is_never_refused_and_says_nothing_of_limits(limited: Limited) -> None:
    async with limited("1/day") as app, client_for(app) as client:
        for path in ("/health", "/health/live", "/health/ready") * 2:
            reply = await client.get(path)
            assert reply.status_code == 200
            assert "ratelimit" not in reply.headers


async def test_every_answer_says_what_is_left(anonymous: Client, owner: Client) -> None:
    for client, path, kind in [
        (owner, TASKS, "user"),
        (owner, TASKS + "/malformed", "user"),
        (anonymous, TASKS, "address"),
        (anonymous, "/nowhere", "address"),
        (anonymous, "/docs", "address"),
    ]:
        policy, state = left(await client.get(path))
        assert policy == f'"{kind}";q=1000;w=60'
        assert state.startswith(f'"{kind}";r=9')


async def test_without_a_limit_nobody_counts(limited: Limited) -> None:
    async with limited("off") as app, client_for(app) as client:
        assert "ratelimit" not in (await client.get(TASKS)).headers
