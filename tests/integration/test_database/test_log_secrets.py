"""What people write and what they keep secret is planted everywhere, and must not be found in the log."""

import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import structlog
from structlog._config import BoundLoggerLazyProxy

from tests.factories.canaries import CANARY
from tests.factories.clients import Client
from tests.factories.mailboxes import read_settings_of, serving, token_in
from tests.integration.test_database.stage import LIMIT, ME, TASKS, Stage

MARK = CANARY
"""Begins everything planted, and the constraints below refuse it: the database then quotes the whole row."""

REFUSING = {"tasks": "title", "users": "name", "sessions": "device"}


def planted(what: str) -> str:
    return f"{MARK}-{what}-{uuid4().hex}"


@pytest.fixture
def settings_of_the_log_apply() -> Iterator[None]:
    """A logger keeps the settings of its first use for as long as the process lives; here they are read anew."""
    config, handlers, level = structlog.get_config(), logging.root.handlers, logging.root.level
    _forget_settings()
    yield
    structlog.configure(**config)
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    _forget_settings()


def _forget_settings() -> None:
    for module in list(sys.modules.values()):
        if isinstance(logger := vars(module).get("log"), BoundLoggerLazyProxy):
            vars(logger).pop("bind", None)


@asynccontextmanager
async def refusing_what_is_planted(stage: Stage) -> AsyncIterator[None]:
    for table, column in REFUSING.items():
        await stage.watcher.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT refuse CHECK ({column} NOT LIKE '{MARK}%') NOT VALID"
        )
    try:
        yield
    finally:
        for table in REFUSING:
            await stage.watcher.execute(f"ALTER TABLE {table} DROP CONSTRAINT refuse")


async def everything(client: Client, account: dict[str, str]) -> list[httpx.Response]:
    """A varied run, in which whatever can be said holds something planted."""
    task = {"title": planted("title"), "description": planted("description")}
    address = f"{TASKS}/{(await client.post(TASKS, json={'title': 'Water the plants'})).json()['id']}"
    credentials = {"email": account["email"], "password": account["password"]}
    form = {"grant_type": "password", "username": account["email"], "password": account["password"]}
    json = {"Content-Type": "application/json"}
    return [
        await client.post(TASKS, json=task),
        await client.patch(address, json=task),
        await client.put(address, json=task | {"priority": planted("priority")}),
        await client.post(TASKS, json=task | {planted("field"): 1}),
        await client.post(TASKS, json={"title": planted("long") * 50}),
        await client.post(TASKS, content=f'{{"title": "{planted("broken")}'.encode(), headers=json),
        await client.post(TASKS, content=planted("text").encode(), headers={"Content-Type": "text/plain"}),
        await client.get(TASKS, params={"cursor": planted("cursor")}),
        await client.get(TASKS, params={planted("parameter"): planted("value")}),
        await client.get(f"{TASKS}/{planted('id')}"),
        await client.get(f"/api/v1/users/{planted('user')}/tasks"),
        await client.get(f"/{planted('path')}"),
        await client.patch(address, json={}, headers={"If-Match": planted("etag")}),
        await client.patch(address, json=task, headers={"If-Match": '"0"'}),
        await client.patch(ME, json={"name": planted("name"), "time_zone": planted("zone")}),
        await client.patch(ME, json={"name": planted("name")}),
        await client.get(TASKS, headers={"Authorization": f"Bearer {planted('token')}"}),
        await client.get(TASKS, headers={"Authorization": f"Basic {planted('basic')}"}),
        await client.get(TASKS, headers={"X-Request-ID": f"{planted('request')} "}, params={"access_token": MARK}),
        await client.post("/api/v1/auth/register", json=account),
        await client.post("/api/v1/auth/register", json=account | {"password": "short"}),
        await client.post("/api/v1/auth/login", json=credentials, headers={"User-Agent": planted("agent")}),
        await client.post("/api/v1/auth/login", json=credentials | {"password": planted("wrong")}),
        await client.post("/api/v1/auth/token", data=form),
        await client.post("/api/v1/auth/token", data={"grant_type": "refresh_token", "refresh_token": planted("rt")}),
        await client.post("/api/v1/auth/password/forgot", json={"email": account["email"]}),
        await client.post("/api/v1/auth/password/forgot", json={"email": planted("unknown")}),
        await client.post("/api/v1/auth/password/reset", json={"token": planted("link"), "password": planted("new")}),
        await client.post(
            "/api/v1/auth/password/change",
            json={"current_password": planted("wrong"), "new_password": planted("new")},
        ),
        await client.post("/api/v1/auth/email/verify", json={"token": planted("link")}),
        await client.post(
            "/api/v1/auth/email/change",
            json={"email": f"{planted('mail')}@example.com", "password": account["password"]},
        ),
    ]


@pytest.mark.usefixtures("settings_of_the_log_apply")
@pytest.mark.parametrize("log_format", ["json", "pretty"])
async def test_nothing_that_anybody_wrote_or_keeps_secret_is_logged(stage: Stage, log_format: str) -> None:
    account = {"name": planted("name"), "email": f"{planted('mail')}@example.com", "password": planted("password")}
    async with (
        serving() as mail_server,
        stage.application(
            log_level="debug", log_format=log_format, database_timeout=LIMIT, **read_settings_of(mail_server)
        ) as (_, client),
    ):
        registered = (await client.post("/api/v1/auth/register", json=account)).json()
        client.headers["Authorization"] = f"Bearer {registered['access_token']}"
        renewal = {"grant_type": "refresh_token", "refresh_token": registered["refresh_token"]}
        renewed = (await client.post("/api/v1/auth/token", data=renewal)).json()
        await client.post("/api/v1/auth/token", data=renewal | {"refresh_token": renewed["refresh_token"]})

        replies = await everything(client, account)
        async with refusing_what_is_planted(stage):
            failed = [reply.status_code for reply in await everything(client, account)]
        again = await client.post("/api/v1/auth/token", data=renewal)
        letters = await mail_server.wait_for(account["email"], 2)

    log = stage.log.read_text()
    assert log.startswith("{") == (log_format == "json")
    assert max(reply.status_code for reply in replies) < 500
    assert failed.count(500) >= 4
    assert again.status_code == 400
    assert [line for line in log.splitlines() if MARK in line] == []
    for letter in letters:
        assert token_in(letter) not in log
    for tokens in (registered, renewed):
        for secret in (tokens["refresh_token"], *tokens["access_token"].split(".")[1:]):
            assert secret not in log


async def test_the_log_of_a_failure_leads_to_its_cause(stage: Stage) -> None:
    async with stage.application(database_timeout=LIMIT) as (_, client), refusing_what_is_planted(stage):
        replies = [
            await client.post(TASKS, json={"title": planted("title")}),
            await client.patch(ME, json={"name": planted("name")}),
        ]

    for reply, place in zip(replies, ("services/tasks.py", "services/users.py"), strict=True):
        [failure] = [line for line in stage.failures() if line["request_id"] == reply.json()["request_id"]]
        assert failure["event"] == "request.failed"
        assert place in failure["exception"]
        assert "CheckViolationError" in failure["exception"]


async def test_what_libraries_log_of_an_error_is_held_to_the_same(stage: Stage) -> None:
    async with stage.application(database_timeout=LIMIT):
        try:
            int(planted("message"))
        except ValueError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application")

    [failure] = stage.failures()
    assert (failure["event"], failure["logger"]) == ("Exception in ASGI application", "uvicorn.error")
    assert "ValueError" in failure["exception"]
    assert Path(__file__).name in failure["exception"]
    assert MARK not in stage.log.read_text()
