"""The log tells what happened and to whom, and nothing that anybody wrote or keeps secret."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest
from uuid_utils.compat import uuid7

from tests.factories.clients import PASSWORD, Client
from tests.integration.test_architecture.operations import OPERATIONS, Operation, ids_of, send
from tests.integration.test_database.stage import LANES, LIMIT, ME, TASKS, Stage

type Logged = Callable[[], list[dict[str, Any]]]

LOGIN, REGISTER, TOKEN = (f"/api/v1/auth/{name}" for name in ("login", "register", "token"))


def lines_of(reply: httpx.Response, logged: Logged) -> list[dict[str, Any]]:
    """What has been logged on the way to the reply."""
    return [line for line in logged() if line.get("request_id") == reply.headers["x-request-id"]]


def events_of(reply: httpx.Response, logged: Logged) -> list[str]:
    return [line["event"] for line in lines_of(reply, logged) if line["event"] != "request"]


# Static files and the OpenAPI document are served by the framework, and have nobody's id in their path.
@pytest.mark.parametrize("operation", [operation for operation in OPERATIONS if operation.is_ours], ids=str)
async def test_a_request_is_one_line_with_its_route_and_no_ids(
    owner: Client, operation: Operation, logged: Logged
) -> None:
    ids = await ids_of(owner, operation)

    reply = await send(owner, operation, ids, sender=owner, user_id=str(owner.user_id))

    lines = [line for line in lines_of(reply, logged) if line["event"] == "request"]
    assert len(lines) == 1
    assert lines[0].pop("timestamp").endswith("Z")
    assert lines[0].pop("duration_ms") > 0
    assert lines[0] == {
        "event": "request",
        "level": "info",
        "method": operation.method,
        "route": operation.path,
        "status": reply.status_code,
        "request_id": reply.headers["x-request-id"],
        "user_id": str(owner.user_id),
    }


NOBODYS = "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01"
UNKNOWN = f"{TASKS}/{NOBODYS}"

REFUSED: Mapping[tuple[str, str], tuple[int, str | None]] = {
    ("GET", f"/nowhere/{NOBODYS}"): (404, None),
    ("GET", UNKNOWN): (401, "/api/v1/users/{user_id}/tasks/{task_id}"),
    ("PATCH", "/api/me/tasks/0192f3c1-b2a4-7d10-8000-3b5d2f1c9e02/complete"): (
        401,
        "/api/{user_id}/tasks/{task_id}/complete",
    ),
    ("POST", LOGIN): (400, LOGIN),
}
"""What nobody in particular asks for, and the status and the route that are logged of it."""


@pytest.mark.parametrize(("method", "path"), REFUSED)
async def test_a_refused_request_is_one_line_too(anonymous: Client, logged: Logged, method: str, path: str) -> None:
    reply = await anonymous.request(method, path)

    [line] = lines_of(reply, logged)
    assert (line["status"], line["route"]) == REFUSED[method, path]
    assert (line["method"], line["user_id"]) == (method, None)


async def test_a_method_that_a_path_does_not_take_is_logged_without_the_path(owner: Client, logged: Logged) -> None:
    reply = await owner.request("POST", UNKNOWN)

    [line] = lines_of(reply, logged)
    assert (line["method"], line["status"]) == ("POST", 405)
    assert line["route"] in (None, "/api/v1/users/{user_id}/tasks/{task_id}")


async def test_a_request_that_is_given_up_is_logged_too(stage: Stage) -> None:
    lane = LANES["fast lane"]
    async with stage.application(database_timeout=LIMIT) as (_, client), stage.holding(lane.lock, client.user_id):
        client.headers["X-Request-ID"] = "given-up-midway"
        write = asyncio.ensure_future(lane.write(client))
        await stage.blocked(1)
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)

    lines = [line["event"] for line in stage.logged() if line.get("request_id") == "given-up-midway"]
    assert lines == ["request"]


async def test_each_change_is_one_event_and_what_changes_nothing_is_none(owner: Client, logged: Logged) -> None:
    task_id = str(uuid7())
    address = f"{TASKS}/{task_id}"
    steps: list[tuple[str, str, dict[str, Any], int, list[str]]] = [
        ("POST", TASKS, {"id": task_id, "title": "one"}, 201, ["task.created"]),
        ("POST", TASKS, {"id": task_id, "title": "one"}, 200, []),
        ("POST", TASKS, {"title": ""}, 400, []),
        ("PATCH", address, {"title": "two"}, 200, ["task.updated"]),
        ("PUT", address, {"title": "three", "priority": "low"}, 200, ["task.updated"]),
        ("PATCH", address, {"title": "three"}, 200, []),
        ("PATCH", address, {}, 200, []),
        ("PATCH", f"{address}/complete", {}, 200, ["task.completed"]),
        ("PATCH", f"{address}/complete", {}, 200, []),
        ("PATCH", address, {"title": "four"}, 200, ["task.updated"]),
        ("PATCH", f"{address}/complete", {"completed": False}, 200, ["task.updated"]),
        ("PATCH", address, {"completed": True, "title": "five"}, 200, ["task.completed"]),
        ("PATCH", address, {"priority": "urgent"}, 400, []),
        ("DELETE", address, {}, 204, ["task.deleted"]),
        ("DELETE", address, {}, 404, []),
        ("PATCH", address, {"title": "six"}, 404, []),
        ("PATCH", ME, {"name": "Grace"}, 200, ["user.updated"]),
        ("PATCH", ME, {"name": "Grace"}, 200, []),
    ]

    for method, path, body, status, events in steps:
        reply = await owner.request(method, path, json=body)
        assert (reply.status_code, events_of(reply, logged)) == (status, events), (method, path, body)

    named = [line for line in logged() if line["event"].startswith("task.")]
    assert {line["task_id"] for line in named} == {task_id}


async def test_each_sign_in_is_one_event(owner: Client, anonymous: Client, logged: Logged) -> None:
    name = {"username": owner.email, "grant_type": "password"}
    renewal = {"grant_type": "refresh_token", "refresh_token": owner.refresh_token}
    account = {"email": f"{uuid4().hex}@example.com", "name": "Eve", "password": PASSWORD}
    replies = {
        "session.opened": [
            await anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD}),
            await anonymous.post(TOKEN, data=name | {"password": PASSWORD}),
        ],
        "session.refused": [
            await anonymous.post(LOGIN, json={"email": owner.email, "password": "a wrong one"}),
            await anonymous.post(LOGIN, json={"email": account["email"], "password": PASSWORD}),
            await anonymous.post(TOKEN, data=name | {"password": "a wrong one"}),
        ],
        "session.refreshed": [await anonymous.post(TOKEN, data=renewal)],
        "user.registered": [await anonymous.post(REGISTER, json=account)],
        "session.closed": [await owner.post("/api/v1/auth/logout")],
    }

    assert {event: [events_of(reply, logged) for reply in several] for event, several in replies.items()} == {
        event: [[event]] * len(several) for event, several in replies.items()
    }
    [opened, *_] = [line for line in logged() if line["event"] == "session.opened"]
    assert opened["user_id"] == str(owner.user_id)
