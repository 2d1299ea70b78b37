"""What the document declares is what comes: each documented request and each declared answer is tried out."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.factories.applications import running, settings_for
from tests.factories.clients import Client, client_for
from tests.integration.test_api.answers import TASKS, answered
from tests.integration.test_api.contract import OPERATIONS, Operation, assert_declared

type Request = dict[str, Any]

# No request brings these about; the second has a test of its own, and the first is in test_unexpected.
UNPROVOKED = (500, 503)
NOTHING_LISTENS_HERE = "postgresql://donewell@127.0.0.1:1/donewell"

DECLARED = [
    pytest.param(operation, status, id=f"{operation}-{status}")
    for operation in OPERATIONS
    for status in operation.responses
    if status not in UNPROVOKED
]


def documented_request(operation: Operation, client: Client, task_id: str) -> Request:
    """The request that the document shows, from this client. Nothing is changed in it but whose address it has."""
    given = {parameter["name"]: parameter["example"] for parameter in operation.parameters if "example" in parameter}
    request: Request = {
        "method": operation.method,
        "url": operation.path.format(**{**given, "task_id": task_id}),
        "headers": {"Authorization": client.headers["Authorization"]},
    }
    if operation.body is not None:
        content_type, schema = operation.body
        body = {**schema["examples"][0]}
        body |= {name: client.email for name in ("email", "username") if name in body}
        request["json" if content_type == "application/json" else "data"] = body
    return request


async def again(request: Request, client: Client) -> None:
    if "title" in request.get("json", {}) and request["method"] == "POST":
        request["json"]["id"] = str(uuid4())
        answered(await client.request(**request), 201)


async def for_the_first_time(request: Request, _: Client) -> None:
    if "email" in request["json"]:
        request["json"]["email"] = f"{uuid4().hex}@example.com"


async def known(request: Request, client: Client) -> None:
    request["headers"]["If-None-Match"] = (await client.request(**request)).headers["ETag"]


async def malformed(request: Request, _: Client) -> None:
    if "json" in request:
        request["json"]["no such field"] = True
    elif "data" in request:
        del request["data"]["grant_type"]
    elif request["url"].endswith("/tasks"):
        request["params"] = {"limit": 0}
    else:
        request["url"] = request["url"].rpartition("/")[0] + "/1"


async def not_signed_in(request: Request, _: Client) -> None:
    if "password" in request.get("json", {}):
        request["json"]["password"] = "another password"
    else:
        request["headers"]["Authorization"] = "Bearer of bad news"


async def somebody_elses(request: Request, _: Client) -> None:
    request["url"] = request["url"].replace("/me/", f"/{uuid4()}/")


async def taken(request: Request, client: Client) -> None:
    if "title" in request["json"]:
        request["json"]["id"] = task_id = str(uuid4())
        answered(await client.post(TASKS, json={"id": task_id, "title": "Gone"}), 201)
        assert (await client.delete(f"{TASKS}/{task_id}")).status_code == 204


async def outdated(request: Request, _: Client) -> None:
    request["headers"]["If-Match"] = '"0"'


async def too_large(request: Request, _: Client) -> None:
    request.pop("json", None)
    request.pop("data", None)
    request["content"] = b" " * (1024 * 1024 + 1)


async def of_another_type(request: Request, client: Client) -> None:
    await too_large(request, client)
    request["content"] = b"title=x"
    request["headers"]["Content-Type"] = "text/plain"


PROVOKED_BY: Mapping[int, Callable[[Request, Client], Awaitable[None]]] = {
    200: again,
    201: for_the_first_time,
    304: known,
    400: malformed,
    401: not_signed_in,
    403: somebody_elses,
    409: taken,
    412: outdated,
    413: too_large,
    415: of_another_type,
}
"""What turns a documented request into one that is answered so."""


@pytest.mark.parametrize(("operation", "status"), DECLARED)
async def test_each_declared_answer_comes_and_is_as_declared(owner: Client, operation: Operation, status: int) -> None:
    task = answered(await owner.post(TASKS, json={"title": "Water the plants"}), 201)
    request = documented_request(operation, owner, str(uuid4()) if status == 404 else task["id"])
    if status in PROVOKED_BY:
        await PROVOKED_BY[status](request, owner)

    reply = await owner.request(**request)

    assert reply.status_code == status, reply.text
    assert_declared(operation, reply)


async def test_a_page_that_is_not_the_last_is_as_declared(owner: Client) -> None:
    for title in ("one", "two"):
        answered(await owner.post(TASKS, json={"title": title}), 201)
    for operation in OPERATIONS:
        if str(operation).startswith("listTasks"):
            reply = await owner.request(**documented_request(operation, owner, ""), params={"limit": 1})
            assert reply.headers["Link"].endswith('rel="next"')
            assert_declared(operation, reply)


async def test_without_a_database_each_operation_answers_as_declared(owner: Client, tmp_path: Path) -> None:
    async with (
        running(settings_for(NOTHING_LISTENS_HERE), tmp_path / "log") as app,
        client_for(app) as client,
    ):
        for operation in OPERATIONS:
            reply = await client.request(**documented_request(operation, owner, str(uuid4())))

            assert reply.status_code == (503 if 503 in operation.responses else 200), operation
            assert_declared(operation, reply)
