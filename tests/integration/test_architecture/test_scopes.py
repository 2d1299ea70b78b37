"""Scopes: every route declares one, and takes a personal access token that has it and no other."""

import pytest
from starlette.requests import Request

from backend.api.scopes import check, declared, offered, scope_of
from backend.auth.principal import SessionRequired
from tests.factories.clients import Client, TokenClient
from tests.integration.test_api.contract import DOCUMENT
from tests.integration.test_architecture.operations import APP, PROTECTED, Operation, ids_of, send

SCOPES = sorted(offered(APP))
SESSIONS_ONLY = "/api/v1/auth/"

every_protected_operation = pytest.mark.parametrize("operation", PROTECTED, ids=str)
FOR_SESSIONS = [operation for operation in PROTECTED if declared(operation.route) == [None]]
every_scoped_operation = pytest.mark.parametrize(
    "operation", [operation for operation in PROTECTED if operation not in FOR_SESSIONS], ids=str
)


def asked(operation: Operation) -> str:
    scope = scope_of(operation.route, operation.method)
    assert scope is not None
    return scope


@every_protected_operation
def test_every_route_that_asks_who_is_asking_declares_a_resource_or_that_it_is_for_sessions(
    operation: Operation,
) -> None:
    advice = "Give its router dependencies=[Depends(scoped(…))], or Depends(sessions_only), of backend/api/scopes.py"
    assert len(declared(operation.route)) == 1, advice
    if operation.path.startswith(SESSIONS_ONLY):
        assert declared(operation.route) == [None]


@every_scoped_operation
def test_reading_asks_for_read_and_every_other_method_for_write(operation: Operation) -> None:
    assert asked(operation).endswith(":read" if operation.method == "GET" else ":write")
    if operation.method == "GET":
        assert scope_of(operation.route, "HEAD") == asked(operation)


def test_there_are_the_scopes_that_are_documented() -> None:
    both = ("filters", "labels", "profile", "projects", "tasks", "transfer", "trash")
    assert ["audit:read", *(f"{resource}:{does}" for resource in both for does in ("read", "write"))] == SCOPES
    created = DOCUMENT["components"]["schemas"]["AccessTokenCreate"]["properties"]["scopes"]
    assert created["items"]["enum"] == SCOPES


@every_protected_operation
def test_the_document_names_the_scope(operation: Operation) -> None:
    security = DOCUMENT["paths"][operation.path][operation.method.lower()]["security"]

    scope = scope_of(operation.route, operation.method)
    assert [each["token"] for each in security if "token" in each] == ([[scope]] if scope else [])


@every_scoped_operation
async def test_a_token_without_the_scope_is_told_which_it_lacks(
    owner: Client, token_client: TokenClient, operation: Operation
) -> None:
    client = await token_client(*(scope for scope in SCOPES if scope != asked(operation)))
    ids = await ids_of(owner, operation)

    reply = await send(client, operation, ids, sender=owner)

    assert (reply.status_code, reply.json()["code"]) == (403, "insufficient_scope")
    assert reply.json()["scope"] == asked(operation)
    assert reply.headers["www-authenticate"] == f'Bearer error="insufficient_scope", scope="{asked(operation)}"'


@every_scoped_operation
async def test_a_token_with_the_scope_alone_is_let_in(
    owner: Client, token_client: TokenClient, operation: Operation
) -> None:
    client = await token_client(asked(operation))
    ids = await ids_of(owner, operation)

    reply = await send(client, operation, ids, sender=owner)

    assert reply.is_success, reply.text


@pytest.mark.parametrize("operation", FOR_SESSIONS, ids=str)
async def test_no_token_is_let_in_where_a_session_is_asked_for(
    owner: Client, token_client: TokenClient, operation: Operation
) -> None:
    client = await token_client(*SCOPES)
    ids = await ids_of(owner, operation)

    reply = await send(client, operation, ids, sender=owner)

    assert (reply.status_code, reply.json()["code"]) == (403, "session_required")


def test_where_nothing_is_declared_no_token_is_let_in() -> None:
    """A declaration that is forgotten closes a route, and opens none."""
    with pytest.raises(SessionRequired):
        check(frozenset(SCOPES), Request({"type": "http", "method": "GET", "state": {}}))


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"])
async def test_a_method_is_not_tunnelled_through_another(owner: Client, token_client: TokenClient, header: str) -> None:
    reader, writer = await token_client("tasks:read"), await token_client("tasks:write")
    path = "/api/v1/users/me/tasks"
    task = (await owner.post(path, json={"title": "Water the plants"})).json()

    read = await reader.get(f"{path}/{task['id']}", headers={header: "DELETE"})
    written = await writer.post(path, json={"title": "Feed the cat"}, headers={header: "GET"})
    refused = await reader.post(path, json={"title": "Feed the cat"}, headers={header: "GET"})

    assert (read.status_code, read.json()) == (200, task)
    assert written.status_code == 201
    assert refused.json()["scope"] == "tasks:write"
    assert len((await owner.get(path)).json()) == 2


async def test_head_is_a_read(token_client: TokenClient) -> None:
    reader, writer = await token_client("tasks:read"), await token_client("tasks:write")

    assert (await reader.head("/api/v1/users/me/tasks")).status_code == 200
    assert (await writer.head("/api/v1/users/me/tasks")).status_code == 403


async def test_a_scope_is_good_for_ones_own_alone(stranger: Client, token_client: TokenClient) -> None:
    client = await token_client("tasks:read")

    reply = await client.get(f"/api/v1/users/{stranger.user_id}/tasks")

    assert (reply.status_code, reply.json()["code"]) == (403, "not_yours")
