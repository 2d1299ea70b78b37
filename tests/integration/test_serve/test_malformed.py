"""What is no HTTP at all is answered, named and logged like everything else that cannot be read."""

import json
import socket
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
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
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
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
