"""An application on a database of its own, locks held from outside, and a view of what goes on in there."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from fastapi import FastAPI

from backend.database.session import Database
from backend.database.url import translate
from tests.factories.applications import running, settings_for
from tests.factories.clients import Client, client_for, sign_up

type Connection = asyncpg.Connection[asyncpg.Record]

TASKS = "/api/v1/users/me/tasks"
ME = "/api/v1/users/me"

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
LIMIT = 30
"""Seconds after which what should happen is taken to have failed. Nothing that works comes near it."""


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(LIMIT):
        while not await condition():  # noqa: ASYNC110  what happens in another process sets no event
            await asyncio.sleep(0.002)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A connection beside those of the application."""
    connection: Connection = await asyncpg.connect(**translate(url).arguments)
    try:
        yield connection
    finally:
        # Whoever stopped the server has ended the connection too.
        if not connection.is_closed():
            await connection.close()


@dataclass(frozen=True, slots=True)
class Stage:
    """A test's own database, the log of the applications on it, and a connection to watch it through."""

    url: str
    log: Path
    watcher: Connection

    @asynccontextmanager
    async def serving(self, **settings: Any) -> AsyncIterator[FastAPI]:
        """An application on the database."""
        async with running(settings_for(self.url).model_copy(update=settings), self.log) as app:
            yield app

    @asynccontextmanager
    async def application(self, **settings: Any) -> AsyncIterator[tuple[FastAPI, Client]]:
        """An application on the database, and somebody who has signed in to it."""
        async with self.serving(**settings) as app, client_for(app) as client:
            yield app, await sign_up(app, client)

    @asynccontextmanager
    async def holding(self, lock: str, *arguments: Any) -> AsyncIterator[Connection]:
        """Whatever the statement locks stays locked for all others until the block ends, which commits."""
        async with connected(self.url) as connection, connection.transaction():
            await connection.execute(lock, *arguments)
            yield connection

    async def blocked(self, number: int) -> None:
        """Return once so many backends wait for a lock."""
        await self.backends(number, "wait_event_type = 'Lock'")

    async def backends(self, number: int, condition: str) -> None:
        """Return once so many backends of others are as the SQL condition says."""
        query = f"SELECT count(*) {OTHERS} AND {condition}"

        async def as_many() -> bool:
            return bool(await self.watcher.fetchval(query) == number)

        await eventually(as_many)

    async def end_backends(self, condition: str = "true") -> None:
        """Terminate the backends of others that are as the SQL condition says, and return once they are gone."""
        await self.watcher.execute(f"SELECT pg_terminate_backend(pid) {OTHERS} AND {condition}")
        await self.backends(0, condition)

    def logged(self) -> list[dict[str, Any]]:
        """What has been logged, a dictionary a line."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def failures(self) -> list[dict[str, Any]]:
        """What has been logged as nobody's fault but ours."""
        return [line for line in self.logged() if line["level"] in ("error", "critical")]


@dataclass(frozen=True, slots=True)
class Lane:
    """One of the two ways to the database: what keeps a user's writes on it waiting, a write and a read."""

    lock: str
    write: Callable[[Client], Awaitable[httpx.Response]]
    read: Callable[[Client], Awaitable[httpx.Response]]


LANES: Mapping[str, Lane] = {
    "fast lane": Lane(
        "SELECT FROM revisions WHERE user_id = $1 FOR UPDATE",
        lambda client: client.post(TASKS, json={"title": "Water the plants"}),
        lambda client: client.get(TASKS),
    ),
    "session lane": Lane(
        "SELECT FROM users WHERE id = $1 FOR UPDATE",
        lambda client: client.patch(ME, json={"name": uuid4().hex}),
        lambda client: client.get(ME),
    ),
}


def same_person(app: FastAPI, person: Client) -> Client:
    """A client of another application on the same database."""
    client = client_for(app)
    client.user_id, client.headers = person.user_id, person.headers
    return client


async def admitted(app: FastAPI, number: int) -> None:
    """Return once so many requests use the database or wait to."""
    database: Database = app.state.database

    async def as_many() -> bool:
        return database.admitted() == number

    await eventually(as_many)


def is_refusal(reply: httpx.Response) -> bool:
    """Whether the reply says, in full, that it is not possible now and when to come back."""
    return (
        reply.status_code == 503
        and reply.headers["content-type"] == "application/problem+json"
        and reply.json()["code"] in ("overloaded", "database_unavailable")
        and int(reply.headers["retry-after"]) >= 1
    )


async def recovered(lane: Lane, client: Client) -> None:
    """Return once the application writes again; until then it may refuse, and no more than that."""

    async def writes() -> bool:
        reply = await lane.write(client)
        assert reply.is_success or is_refusal(reply), reply.text
        return reply.is_success

    await eventually(writes)


def tasks_of(user_id: UUID) -> str:
    """The SQL that counts the tasks that a user has, the trash included."""
    return f"SELECT count(*) FROM tasks WHERE user_id = '{user_id}'"
