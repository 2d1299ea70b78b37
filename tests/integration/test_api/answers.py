"""What holds for every answer of the API, checked in one place, and the way into the database behind it."""

from typing import Any
from urllib.parse import unquote

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from backend.services.lockouts import Lockouts

TASKS = "/api/v1/users/me/tasks"
PHASE_2_TASKS = "/api/me/tasks"
ME = "/api/v1/users/me"
TOKEN = "/api/v1/auth/token"
REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
LOGOUT = "/api/v1/auth/logout"
JSON = {"Content-Type": "application/json"}


def problem(reply: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem details of a refusal, which have the same form whatever was refused."""
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), reply.text
    body: dict[str, Any] = reply.json()
    assert body["code"] == code or code is None, reply.text
    assert body["status"] == status
    assert body["type"].endswith(f":{body['code']}")
    assert body["title"]
    assert body["detail"]
    assert unquote(body["instance"]) == reply.request.url.path
    assert body["request_id"] == reply.headers["x-request-id"]
    assert "Traceback" not in reply.text
    return body


def faults(reply: httpx.Response, code: str | None = None) -> list[str]:
    """The fields that a 400 names, sorted; each comes with a code and a sentence."""
    errors: list[dict[str, str]] = problem(reply, 400, code)["errors"]
    for error in errors:
        assert error.keys() == {"field", "code", "message"}
        assert all(error.values())
    return sorted(error["field"] for error in errors)


def headers_of(reply: httpx.Response) -> list[tuple[str, str]]:
    """What the headers say, but for what is left of an allowance: with each request that is less."""
    return sorted((name, value) for name, value in reply.headers.multi_items() if name != "ratelimit")


def answered(reply: httpx.Response, status: int = 200) -> Any:
    """The JSON of a reply that must have this status."""
    assert reply.status_code == status, reply.text
    return reply.json()


def lockouts(app: FastAPI) -> Lockouts:
    """What the operator does with `donewell user`, in the application's own process."""
    return Lockouts(app.state.database, app.state.revocations)


async def sql(app: FastAPI, statement: str, **values: Any) -> list[dict[str, Any]]:
    """Run a statement in the application's database: for states that no client can bring about."""
    async with app.state.database.begin() as session:
        result = await (await session.connection()).execute(text(statement), values)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []
