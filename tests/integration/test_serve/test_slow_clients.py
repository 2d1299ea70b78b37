"""Clients that are slow on purpose, or too many, or endless: each is answered or let go, and nobody else notices.

The limits are real, only shorter: what takes 30 seconds takes half a second here.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from backend.serving import patience, protocol
from backend.serving.patience import Stage
from tests.factories.applications import built, settings_for
from tests.factories.clients import client_for, sign_up
from tests.factories.servers import SignalFree
from tests.integration.test_api.answers import LOGIN, TASKS
from tests.integration.test_serve.processes import Donewell

HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
POST = f"POST {LOGIN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
PAGE = "https://app.example.com"
LIMITS = {Stage.HEAD: 0.6, Stage.BODY: 0.6, Stage.IDLE: 0.6, Stage.TAKING: 0.6}


@dataclass
class Talk:
    """A connection of a client that decides itself when to say what."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, text: bytes) -> None:
        self.writer.write(text)
        await self.writer.drain()

    async def drip(self, text: bytes) -> None:
        """One byte at a time, for as long as anybody listens."""
        with suppress(OSError):
            for byte in text:
                await self.say(bytes([byte]))
                await asyncio.sleep(0.05)

    async def heard(self) -> tuple[int, dict[str, str], bytes]:
        """The status, the headers and the body of the next answer; a status of 0 when there is none."""
        try:
            head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 8)).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, {}, b""
        fields = dict(line.split(": ", 1) for line in head.strip().splitlines()[1:])
        length = int(fields["content-length"]) if "content-length" in fields else 0
        return int(head.split()[1]), fields, await self.reader.readexactly(length)

    async def is_over(self) -> bool:
        """Whether the server has closed the connection, at the latest in a while."""
        try:
            return await asyncio.wait_for(self.reader.read(), 8) == b""
        except ConnectionError:
            return True


type Connect = Callable[[], Awaitable[Talk]]


@pytest.fixture
async def server(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[uvicorn.Server]:
    """The application behind the server's own protocol, with little patience."""
    monkeypatch.setattr(patience, "PATIENCE", LIMITS)
    monkeypatch.setattr(patience, "IMPATIENCE", LIMITS | {Stage.IDLE: 0.2})
    monkeypatch.setattr(patience, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 20)
    app = built(settings_for(database_url, cors_origins=PAGE))
    config = uvicorn.Config(app, port=0, http=protocol.Protocol, ws="none", proxy_headers=False, log_config=None)
    server = SignalFree(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.01)
    yield server
    server.should_exit = True
    await serving


@pytest.fixture
async def connect(server: uvicorn.Server) -> AsyncIterator[Connect]:
    """Opens connections."""
    writers: list[asyncio.StreamWriter] = []
    port = server.servers[0].sockets[0].getsockname()[1]

    async def open_one() -> Talk:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return Talk(reader, writer)

    yield open_one
    for writer in writers:
        writer.close()


async def test_headers_that_do_not_end_are_answered_408(connect: Connect) -> None:
    talk = await connect()
    dripping = asyncio.create_task(talk.drip(HEAD + b"X-Slow: " + b"y" * 500))
    status, headers, body = await talk.heard()

    assert (status, json.loads(body)["code"], headers["connection"]) == (408, "request_timeout", "close")
    assert headers["x-content-type-options"] == "nosniff"
    assert await talk.is_over()
    await dripping


async def test_who_says_nothing_is_let_go(connect: Connect) -> None:
    assert await (await connect()).is_over()


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 500\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n"], ids=["length", "chunks"]
)
async def test_a_body_that_does_not_end_is_answered_408_that_a_page_can_read(connect: Connect, framing: bytes) -> None:
    talk = await connect()
    dripping = asyncio.create_task(talk.drip(b'{"email": "' + b"y" * 400))
    await talk.say(POST + f"Origin: {PAGE}\r\n".encode() + framing)
    status, headers, body = await talk.heard()

    assert (status, json.loads(body)["code"], headers["connection"]) == (408, "request_timeout", "close")
    assert headers["access-control-allow-origin"] == PAGE
    assert json.loads(body)["request_id"] == headers["x-request-id"]
    assert await talk.is_over()
    await dripping


async def test_a_file_may_take_its_time_as_long_as_it_comes_and_no_other_body_may(
    connect: Connect, server: uvicorn.Server
) -> None:
    app: Any = server.config.loaded_app
    async with client_for(app) as client, client_for(app) as another:
        await sign_up(app, client)
        await sign_up(app, another)
    begin = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n{"format": "donewell", "version": 1'
    )
    size = len(begin) + 250_000 + len(b"}\r\n--b--\r\n")
    importing = f"POST /api/v1/users/me/import?format=json HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
    importing += "Content-Type: multipart/form-data; boundary=b\r\nAuthorization: Bearer "
    start, slow = (f"{importing}{each.access_token}\r\n\r\n".encode() + begin for each in (client, another))

    async def sent(head: bytes, pieces: list[int], end: bytes = b"") -> tuple[int, float]:
        """The status, and after how many seconds it came, when pieces of so many bytes are sent, twenty a second."""
        talk, begun = await connect(), asyncio.get_running_loop().time()
        await talk.say(head)
        answer = asyncio.create_task(talk.heard())
        with suppress(ConnectionError):  # who has been answered already may find nobody there
            for piece in pieces:
                if answer.done():
                    break
                await talk.say(b" " * piece)
                await asyncio.sleep(0.05)
            await talk.say(end)
        status, _, _ = await answer
        return status, asyncio.get_running_loop().time() - begun

    async def second_file() -> int:
        await asyncio.sleep(0.4)
        return (await sent(start, []))[0]

    steady = [10_000] * 25
    file, second, stalling, other = await asyncio.gather(
        sent(start, steady, b"}\r\n--b--\r\n"),
        second_file(),
        sent(slow, [32_000, *[10] * 60]),
        sent(POST + b"Content-Length: 250000\r\n\r\n", steady),
    )

    assert (file[0], second) == (200, 429), "one file of a user at a time"
    assert file[1] > 1.2
    assert stalling[0] == 408
    assert stalling[1] > 0.9
    assert other[0] == 408


async def test_a_body_that_nobody_waits_for_does_not_go_on_for_ever(connect: Connect) -> None:
    talk = await connect()
    await talk.say(f"POST {TASKS} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode())
    assert (await talk.heard())[0] == 401

    dripping = asyncio.create_task(talk.drip(b"y" * 500))
    assert await talk.is_over()
    await dripping


async def test_the_next_request_has_its_own_time_and_then_it_is_over(connect: Connect) -> None:
    talk = await connect()
    for _ in range(4):
        await asyncio.sleep(0.3)
        await talk.say(HEAD + b"\r\n")
        assert (await talk.heard())[0] == 200

    dripping = asyncio.create_task(talk.drip(HEAD * 20))
    assert (await talk.heard())[0] == 408
    assert await talk.is_over()
    await dripping


async def test_who_is_idle_is_let_go(connect: Connect) -> None:
    talk = await connect()
    await talk.say(HEAD + b"\r\n")
    assert (await talk.heard())[0] == 200

    # Neither a request nor silence: it would keep any timer from firing.
    dripping = asyncio.create_task(talk.drip(b"\r\n" * 100))
    assert await talk.is_over()
    await dripping


async def test_who_does_not_take_the_answer_is_let_go(connect: Connect, server: uvicorn.Server) -> None:
    app: Any = server.config.loaded_app
    async with client_for(app) as client:
        await sign_up(app, client)
        for _ in range(60):
            await client.post(TASKS, json={"title": "x", "description": "y" * 16_384})
    ask = f"GET {TASKS}?limit=60 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.access_token}\r\n\r\n"
    talk = await connect()
    await talk.say(ask.encode() * 20)
    assert await talk.reader.readexactly(12) == b"HTTP/1.1 200"
    for _ in range(100):
        await asyncio.sleep(0.1)
        if not server.server_state.connections:
            break

    assert not server.server_state.connections
    await asyncio.sleep(0.1)
    assert not server.server_state.tasks


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"X: " + b"y" * 40_000,
        HEAD + b"X: " + b"y" * 50_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 40_000,
        HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(1_000_000)),
    ],
    ids=["a header", "a whole header", "a path", "endless"],
)
async def test_a_head_that_is_too_large_is_answered_431(connect: Connect, sent: bytes) -> None:
    talk = await connect()
    with suppress(ConnectionError):
        await talk.say(sent)
    status, headers, body = await talk.heard()

    if status:  # who goes on sending may lose the answer to a reset
        assert (status, json.loads(body)["code"], headers["connection"]) == (431, "headers_too_large", "close")
    assert status or len(sent) > 100_000
    assert await talk.is_over()


@pytest.mark.parametrize("piece", [1_400, protocol.LARGEST_HEAD])
async def test_a_head_of_32_kib_is_taken_however_it_arrives(connect: Connect, piece: int) -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1_000) for number in range(40))
    head = (HEAD + fields)[: protocol.LARGEST_HEAD - 4] + b"\r\n\r\n"
    assert len(head) == protocol.LARGEST_HEAD
    talk = await connect()

    for begin in range(0, len(head), piece):
        await talk.say(head[begin : begin + piece])

    assert (await talk.heard())[0] == 200


async def test_an_endless_head_behind_a_request_that_takes_its_time_is_not_kept(
    connect: Connect, server: uvicorn.Server
) -> None:
    app: Any = server.config.loaded_app
    async with client_for(app) as client:
        await sign_up(app, client)
    busy = [asyncio.create_task(app.state.database.fast.run("SELECT pg_sleep(1.5)")) for _ in range(5)]
    talk = await connect()
    ask = f"GET {TASKS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.access_token}\r\n\r\n"
    await talk.say(ask.encode() + HEAD + b"X: ")
    talk.writer.write(b"y" * 50_000_000)
    await asyncio.sleep(0.8)

    assert talk.writer.transport.get_write_buffer_size() > 20_000_000
    assert (await talk.heard())[0] == 200
    assert await talk.is_over()
    await asyncio.gather(*busy)


async def test_a_large_head_and_a_large_body_are_not_mistaken_for_one_another(connect: Connect) -> None:
    talk = await connect()
    body = b'{"email": "a", "password": "b"}'.ljust(900_000)
    await talk.say(POST + b"X: " + b"y" * 20_000 + b"\r\nContent-Length: 900000\r\n\r\n" + body)
    assert (await talk.heard())[0] == 401
    await talk.say(HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(99)) + b"\r\n")
    assert (await talk.heard())[0] == 200


async def test_one_connection_too_many_is_told_so(connect: Connect) -> None:
    talks = [await connect() for _ in range(20)]
    for talk in talks:
        await talk.say(HEAD + b"\r\n")
        assert (await talk.heard())[0] == 200
    one_more = await connect()
    status, headers, body = await one_more.heard()

    assert (status, json.loads(body)["code"]) == (503, "too_many_connections")
    assert (headers["retry-after"], headers["connection"]) == ("1", "close")
    # Where it is crowded, who is idle makes room soon.
    await asyncio.sleep(0.6)
    again = await connect()
    await again.say(HEAD + b"\r\n")
    assert (await again.heard())[0] == 200


async def test_while_others_dawdle_requests_are_answered(connect: Connect) -> None:
    dawdlers = [await connect() for _ in range(10)]
    dripping = [asyncio.create_task(talk.drip(HEAD)) for talk in dawdlers]
    talk = await connect()
    for _ in range(20):
        await talk.say(HEAD + b"\r\n")
        assert (await talk.heard())[0] == 200
    await asyncio.gather(*dripping)


def test_the_running_server_ends_slow_headers_after_ten_seconds(data_dir: Path, serve: Callable[..., Donewell]) -> None:
    donewell = serve(data_dir)
    donewell.greeting()
    with socket.create_connection(("127.0.0.1", donewell.port), timeout=20) as connection:
        begun = time.monotonic()
        connection.sendall(HEAD)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert received.startswith(b"HTTP/1.1 408 ")
    assert 9 < time.monotonic() - begun < 14
    (line,) = (json.loads(line) for line in donewell.errors.read_text().splitlines())
    assert (line["event"], line["status"], line["method"]) == ("request", 408, None)


async def test_an_ipv4_client_of_an_ipv6_socket_has_its_own_address() -> None:
    seen: list[str] = []

    async def application(scope: Scope, _: Receive, send: Send) -> None:
        seen.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no sockets for both")
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        config = uvicorn.Config(
            application, http=protocol.Protocol, lifespan="off", proxy_headers=False, log_config=None
        )
        server = SignalFree(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        for host in ("127.0.0.1", "::1"):
            reader, writer = await asyncio.open_connection(host, listener.getsockname()[1])
            writer.write(HEAD + b"\r\n")
            assert (await Talk(reader, writer).heard())[0] == 204
            writer.close()
        server.should_exit = True
        await serving

    assert seen == ["127.0.0.1", "::1"]
