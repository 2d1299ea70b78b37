"""When something breaks that nobody thought of: a table is gone, and the answer is still a good one."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from tests.factories.applications import running, settings_for
from tests.factories.clients import NAME, PASSWORD, Client, client_for, sign_up
from tests.factories.databases import execute
from tests.integration.test_api.answers import LOGIN, ME, REGISTER, TASKS, TOKEN, answered, problem


@pytest.fixture
def own_log(tmp_path: Path) -> Path:
    """Where this test's application logs."""
    return tmp_path / "app.log"


@pytest.fixture
async def own_app(own_database_url: str, own_log: Path) -> AsyncIterator[FastAPI]:
    """An application on a database that may be broken."""
    async with running(settings_for(own_database_url), own_log) as app:
        yield app


@pytest.fixture
async def somebody(own_app: FastAPI) -> AsyncIterator[Client]:
    """Somebody with an account there."""
    async with client_for(own_app) as client:
        yield await sign_up(own_app, client)


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


async def test_an_unexpected_exception_is_answered_without_details_and_logged_with_them(
    own_database_url: str, own_log: Path, somebody: Client
) -> None:
    task = answered(await somebody.post(TASKS, json={"title": "a secret title"}), 201)
    address = f"{TASKS}/{task['id']}"
    await execute(own_database_url, "ALTER TABLE tasks RENAME TO gone; ALTER TABLE users RENAME TO gone_too")
    person = {"email": somebody.email, "name": "Ada", "password": PASSWORD}
    form = {"grant_type": "password", "username": somebody.email, "password": PASSWORD}

    replies = [
        await somebody.get(TASKS),
        await somebody.post(TASKS, json={"title": "a secret title"}),
        await somebody.get(address),
        await somebody.patch(address, json={"title": "a secret title"}),
        await somebody.patch(f"{address}/complete"),
        await somebody.delete(address),
        await somebody.get(ME),
        await somebody.patch(ME, json={"name": "Grace"}),
        await somebody.post(REGISTER, json=person),
        await somebody.post(LOGIN, json={"email": somebody.email, "password": PASSWORD}),
        await somebody.post(TOKEN, data=form),
    ]

    log = lines(own_log)
    for reply in replies:
        problem(reply, 500, "internal_error")
        for detail in ("gone", "relation", "UndefinedTable", "SELECT", "sqlalchemy", ".py"):
            assert detail not in reply.text
        mine = [line for line in log if line.get("request_id") == reply.headers["x-request-id"]]
        (failure,) = (line for line in mine if line["event"] == "request.failed")
        (access,) = (line for line in mine if line["event"] == "request")
        assert "UndefinedTableError" in failure["exception"]
        assert "Traceback (most recent call last)" in failure["exception"]
        assert (access["status"], access["route"]) == (500, failure["route"])


async def test_after_an_unexpected_exception_all_is_as_before(
    own_database_url: str, own_app: FastAPI, somebody: Client
) -> None:
    before = await somebody.post(TASKS, json={"title": "x"})
    await execute(own_database_url, "ALTER TABLE tasks RENAME TO gone; ALTER TABLE users RENAME TO gone_too")
    # More often than there are connections: none of them may be lost.
    for _ in range(12):
        problem(await somebody.get(TASKS), 500)
        problem(await somebody.patch(ME, json={"name": "Grace"}), 500)

    await execute(own_database_url, "ALTER TABLE gone RENAME TO tasks; ALTER TABLE gone_too RENAME TO users")

    assert own_app.state.database.checked_out() == 0
    assert (await somebody.get(TASKS)).content == b"[" + before.content + b"]"
    assert answered(await somebody.get(ME))["name"] == NAME


async def test_the_id_a_caller_gave_leads_to_the_trace(own_database_url: str, own_log: Path, somebody: Client) -> None:
    await execute(own_database_url, "ALTER TABLE tasks RENAME TO gone")

    reply = await somebody.get(TASKS, headers={"X-Request-ID": "find-me-again"})

    assert problem(reply, 500, "internal_error")["request_id"] == "find-me-again"
    assert {"request.failed", "request"} <= {
        line["event"] for line in lines(own_log) if line.get("request_id") == "find-me-again"
    }
