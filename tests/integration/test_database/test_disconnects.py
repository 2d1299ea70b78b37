"""Clients on real sockets that go away midway: the server carries on, and gives back what they had taken."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from tests.factories.clients import Client
from tests.integration.test_database.stage import LANES, LIMIT, ME, TASKS, Stage, admitted, eventually, tasks_of

POOL_SIZE = 3
CLIENTS = 8


class Server(uvicorn.Server):
    """uvicorn, leaving the signals to the test run."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[int]:
    """The port at which uvicorn serves the application."""
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None)
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.ensure_future(server.serve([listener]))

        async def started() -> bool:
            return server.started

        await eventually(started)
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


def raw(method: str, path: str, client: Client, body: Any, *, length: int | None = None) -> bytes:
    """A request as it goes over the wire; with `length` its body is announced to be of another length than it is."""
    content = json.dumps(body).encode()
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: {client.headers['Authorization']}",
        "Content-Type: application/json",
        f"Content-Length: {len(content) if length is None else length}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + content


def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def close(writer: asyncio.StreamWriter) -> None:
    writer.close()


def half_close(writer: asyncio.StreamWriter) -> None:
    writer.write_eof()


async def assert_serving(app: FastAPI, port: int, client: Client) -> None:
    """More requests at once than there are connections all succeed, and then none is in use."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=client.headers) as browser:
        replies = await asyncio.gather(*(browser.get(path) for path in (TASKS, ME) for _ in range(2 * POOL_SIZE)))
    assert {reply.status_code for reply in replies} == {200}
    assert app.state.database.checked_out() == 0


@pytest.mark.parametrize("leave", [reset, close, half_close])
async def test_clients_that_leave_while_the_database_works_for_them(
    stage: Stage, leave: Callable[[asyncio.StreamWriter], None]
) -> None:
    async with (
        stage.application(database_pool_size=POOL_SIZE, database_timeout=LIMIT) as (app, client),
        listening(app) as port,
    ):
        writers = []
        requests = [
            raw("POST", TASKS, client, {"title": "Water the plants"}),
            raw("PATCH", ME, client, {"name": "Grace"}),
        ]
        locks = [stage.holding(lane.lock, client.user_id) for lane in LANES.values()]
        async with locks[0], locks[1]:
            for number in range(CLIENTS):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(requests[number % 2])
                writers.append(writer)
                await admitted(app, number + 1)
            for writer in writers:
                leave(writer)
        await admitted(app, 0)
        await stage.backends(0, "state <> 'idle'")
        await assert_serving(app, port, client)
        for writer in writers:
            writer.close()
    assert stage.failures() == []


async def test_clients_that_leave_before_they_have_sent_all(stage: Stage) -> None:
    async with (
        stage.application(database_pool_size=POOL_SIZE, database_timeout=LIMIT) as (app, client),
        listening(app) as port,
    ):
        for number in range(4 * POOL_SIZE):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            method, path = (("POST", TASKS), ("PATCH", ME))[number % 2]
            writer.write(raw(method, path, client, {"title": "x"}, length=1000))
            await writer.drain()
            (reset, close)[number // 2 % 2](writer)

        await assert_serving(app, port, client)
        assert await stage.watcher.fetchval(tasks_of(client.user_id)) == 0
    assert stage.failures() == []


async def test_what_a_client_was_told_is_there_and_what_it_was_not_told_may_be_asked_again(stage: Stage) -> None:
    async with (
        stage.application(database_pool_size=POOL_SIZE, database_timeout=LIMIT) as (app, client),
        listening(app) as port,
    ):
        task = {"id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01", "title": "Water the plants"}
        async with stage.holding(LANES["fast lane"].lock, client.user_id):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw("POST", TASKS, client, task))
            await admitted(app, 1)
            reset(writer)
        await admitted(app, 0)

        again = await client.post(TASKS, json=task)
        listed = (await client.get(TASKS)).json()

    assert again.status_code in (200, 201)
    assert [found["id"] for found in listed] == [task["id"]]
