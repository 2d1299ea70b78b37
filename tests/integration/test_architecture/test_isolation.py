"""Every route that knows its caller refuses everyone else. The routes are the application's own: none can be missed."""

from collections import defaultdict

import pytest
from fastapi import FastAPI
from uuid_utils.compat import uuid7

from tests.factories.clients import Client
from tests.factories.rows import everything_of
from tests.integration.test_api.answers import headers_of
from tests.integration.test_architecture.credentials import CREDENTIALS, Headers
from tests.integration.test_architecture.operations import (
    HERE,
    OPERATIONS,
    PARAMETERS,
    PROTECTED,
    REQUESTS,
    Operation,
    ids_of,
    request_of,
    send,
)
from tests.integration.test_architecture.places import parameter_of, places_of_ids

PUBLIC = {
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/token",
    "GET /.well-known/jwks.json",
    "POST /api/v1/auth/password/forgot",
    "POST /api/v1/auth/password/reset",
    "POST /api/v1/auth/email/verify",
    "POST /api/v1/auth/email/resend",
    "GET /feeds/{secret}.ics",
    "GET /health",
    "GET /health/live",
    "GET /health/ready",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/assets/redoc.standalone.js",
    "GET /docs/assets/{path}",
    "GET /redoc",
}
"""What anyone may ask for. A route that is neither here nor asks for an identity is open by mistake."""

INVALID_TOKEN = 'Bearer error="invalid_token"'
"""The challenge of RFC 6750 section 3 to a token that came and is no good."""

every_protected_operation = pytest.mark.parametrize("operation", PROTECTED, ids=str)
every_operation_on_an_object = pytest.mark.parametrize(
    "operation", [operation for operation in PROTECTED if operation.objects], ids=str
)


def test_every_route_is_public_on_purpose_or_protected() -> None:
    public = {str(operation) for operation in OPERATIONS if not operation.protected}

    assert public == PUBLIC, "Let the route ask for `Identity` or `Owner`, or add it to PUBLIC in this file"
    assert PROTECTED


def test_every_route_has_a_request_to_try_it_with() -> None:
    names = {operation.name for operation in OPERATIONS}
    parameters = {parameter for operation in OPERATIONS for parameter in operation.objects}
    parameters |= {parameter_of(operation, place) for operation in PROTECTED for place in places_of_ids(operation)}

    missing = [f"{name} to REQUESTS" for name in sorted(names - REQUESTS.keys())]
    missing += [f"{name} to PARAMETERS" for name in sorted(parameters - PARAMETERS.keys())]
    assert not missing, f"In {HERE}, add {', '.join(missing)}"
    assert sorted(REQUESTS.keys() - names) == [], f"Remove these from REQUESTS in {HERE}"
    assert sorted(PARAMETERS.keys() - parameters) == [], f"Remove these from PARAMETERS in {HERE}"


@every_protected_operation
@pytest.mark.parametrize("own_id", [False, True], ids=["me", "own id"])
async def test_only_a_good_access_token_is_let_in(
    app: FastAPI, owner: Client, anonymous: Client, operation: Operation, *, own_id: bool
) -> None:
    ids = await ids_of(owner, operation)
    before = await everything_of(app, owner.user_id)
    user_id = str(owner.user_id) if own_id else "me"

    answers = {}
    for credential, (headers, _) in CREDENTIALS.items():
        reply = await send(anonymous, operation, ids, sender=owner, user_id=user_id, headers=headers(owner))
        challenge = reply.headers.get("www-authenticate", "").partition(", error_description=")[0]
        answers[credential] = (reply.status_code, reply.json()["code"], challenge, reply.headers["content-type"])

    assert answers == {
        credential: (401, code, "Bearer" if code == "token_missing" else INVALID_TOKEN, "application/problem+json")
        for credential, (_, code) in CREDENTIALS.items()
    }
    assert await everything_of(app, owner.user_id) == before


@every_protected_operation
async def test_two_credentials_are_one_too_many(anonymous: Client, owner: Client, operation: Operation) -> None:
    ids = defaultdict[str, str](lambda: str(uuid7()), user_id="me")
    path = operation.path.format_map(ids)
    twice = [("Authorization", f"Bearer {owner.access_token}")] * 2

    reply = await anonymous.request(operation.method, path, headers=twice, **request_of(operation, owner, ids))

    assert (reply.status_code, reply.json()["code"]) == (401, "token_malformed")


@every_operation_on_an_object
@pytest.mark.parametrize("headers", [{}, {"If-Match": '"1"'}, {"If-Match": "*"}, {"If-None-Match": "*"}], ids=str)
async def test_a_strangers_object_is_one_that_never_existed(
    app: FastAPI, owner: Client, stranger: Client, operation: Operation, headers: Headers
) -> None:
    theirs = await ids_of(owner, operation)
    nobodys = {name: str(uuid7()) for name in theirs}
    before = await everything_of(app, owner.user_id)

    answers = []
    for ids in (theirs, nobodys):
        reply = await send(
            stranger, operation, ids, sender=stranger, headers={"X-Request-ID": "the-same-request", **headers}
        )
        assert reply.status_code == 404
        content = reply.content
        for name, value in ids.items():
            content = content.replace(value.encode(), name.encode())
        answers.append((content, headers_of(reply)))

    assert answers[0] == answers[1]
    assert await everything_of(app, owner.user_id) == before


@pytest.mark.parametrize("path", ["/api/v1/users/me/tasks", "/api/me/tasks"])
@pytest.mark.parametrize("trashed", [False, True], ids=["there", "in the trash"])
async def test_an_id_that_somebody_else_has_taken_is_free(
    app: FastAPI, owner: Client, stranger: Client, path: str, *, trashed: bool
) -> None:
    task_id = (await owner.post(path, json={"title": "The owner's"})).json()["id"]
    if trashed:
        await owner.delete(f"{path}/{task_id}")
    before = await everything_of(app, owner.user_id)

    created = await stranger.post(path, json={"id": task_id, "title": "The stranger's"})
    changed = await stranger.patch(f"{path}/{task_id}", json={"title": "Still the stranger's"})
    deleted = await stranger.delete(f"{path}/{task_id}")

    assert [created.status_code, changed.status_code, deleted.status_code] == [201, 200, 204]
    assert created.json()["user_id"] == str(stranger.user_id)
    assert await everything_of(app, owner.user_id) == before


async def test_a_list_has_ones_own_alone(owner: Client, stranger: Client) -> None:
    for client in (owner, stranger):
        for title in ("one", "two"):
            await client.post("/api/v1/users/me/tasks", json={"title": title})

    listed = (await stranger.get("/api/v1/users/me/tasks")).json()

    assert [task["user_id"] for task in listed] == [str(stranger.user_id)] * 2
