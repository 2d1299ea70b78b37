"""What people write and what they keep secret is planted everywhere, and must not be found in the log."""

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from structlog._config import BoundLoggerLazyProxy

from backend.models.base import metadata
from tests.factories.canaries import CANARY
from tests.factories.clients import PASSWORD, Client
from tests.factories.issuers import token_of_the_frontend
from tests.factories.mailboxes import read_settings_of, serving, token_in
from tests.integration.test_architecture.planted import plant
from tests.integration.test_database.stage import LIMIT, ME, TASKS, Stage, eventually

MARK = CANARY
"""Begins everything planted, and the constraints below refuse it: the database then quotes the whole row."""

REFUSING = {"tasks": "title", "users": "name", "sessions": "device"}

type Sent = Callable[[Client], Awaitable[httpx.Response]]


def posting(path: str, **body: Any) -> Sent:
    return lambda client: client.post(path, json=body)


async def completing(client: Client) -> httpx.Response:
    task = {"title": f"{MARK} again", "due_date": "2027-03-01", "recurrence": {"rule": "FREQ=DAILY"}}
    made = await client.post(TASKS, json=task)
    return await client.patch(f"{TASKS}/{made.json()['id']}/complete", json={})


async def signing_in_elsewhere(client: Client) -> httpx.Response:
    token = token_of_the_frontend(sub=f"{MARK}-{uuid4().hex}")
    return await client.get(ME, headers={"Authorization": f"Bearer {token}"})


async def signing_in(client: Client) -> httpx.Response:
    credentials = {"email": client.email, "password": PASSWORD}
    return await client.post("/api/v1/auth/login", json=credentials, headers={"User-Agent": MARK})


ROWS: dict[str, tuple[str, Sent]] = {
    "access_tokens": ("name", posting("/api/v1/auth/tokens", name=MARK, scopes=["tasks:read"])),
    "audit_log": ("device", signing_in),
    "feeds": ("name", posting(f"{ME}/feeds", name=MARK)),
    "filters": ("name", posting(f"{ME}/filters", name=MARK, query=f'title ~ "{MARK}"')),
    "identities": ("subject", signing_in_elsewhere),
    "labels": ("name", posting(f"{ME}/labels", name=MARK)),
    "mails": ("address", posting("/api/v1/auth/password/forgot", email=f"{MARK}@example.com")),
    "projects": ("name", posting(f"{ME}/projects", name=MARK)),
    "revisions": ("user_id::text", posting(TASKS, title=MARK)),
    "sessions": ("device", signing_in),
    "task_occurrences": ("previous::text", completing),
    "tasks": ("title", posting(TASKS, title=MARK)),
    "users": ("name", lambda client: client.patch(ME, json={"name": MARK})),
}
"""For each table with rows of users: a column, and a request that writes a row which the database is made to refuse."""

NOT_BY_A_REQUEST = {"one_time_tokens"}
"""Written when a mail is sent: see test_what_the_sender_of_mail_cannot_write_is_not_logged."""


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
async def refusing(stage: Stage, table: str, condition: str) -> AsyncIterator[None]:
    """Meanwhile the database refuses rows of the table that do not meet a condition."""
    await stage.watcher.execute(f"ALTER TABLE {table} ADD CONSTRAINT refuse CHECK ({condition}) NOT VALID")
    try:
        yield
    finally:
        await stage.watcher.execute(f"ALTER TABLE {table} DROP CONSTRAINT refuse")


@asynccontextmanager
async def refusing_what_is_planted(stage: Stage) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for table, column in REFUSING.items():
            await stack.enter_async_context(refusing(stage, table, f"{column} NOT LIKE '{MARK}%'"))
        yield


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

        replies = [*await everything(client, account), *await plant(client)]
        async with refusing_what_is_planted(stage):
            failed = [reply.status_code for reply in await everything(client, account)]
        again = await client.post("/api/v1/auth/token", data=renewal)
        letters = await mail_server.wait_for(account["email"], 2)

    log = stage.log.read_text()
    assert log.startswith("{") == (log_format == "json")
    assert max(reply.status_code for reply in replies) < 500
    assert failed.count(500) >= 4
    assert again.status_code == 401
    assert [line for line in log.splitlines() if MARK in line] == []
    for letter in letters:
        assert token_in(letter) not in log
    for tokens in (registered, renewed):
        for secret in (tokens["refresh_token"], *tokens["access_token"].split(".")[1:]):
            assert secret not in log


def test_every_table_with_rows_of_users_is_refused_one() -> None:
    owned = {name for name, table in metadata.tables.items() if name == "users" or "user_id" in table.columns}

    advice = "Add the new ones to ROWS in tests/integration/test_database/test_log_secrets.py"
    assert ROWS.keys() | NOT_BY_A_REQUEST == owned, advice


async def test_a_row_that_is_refused_is_not_logged_of_whatever_table(stage: Stage) -> None:
    """PostgreSQL quotes the whole row in its error, and the driver puts that into its exception."""
    async with serving() as mail_server, stage.application(**read_settings_of(mail_server)) as (_, client):
        for table, (column, send) in ROWS.items():
            async with refusing(stage, table, f"{column} IS NULL"):
                reply = await send(client)
            assert (reply.status_code, MARK in reply.text) == (500, False), table

    assert [line for line in stage.log.read_text().splitlines() if MARK in line] == []
    assert ["CheckViolationError" in line["exception"] for line in stage.failures()] == [True] * len(ROWS)


async def test_what_the_sender_of_mail_cannot_write_is_not_logged(stage: Stage) -> None:
    async def has_failed() -> bool:
        return "mail.delayed" in stage.log.read_text()

    async with (
        serving() as mail_server,
        stage.application(**read_settings_of(mail_server)) as (_, client),
        refusing(stage, "one_time_tokens", "email IS NULL"),
    ):
        await client.post("/api/v1/auth/password/forgot", json={"email": client.email})
        await eventually(has_failed)

    assert MARK not in stage.log.read_text()


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
