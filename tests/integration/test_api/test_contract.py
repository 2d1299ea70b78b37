"""What the document declares is what comes: each documented request and each declared answer is tried out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from backend.middleware.refusals import LARGEST_BODY, LARGEST_UPLOAD
from backend.services import access_tokens, feeds
from tests.factories.applications import running, settings_for
from tests.factories.clients import PASSWORD, Client, client_for
from tests.integration.test_api.answers import answered, lockouts
from tests.integration.test_api.contract import OPERATIONS, Operation, address, assert_declared
from tests.integration.test_architecture.operations import PARAMETERS

# No one request brings these about; the first and the last have tests of their own, and the second is in
# test_unexpected.
UNPROVOKED = (429, 500, 503)
NOTHING_LISTENS_HERE = "postgresql://donewell@127.0.0.1:1/donewell"

DECLARED = [
    pytest.param(operation, status, id=f"{operation}-{status}")
    for operation in OPERATIONS
    for status in operation.responses
    if status not in UNPROVOKED
]
CREATING = {operation.path: operation for operation in OPERATIONS if operation.method == "POST"}
OTHERWISE_MADE: Mapping[str, Callable[[Client], Awaitable[str]]] = {
    "/api/v1/auth/sessions": PARAMETERS["session_id"],
    "/api/v1/users/{user_id}/audit": PARAMETERS["session_id"],
    "/feeds": PARAMETERS["secret"],
    "/api/v1/users/{user_id}/trash": PARAMETERS["trashed_id"],
}
SPECIAL = {"recurring_task_id", "trashed_id"}
"""Objects that no creation makes as they have to be."""
MOST = {"createAccessToken": access_tokens.MOST, "createFeed": feeds.MOST}
LISTS = [operation for operation in OPERATIONS if "Link" in operation.responses.get(200, {}).get("headers", {})]


@dataclass
class Attempt:
    """A request that is about to be made: whose it is, and how it is to be sent."""

    operation: Operation
    client: Client
    request: dict[str, Any]

    async def send(self, client: httpx.AsyncClient | None = None) -> httpx.Response:
        return await (client or self.client).request(**self.request)


def as_documented(operation: Operation, client: Client, ids: Mapping[str, str]) -> Attempt:
    """The request that the document shows, from this client. Nothing is changed in it but whose address it has."""
    given = {parameter["name"]: parameter["example"] for parameter in operation.parameters if "example" in parameter}
    request: dict[str, Any] = {
        "method": operation.method,
        "url": address(operation.path, **{**given, **ids}),
        "headers": {"Authorization": client.headers["Authorization"]},
    }
    if operation.body is not None:
        content_type, schema = operation.body
        body = {**schema["examples"][0]}
        body |= {name: client.email for name in ("email", "username") if name in body}
        if "token" in body:
            body["token"] = client.reset_token if "password" in body else client.verify_token
        if content_type == "multipart/form-data":
            request["files"] = body
        else:
            request["json" if content_type == "application/json" else "data"] = body
    return Attempt(operation, client, request)


async def objects_for(operation: Operation, client: Client) -> dict[str, str]:
    """Objects of the client's own for the operation's path, each made as the document shows."""
    ids: dict[str, str] = {}
    for name in operation.objects:
        special = PARAMETERS[name](client) if name in SPECIAL else None
        ids[name] = await (special or made(operation.path.partition(f"/{{{name}}}")[0], client, ids))
    return ids


async def made(collection: str, client: Client, ids: Mapping[str, str]) -> str:
    """The id of another object of a collection."""
    if collection in OTHERWISE_MADE:
        return await OTHERWISE_MADE[collection](client)
    if collection.endswith("/tree"):
        below = {"title": "Fetch water", "parent_id": ids["task_id"]}
        return str(answered(await client.post("/api/v1/users/me/tasks", json=below), 201)["id"])
    if collection.endswith("/occurrences"):
        task = f"/api/v1/users/me/tasks/{ids['recurring_task_id']}"
        return str(answered(await client.patch(f"{task}/complete"))["id"])
    assert collection in CREATING, f"No POST {collection} makes one: say in OTHERWISE_MADE what does"
    creation = as_documented(CREATING[collection], client, ids)
    if collection.endswith("/labels"):
        creation.request["json"]["name"] = uuid4().hex
    created = await creation.send()
    return str(answered(created, 201)["id"])


async def again(attempt: Attempt) -> None:
    if attempt.operation.takes_an_id:
        attempt.request["json"]["id"] = str(uuid4())
        answered(await attempt.send(), 201)


async def for_the_first_time(attempt: Attempt) -> None:
    if "email" in attempt.request["json"]:
        attempt.request["json"]["email"] = f"{uuid4().hex}@example.com"


async def known(attempt: Attempt) -> None:
    attempt.request["headers"]["If-None-Match"] = (await attempt.send()).headers["ETag"]


async def malformed(attempt: Attempt) -> None:
    if "json" in attempt.request:
        attempt.request["json"]["no such field"] = True
    elif "data" in attempt.request:
        del attempt.request["data"]["grant_type"]
    elif "files" in attempt.request:
        attempt.request["files"] = {"another": "file"}
    elif str(attempt.operation) == "exportTasks":
        attempt.request["params"] = {"format": "nothing"}
    elif attempt.operation in LISTS:
        attempt.request["params"] = {"limit": 0}
    elif queried := [parameter["name"] for parameter in attempt.operation.parameters if parameter["in"] == "query"]:
        attempt.request["params"] = {queried[0]: "no such value"}
    else:
        attempt.request["url"] = address(attempt.operation.path, **dict.fromkeys(attempt.operation.objects, "1"))


async def not_signed_in(attempt: Attempt) -> None:
    if str(attempt.operation) == "issueToken":
        await renewed(attempt)
    elif not attempt.operation.protected:
        attempt.request["json"]["password"] = "another password"
    else:
        attempt.request["headers"]["Authorization"] = "Bearer of bad news"


async def renewed(attempt: Attempt) -> None:
    """Spend the refresh token twice over: the first comes back."""
    first = {"grant_type": "refresh_token", "refresh_token": attempt.client.refresh_token}
    attempt.request["data"] = first
    second = answered(await attempt.send())["refresh_token"]
    attempt.request["data"] = first | {"refresh_token": second}
    answered(await attempt.send())
    attempt.request["data"] = first


async def not_allowed(attempt: Attempt) -> None:
    match str(attempt.operation):
        case "login":
            await lockouts(attempt.client.app).disable(attempt.client.email)
        case "deleteMe" | "changeEmail":
            attempt.request["json"]["password"] = "another password"
        case "changePassword":
            attempt.request["json"]["current_password"] = "another password"
        case _ if "{user_id}" in attempt.operation.path:
            attempt.request["url"] = attempt.request["url"].replace("/me/", f"/{uuid4()}/")
        case _:
            of_another_use = {"name": "Of another use", "scopes": ["audit:read"]}
            token = answered(await attempt.client.post("/api/v1/auth/tokens", json=of_another_use), 201)["token"]
            attempt.request["headers"]["Authorization"] = f"Bearer {token}"


async def taken(attempt: Attempt) -> None:
    if str(attempt.operation) == "verifyEmail":
        account = {"email": f"moved.{attempt.client.email}", "name": "Eve", "password": PASSWORD}
        answered(await attempt.client.post("/api/v1/auth/register", json=account), 201)
        attempt.request["json"]["token"] = attempt.client.change_token
    if attempt.operation.takes_an_id:
        await again(attempt)
        collection = attempt.request["url"].removesuffix("/quick")
        trashed = await attempt.client.delete(f"{collection}/{attempt.request['json']['id']}")
        assert trashed.status_code == 204
    elif (most := MOST.get(str(attempt.operation))) is not None:
        for _ in range(most):
            answered(await attempt.send(), 201)


async def due_on_another_day(attempt: Attempt) -> None:
    task = attempt.request["url"].removesuffix("/complete")
    recurring = {"due_date": "2027-03-01", "recurrence": {"rule": "FREQ=DAILY"}}
    answered(await attempt.client.patch(task, json=recurring))
    attempt.request["json"] = {"due_date": "2020-01-01"}


async def no_longer_recurring(attempt: Attempt) -> None:
    answered(await attempt.client.patch(attempt.request["url"].removesuffix("/skip"), json={"recurrence": None}))


async def undone(attempt: Attempt) -> None:
    answered(await attempt.send())


async def outdated(attempt: Attempt) -> None:
    attempt.request["headers"]["If-Match"] = '"0"'


async def too_large(attempt: Attempt) -> None:
    attempt.request.pop("json", None)
    attempt.request.pop("data", None)
    largest = LARGEST_UPLOAD if attempt.request.pop("files", None) else LARGEST_BODY
    attempt.request["content"] = b" " * (largest + 1)


async def of_another_type(attempt: Attempt) -> None:
    await too_large(attempt)
    attempt.request["content"] = b"title=x"
    attempt.request["headers"]["Content-Type"] = "text/plain"


PROVOKED_BY: Mapping[int, Callable[[Attempt], Awaitable[None]]] = {
    200: again,
    201: for_the_first_time,
    304: known,
    400: malformed,
    401: not_signed_in,
    403: not_allowed,
    409: taken,
    412: outdated,
    413: too_large,
    415: of_another_type,
}
"""What turns a documented request into one that is answered so."""


async def of_the_same_name(attempt: Attempt) -> None:
    collection = attempt.request["url"].rpartition("/")[0]
    answered(await attempt.client.post(collection, json={"name": attempt.request["json"]["name"]}), 201)


async def into_itself(attempt: Attempt) -> None:
    path = attempt.request["url"].removesuffix("/move")
    attempt.request["json"] = {"parent_id": path.rpartition("/")[2]}


CONFLICTS: Mapping[str, Callable[[Attempt], Awaitable[None]]] = {
    "updateLabel": of_the_same_name,
    "putLabel": of_the_same_name,
    "moveTask": into_itself,
    **dict.fromkeys(("updateTask", "putTask", "updateTaskPhase2", "putTaskPhase2"), into_itself),
    "moveProject": into_itself,
    "completeTask": due_on_another_day,
    "completeTaskPhase2": due_on_another_day,
    "skipOccurrence": no_longer_recurring,
    "undoOccurrence": undone,
}
"""What brings about a 409 otherwise."""


@pytest.mark.parametrize(("operation", "status"), DECLARED)
async def test_each_declared_answer_comes_and_is_as_declared(owner: Client, operation: Operation, status: int) -> None:
    # There is nothing at the address that is made up where no ids are given.
    attempt = as_documented(operation, owner, {} if status == 404 else await objects_for(operation, owner))
    if str(operation) == "mergeLabel" and status != 404:
        attempt.request["json"]["into"] = await PARAMETERS["another label_id"](owner)
    if status == 409 and str(operation) in CONFLICTS:
        await CONFLICTS[str(operation)](attempt)
    elif status in PROVOKED_BY:
        await PROVOKED_BY[status](attempt)

    reply = await attempt.send()

    assert reply.status_code == status, reply.text
    assert_declared(operation, reply)


@pytest.mark.parametrize("operation", LISTS, ids=str)
async def test_a_page_that_is_not_the_last_is_as_declared(owner: Client, operation: Operation) -> None:
    ids = await objects_for(operation, owner)
    for _ in range(2):
        await made(operation.path, owner, ids)
    attempt = as_documented(operation, owner, ids)
    attempt.request["params"] = {"limit": 1}

    reply = await attempt.send()

    assert reply.headers["Link"].endswith('rel="next"')
    assert_declared(operation, reply)


async def test_without_a_database_each_operation_answers_as_declared(owner: Client, tmp_path: Path) -> None:
    async with (
        running(settings_for(NOTHING_LISTENS_HERE), tmp_path / "log") as app,
        client_for(app) as client,
    ):
        for operation in OPERATIONS:
            reply = await as_documented(operation, owner, {}).send(client)

            assert reply.status_code == (503 if 503 in operation.responses else 200), operation
            assert_declared(operation, reply)


async def test_of_a_request_too_many_each_operation_says_what_is_declared(
    database_url: str, owner: Client, tmp_path: Path
) -> None:
    async with (
        running(settings_for(database_url, rate_limit="1/day"), tmp_path / "log") as app,
        client_for(app) as client,
    ):
        client.headers["Authorization"] = owner.headers["Authorization"]
        answered(await client.get("/openapi.json"))
        for operation in OPERATIONS:
            reply = await as_documented(operation, owner, {}).send(client)

            if "/health" in operation.path:
                answered(reply)
            else:
                assert reply.status_code == 429
                assert_declared(operation, reply)
