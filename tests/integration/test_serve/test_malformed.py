"""What is no HTTP at all is answered, named and logged like everything else that cannot be read."""

import json
import socket
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from http.client import HTTPResponse
from typing import Any

import pytest

from tests.integration.test_serve.processes import Donewell

GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture(scope="module")
def donewell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Donewell]:
    """One that serves the requests of this file."""
    started = Donewell(tmp_path_factory.mktemp("malformed") / "data", PUBLIC_URL="https://api.example.com")
    try:
        started.greeting()
        yield started
    finally:
        started.end()


def answers(donewell: Donewell, sent: bytes) -> Iterator[tuple[int, Message, bytes]]:
    """The status, headers and body of each answer on a connection, which the server then closes."""
    with socket.create_connection(("127.0.0.1", donewell.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status, _, fields = head.partition(b"\r\n")
        headers = BytesParser().parsebytes(fields)
        length = int(headers["Content-Length"])
        yield int(status.split()[1]), headers, rest[:length]
        received = rest[length:]


def logged(donewell: Donewell, request_id: str) -> list[dict[str, Any]]:
    """The access lines of a request."""
    events = [json.loads(line) for line in donewell.errors.read_text().splitlines()]
    return [event for event in events if event["event"] == "request" and event.get("request_id") == request_id]


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", ""),
        (b"hello\r\n\r\n", ""),
        (b"\x16\x03\x01\x02\x00", ""),
        (GET + b"X y: z\r\n\r\n", "/health/live"),
        (GET + b"Content-Length: few\r\n\r\n", "/health/live"),
    ],
    ids=["an unknown method", "no request line", "TLS", "a header's name", "a length"],
)
def test_what_cannot_be_parsed_is_a_problem_with_an_access_line(donewell: Donewell, sent: bytes, path: str) -> None:
    ((status, headers, body),) = answers(donewell, sent)
    problem = json.loads(body)
    assert (status, headers["Content-Type"]) == (400, "application/problem+json")
    assert (problem["status"], problem["code"], problem["instance"]) == (400, "malformed_request", path)
    assert problem["request_id"] == headers["X-Request-ID"]
    assert headers["Connection"] == "close"
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert headers["Content-Security-Policy"] == "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    assert headers["Strict-Transport-Security"]
    (line,) = logged(donewell, problem["request_id"])
    assert (line["status"], line["method"], line["route"], line["user_id"]) == (400, None, None, None)


def test_a_body_that_cannot_be_parsed_is_the_same_for_the_log(donewell: Donewell) -> None:
    ((status, headers, body),) = answers(donewell, CHUNKED + b"many\r\n")
    assert (status, json.loads(body)["code"]) == (400, "malformed_request")
    assert donewell.call("GET", "/health/live")[0] == 200
    (line,) = logged(donewell, headers["X-Request-ID"])
    assert (line["status"], line["route"]) == (400, "/api/v1/auth/login")


def test_a_request_before_it_is_answered_first(donewell: Donewell) -> None:
    ((status, headers, _),) = answers(donewell, GET + b"\r\nBREW / HTTP/1.1\r\n\r\n")
    assert (status, headers["Connection"]) == (200, "close")


LOGIN = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
TE = b"Transfer-Encoding: "
# Each of them is one request to somebody and two to somebody else: to a proxy in front of us, and to us.
SMUGGLED = {
    "two lengths": LOGIN + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "the same length twice": LOGIN + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": LOGIN + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": LOGIN + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": LOGIN + b"Content-Length: -2\r\n\r\n{}",
    "a hexadecimal length": LOGIN + b"Content-Length: 0x2\r\n\r\n{}",
    "a length with a line": LOGIN + b"Content-Length: 0_2\r\n\r\n{}",
    "a length beyond numbers": LOGIN + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "chunks and a length": LOGIN + TE + b"chunked\r\nContent-Length: 2\r\n\r\n" + CHUNKS,
    "a length and chunks": LOGIN + b"Content-Length: 2\r\n" + TE + b"chunked\r\n\r\n" + CHUNKS,
    "chunked twice": LOGIN + TE + b"chunked\r\n" + TE + b"chunked\r\n\r\n" + CHUNKS,
    "another coding as well": LOGIN + TE + b"gzip, chunked\r\n\r\n" + CHUNKS,
    "identity as well": LOGIN + TE + b"identity, chunked\r\n\r\n" + CHUNKS,
    "another coding last": LOGIN + TE + b"chunked, gzip\r\n\r\n" + CHUNKS,
    "a coding that is none": LOGIN + TE + b"xchunked\r\n\r\n" + CHUNKS,
    "identity": LOGIN + TE + b"identity\r\n\r\n" + CHUNKS,
    "a space before the colon": LOGIN + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKS,
    "a folded line": LOGIN + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKS,
    "a vertical tab": LOGIN + TE + b"\x0bchunked\r\n\r\n" + CHUNKS,
    "chunks in HTTP/1.0": LOGIN.replace(b"/1.1", b"/1.0") + TE + b"chunked\r\n\r\n" + CHUNKS,
    "a chunk's size with a prefix": LOGIN + TE + b"chunked\r\n\r\n0x" + CHUNKS,
    "a chunk's size with a line": LOGIN + TE + b"chunked\r\n\r\n0_" + CHUNKS,
    "a chunk's size beyond numbers": LOGIN + TE + b"chunked\r\n\r\nffffffffffffffffff\r\n{}",
    "a chunk that is longer": LOGIN + TE + b"chunked\r\n\r\n2\r\n{}XX0\r\n\r\n",
    "bare line feeds": LOGIN + TE + b"chunked\r\n\r\n2\n{}\n0\n\n",
    "a bare line feed in the head": b"GET /health/live HTTP/1.1\nHost: x\n\n",
    "a bare carriage return": GET + b"X: a\rY: b\r\n\r\n",
    "a NUL": GET + b"X: a\0b\r\n\r\n",
    "a fold": GET + b"X: a\r\n b\r\n\r\n",
    "two hosts": GET + b"Host: other\r\n\r\n",
    "no host": b"GET /health/live HTTP/1.1\r\n\r\n",
    "HTTP/0.9": b"GET /health/live\r\n\r\n",
    "HTTP/1.2": GET.replace(b"/1.1", b"/1.2") + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in small letters": GET.replace(b"GET", b"get") + b"\r\n",
    "no method but a tunnel": b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
    "bytes in the path": GET.replace(b"live", b"\xff") + b"\r\n",
    "a space in the path": GET.replace(b"live", b"li ve") + b"\r\n",
    "a path from nowhere": GET.replace(b"/health", b"health") + b"\r\n",
}


@pytest.mark.parametrize("sent", SMUGGLED.values(), ids=SMUGGLED)
def test_what_could_be_read_in_two_ways_is_refused(donewell: Donewell, sent: bytes) -> None:
    # Told to close, for those who are refused after they have been understood.
    sent = sent.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n").replace(
        b"Host: localhost\r\n", b"Host: localhost\r\nConnection: close\r\n"
    )
    (status, _, body), *others = answers(donewell, sent.replace(b"1.1\r\n\r\n", b"1.1\r\nConnection: close\r\n\r\n"))

    assert (status, json.loads(body)["code"]) == (400, "malformed_request")
    assert others == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"TRACE /health/live HTTP/1.1\r\n", 405),
        (b"CONNECT /health/live HTTP/1.1\r\n", 405),
        (b"PURGE /health/live HTTP/1.1\r\n", 405),
        (b"QUERY /health/live HTTP/1.1\r\n", 405),
        (b"OPTIONS * HTTP/1.1\r\n", 404),
        (b"GET http://evil.example/health/live HTTP/1.1\r\n", 200),
        (b"GET /health/live HTTP/1.0\r\n", 200),
        (b"GET /health/../health/live HTTP/1.1\r\n", 404),
        (b"GET /health%2Flive HTTP/1.1\r\n", 200),
        (b"GET /health/live%00 HTTP/1.1\r\n", 404),
        (b"GET /docs/assets/..%2f..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\n", 404),
        (b"GET /docs/assets/../../../../etc/passwd HTTP/1.1\r\n", 404),
        (b"GET /docs/assets/%00 HTTP/1.1\r\n", 404),
        (b"GET /docs/assets/%ED%A0%80 HTTP/1.1\r\n", 400),
        (b"GET /health/live%0A HTTP/1.1\r\n", 404),
    ],
)
def test_what_is_odd_and_clear_is_answered(donewell: Donewell, sent: bytes, status: int) -> None:
    ((answered, headers, body),) = answers(donewell, sent + b"Host: x\r\nConnection: close\r\n\r\n")

    assert answered == status
    assert headers["Content-Type"] == ("application/json" if status == 200 else "application/problem+json")
    assert json.loads(body)


UPGRADE = b"Connection: Upgrade\r\nUpgrade: "


@pytest.mark.parametrize(
    "wanted",
    [
        b"websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
        b"h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
        b"TLS/1.0\r\n",
    ],
)
def test_who_would_rather_speak_something_else_is_answered_in_http(donewell: Donewell, wanted: bytes) -> None:
    before = donewell.errors.read_text()
    wish = UPGRADE + wanted
    with socket.create_connection(("127.0.0.1", donewell.port), timeout=10) as connection:
        for sent, fields in (
            (GET + wish + b"\r\n", []),
            (LOGIN + wish + b"Content-Length: 2\r\n\r\n{}", ["email", "password"]),
            (LOGIN + wish + TE + b"chunked\r\n\r\n" + CHUNKS, ["email", "password"]),
            (GET + b"\r\n", []),
        ):
            connection.sendall(sent)
            with HTTPResponse(connection) as response:
                response.begin()
                faults = json.loads(response.read()).get("errors", [])
            assert [fault["field"] for fault in faults] == fields

    events = [json.loads(line)["event"] for line in donewell.errors.read_text().removeprefix(before).splitlines()]
    assert set(events) == {"request"}


def test_nothing_follows_a_tunnel(donewell: Donewell) -> None:
    ((status, headers, _),) = answers(donewell, GET.replace(b"GET", b"CONNECT") + b"\r\n" + GET + b"\r\n")

    assert (status, headers["Connection"]) == (405, "close")
