"""The fast path answers as FastAPI does, and every operation on owned rows takes it."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api.fast_path import FastPath
from backend.api.plans import plan
from backend.auth.jwt_handler import AccessTokens
from backend.auth.personal_tokens import PersonalTokens
from backend.middleware.auth_middleware import AuthMiddleware
from backend.middleware.headers import AnswerHeaders
from backend.middleware.request_context import RequestContext
from tests.factories.applications import SECRET
from tests.factories.clients import Client, client_for
from tests.integration.test_architecture.bare_server import asked
from tests.integration.test_architecture.operations import OPERATIONS, PROTECTED, Operation, ids_of, send

OWNED = [operation for operation in PROTECTED if "user_id" in operation.parameters]
STREAMED = {"export_tasks", "import_tasks"}
"""What comes or goes in pieces is FastAPI's to answer."""
TASKS = "/api/v1/users/me/tasks"
JSON = {"Content-Type": "application/json"}
MISSING = "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01"
LONG = "x" * 300

VOLATILE = re.compile(
    rb'"(id|request_id|instance|position|created_at|updated_at|completed_at)":"[^"]*"|"version":\d+|[0-9a-f-]{36}|"\d+"'
)


def inner(app: FastAPI) -> ASGIApp:
    """What the fast path passes requests on to: FastAPI's own router, and its handlers of exceptions."""
    layer: Any = app.middleware_stack
    while not isinstance(layer, FastPath):
        layer = getattr(layer, "app", None) or layer._app
    return layer._app


def around(app: FastAPI, core: ASGIApp) -> FastAPI:
    """The application's other layers around a core: an ASGI application, whatever its type says."""
    layers = RequestContext(AuthMiddleware(core, AccessTokens(SECRET), PersonalTokens()), AnswerHeaders())

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await layers({**scope, "app": app}, receive, send)

    return call  # type: ignore[return-value]


@pytest.fixture
async def fastapi_alone(app: FastAPI, owner: Client) -> AsyncIterator[httpx.AsyncClient]:
    """The owner, as a client of the application without its fast path."""
    async with client_for(around(app, inner(app))) as client:
        client.headers = owner.headers
        yield client


@pytest.fixture
async def fast_path_alone(app: FastAPI, owner: Client) -> AsyncIterator[httpx.AsyncClient]:
    """The owner, as a client of the fast path with nothing behind it."""

    async def nothing(scope: Scope, _: Receive, __: Send) -> None:
        pytest.fail(f"{scope['method']} {scope['path']} is not answered by the fast path")

    async with client_for(around(app, FastPath(nothing, app))) as client:
        client.headers = owner.headers
        yield client


@pytest.mark.parametrize("operation", [each for each in OWNED if each.name not in STREAMED], ids=str)
async def test_a_plain_request_takes_the_fast_path(
    fast_path_alone: httpx.AsyncClient, owner: Client, operation: Operation
) -> None:
    reply = await send(fast_path_alone, operation, await ids_of(owner, operation), sender=owner)

    assert reply.is_success, reply.text


def test_what_opens_a_transaction_or_shapes_its_response_is_left_to_fastapi() -> None:
    left = {operation.name for operation in OPERATIONS if operation.is_ours and plan(operation.route) is None}

    assert {"get_me", "update_me", "register_user", "login", "issue_token", "get_liveness"} <= left


def told(reply: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """What a reply says, less what differs from one request to the next, and the limits that are around both."""
    headers = {
        name: VOLATILE.sub(b"", value.encode()).decode()
        for name, value in reply.headers.items()
        if name not in ("x-request-id", "content-length", "ratelimit", "ratelimit-policy")
    }
    return reply.status_code, headers, VOLATILE.sub(b"", reply.content)


QUERIES = [
    *("", "limit=1", "limit=%31", "%6cimit=1", "limit=1&", "&&limit=1", "limit=1&completed=false", "completed=true"),
    *(
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=+1",
        "limit=1.0",
        "limit=",
        "limit",
        "limit=1&limit=2",
        "limit=1&Limit=2",
    ),
    *(
        "cursor=",
        "cursor=nonsense",
        f"cursor={LONG}",
        f"{LONG}=1",
        "completed=",
        "completed=True",
        "nope=1",
        "=",
        "%00=%EF%BF%BF",
    ),
]


@pytest.mark.parametrize("query", QUERIES)
async def test_a_list_is_what_fastapi_makes_of_the_query(
    owner: Client, fastapi_alone: httpx.AsyncClient, query: str
) -> None:
    for title in ("Water the plants", "Feed the cat"):
        await owner.post(TASKS, json={"title": title})
    url = httpx.URL(f"http://testserver{TASKS}", query=query.encode())

    assert told(await owner.get(url)) == told(await fastapi_alone.get(url))


BODIES: Mapping[str, tuple[bytes, Mapping[str, str] | list[tuple[str, str]]]] = {
    "plain": (b'{"title": "x"}', JSON),
    "empty": (b"", {}),
    "empty JSON": (b"", JSON),
    "null": (b"null", JSON),
    "array": (b"[]", JSON),
    "text": (b'"title"', JSON),
    "cut off": (b'{"title": "x"', JSON),
    "two": (b'{"title": "x"}{}', JSON),
    "blank": (b" \n", JSON),
    "unknown field": (b'{"title": "x", "nope": 1}', JSON),
    "twice": (b'{"title": "x", "title": "y"}', JSON),
    "no title": (b'{"title": ""}', JSON),
    "wrong kinds": (b'{"title": 1, "completed": "true", "due_date": 1, "priority": null}', JSON),
    "not a number": (b'{"title": NaN}', JSON),
    "lone surrogate": (rb'{"title": "\ud800"}', JSON),
    "NUL": (rb'{"title": "\u0000"}', JSON),
    "UTF-16": ('{"title": "x"}'.encode("utf-16"), JSON),
    "byte order mark": (b'\xef\xbb\xbf{"title": "x"}', JSON),
    "not UTF-8": (b'{"title": "\xff"}', JSON),
    "deep": (b"[" * 100_000, JSON),
    "charset": (b'{"title": "x"}', {"Content-Type": "application/json; charset=utf-8"}),
    "capitals": (b'{"title": "x"}', {"Content-Type": "Application/JSON"}),
    "suffix": (b'{"title": "x"}', {"Content-Type": "application/merge-patch+json"}),
    "form": (b"title=x", {"Content-Type": "application/x-www-form-urlencoded"}),
    "text/plain": (b'{"title": "x"}', {"Content-Type": "text/plain"}),
    "no type": (b'{"title": "x"}', {}),
    "two types": (b'{"title": "x"}', [("Content-Type", "text/plain"), *JSON.items()]),
    "completed": (b'{"completed": true}', JSON),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    "operation", [operation for operation in OWNED if operation.method in ("POST", "PATCH", "PUT")], ids=str
)
async def test_a_body_is_what_fastapi_makes_of_it(
    owner: Client, fastapi_alone: httpx.AsyncClient, operation: Operation, body: str
) -> None:
    content, headers = BODIES[body]
    replies = []
    for client in (owner, fastapi_alone):
        path = operation.path.format(user_id="me", **await ids_of(owner, operation))
        replies.append(told(await client.request(operation.method, path, content=content, headers=headers)))

    assert replies[0] == replies[1]


HEADERS: Mapping[str, list[tuple[str, str]]] = {
    "none": [],
    "this version": [("If-Match", "{etag}")],
    "known": [("If-None-Match", "{etag}")],
    "known weakly": [("If-None-Match", "W/{etag}")],
    "another version": [("If-Match", '"0"')],
    "any": [("If-Match", "*")],
    "weak": [("If-Match", "W/{etag}")],
    "not a tag": [("If-Match", "1")],
    "two lines": [("If-Match", '"0"'), ("If-Match", "{etag}")],
    "no token": [("Authorization", "")],
    "another token": [("Authorization", "Bearer x.y.z")],
}
TITLE = {"title": "Feed the dog"}


@pytest.mark.parametrize("case", HEADERS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "PUT", "DELETE", "POST"])
async def test_headers_are_what_fastapi_makes_of_them(
    owner: Client, fastapi_alone: httpx.AsyncClient, method: str, case: str
) -> None:
    replies = []
    for client in (owner, fastapi_alone):
        made = await owner.post(TASKS, json={"title": "Water the plants"})
        headers = [(name, value.format(etag=made.headers["ETag"])) for name, value in HEADERS[case]]
        content = json.dumps(TITLE) if method in ("PATCH", "PUT") else None
        address = made.headers["Location"]
        replies.append(told(await client.request(method, address, headers=[*JSON.items(), *headers], content=content)))

    assert replies[0] == replies[1]


PATHS = [
    *(
        f"{TASKS}/{MISSING}",
        f"{TASKS}/{MISSING.upper()}",
        f"{TASKS}/{MISSING.replace('-', '')}",
        f"{TASKS}/{{{MISSING}}}",
    ),
    *(
        f"{TASKS}/x",
        f"{TASKS}/urn:uuid:{MISSING}",
        f"{TASKS}/%00",
        f"{TASKS}/",
        f"{TASKS}//",
        f"/{TASKS}",
        f"{TASKS}/a%2Fb",
    ),
    *(
        f"/api/v1/users/{MISSING}/tasks",
        "/api/v1/users/ME/tasks",
        "/api/v1/users//tasks",
        "/api/v1/tasks",
        "/api/me/tasks",
    ),
]


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_leads_where_fastapi_leads(owner: Client, fastapi_alone: httpx.AsyncClient, path: str) -> None:
    url = httpx.URL(f"http://testserver{path}")

    assert told(await owner.get(url)) == told(await fastapi_alone.get(url))


async def test_whoever_may_not_ask_is_told_so_before_the_body_is_read(anonymous: Client) -> None:
    reply = await anonymous.post(TASKS, content=b"{", headers=JSON)

    assert reply.status_code == 401


async def test_what_is_too_long_in_its_only_piece_is_refused_at_once(app: FastAPI, owner: Client) -> None:
    headers = [
        (b"authorization", owner.headers["Authorization"].encode()),
        (b"content-type", b"application/json"),
        (b"transfer-encoding", b"chunked"),
    ]

    assert await asked(app, TASKS, body=b" " * (1024 * 1024 + 1), headers=headers) == 413


async def test_below_another_root_the_paths_are_fastapis_to_find(app: FastAPI, owner: Client) -> None:
    headers = [(b"authorization", owner.headers["Authorization"].encode())]

    assert await asked(app, f"/other{TASKS}", headers=headers, root_path="/other") == 200
    assert await asked(app, TASKS, headers=headers, root_path="/api") == 404
