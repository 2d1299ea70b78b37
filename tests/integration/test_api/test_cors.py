"""Pages of other origins: those that are named may call, read every answer, and see the headers they need."""

from collections.abc import AsyncIterator

import httpx
import pytest

from backend.middleware.cors import EXPOSED_HEADERS, METHODS, REQUEST_HEADERS
from tests.factories.clients import Client, sign_up
from tests.factories.edges import Edge
from tests.integration.test_api.answers import JSON, LOGIN, TASKS, answered, problem
from tests.integration.test_api.contract import DOCUMENT, address
from tests.integration.test_architecture.operations import OPERATIONS

PAGE = "https://app.example.com"
APP = "capacitor://localhost"
FOREIGN = [
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evilapp.example.com",
    "https://APP.example.com",
    "null",
    "*",
    "",
]
MIB = 1024 * 1024


@pytest.fixture
async def page(edge: Edge) -> AsyncIterator[Client]:
    """A page that may call, of somebody who is signed in."""
    async with edge(cors_origins=f"{PAGE}, {APP}", trusted_hosts="testserver") as client:
        await sign_up(client.app, client)
        client.headers["Origin"] = PAGE
        yield client


def may_read(reply: httpx.Response, origin: str = PAGE) -> bool:
    """Whether a browser hands the reply to a page of that origin; never with cookies, which we do not have."""
    assert "access-control-allow-credentials" not in reply.headers
    assert "Origin" in reply.headers.get_list("vary")
    return reply.headers.get_list("access-control-allow-origin") == [origin]


def asking(method: str, headers: str = "") -> dict[str, str]:
    wanted = {"Access-Control-Request-Headers": headers} if headers else {}
    return {"Access-Control-Request-Method": method, **wanted}


async def test_a_page_that_may_call_reads_answers_and_the_headers_it_needs(page: Client) -> None:
    created = await page.post(TASKS, json={"title": "x"})

    assert answered(created, 201)["title"] == "x"
    assert may_read(created)
    exposed = set(created.headers["access-control-expose-headers"].split(", "))
    assert exposed == set(EXPOSED_HEADERS)
    # What a file is called that a page saves for its user.
    assert "Content-Disposition" in exposed
    assert exposed >= {"Link", "ETag", "Location", "Retry-After", "X-Request-ID", "RateLimit", "RateLimit-Policy"}
    assert exposed >= set(DOCUMENT["components"]["headers"])


async def test_a_page_reads_refusals_too_even_the_outermost(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_out = {"Authorization": ""}
    replies = {
        400: [
            await page.post(TASKS, json={}),
            await page.post(TASKS, content=b"{", headers=JSON),
            await page.get(TASKS, headers={"Host": "other.example"}),
        ],
        401: [await page.get(TASKS, headers=signed_out), await page.post(LOGIN, json={"email": "a", "password": "b"})],
        403: [await page.get("/api/v1/users/x/tasks")],
        404: [await page.get("/nope")],
        405: [await page.delete(TASKS), await page.options(TASKS)],
        413: [await page.post(TASKS, content=b" " * (MIB + 1), headers=JSON)],
        415: [await page.post(TASKS, content=b"x")],
    }
    monkeypatch.delattr(page.app.state, "sessions")
    replies[500] = [await page.post(LOGIN, json={"email": "a@example.com", "password": "correct horse"})]
    for status, refused in replies.items():
        for reply in refused:
            problem(reply, status)
            assert may_read(reply), status


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_page_that_is_not_named_reads_nothing(page: Client, origin: str) -> None:
    page.headers["Origin"] = origin

    replies = [
        await page.get(TASKS),
        await page.get("/nope"),
        await page.options(TASKS, headers=asking("GET", "authorization")),
    ]

    for reply in replies:
        assert "access-control-allow-origin" not in reply.headers
        assert "Origin" in reply.headers.get_list("vary")
    problem(replies[2], 403, "origin_not_allowed")


async def test_every_origin_that_is_named_is_answered_with_its_own_name(page: Client) -> None:
    assert may_read(await page.get(TASKS, headers={"Origin": APP}), APP)


async def test_answers_without_an_origin_say_that_others_differ(page: Client) -> None:
    del page.headers["Origin"]
    reply = await page.get(TASKS)

    assert reply.headers.get_list("vary") == ["Origin"]
    assert not any(name.startswith("access-control-") for name in reply.headers)


async def test_a_browser_that_asks_beforehand_is_answered_on_every_route(page: Client) -> None:
    del page.headers["Authorization"]  # a preflight never has it
    named = ", ".join(name.lower() for name in REQUEST_HEADERS)

    for operation in OPERATIONS:
        reply = await page.options(address(operation.path), headers=asking(operation.method, named))
        assert (reply.status_code, reply.content) == (204, b""), operation
        assert may_read(reply)
        assert operation.method in reply.headers["access-control-allow-methods"].split(", ")
        assert reply.headers["access-control-allow-headers"].split(", ") == list(REQUEST_HEADERS)
        assert int(reply.headers["access-control-max-age"]) > 0
        assert reply.headers["x-request-id"]


def test_what_the_contract_takes_may_be_sent() -> None:
    operations = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]
    headers = {
        parameter["name"]
        for operation in operations
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "header"
    }

    assert headers | {"Authorization", "Content-Type", "X-Request-ID"} <= set(REQUEST_HEADERS)
    assert {operation.method for operation in OPERATIONS} <= set(METHODS)


async def test_without_origins_there_is_nothing_of_it(anonymous: Client) -> None:
    anonymous.headers["Origin"] = PAGE

    for reply in (await anonymous.get(TASKS), await anonymous.options(TASKS, headers=asking("GET"))):
        problem(reply, reply.status_code)
        assert not {name for name in reply.headers if name.startswith("access-control-") or name == "vary"}
