"""What a worker sends a user once at a time: until when, and who else notices."""

import asyncio

import pytest

from tests.factories.clients import Client
from tests.integration.test_api.answers import TASKS, answered
from tests.integration.test_api.test_transfer import EXPORT


async def one_right_after_another(url: str, path: str, owner: Client, count: int) -> list[bytes]:
    """The statuses of requests that are all sent at once: the next one begins with the last byte of an answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, port)
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {owner.headers['Authorization']}\r\n"
    writer.write(f"{request}\r\n".encode() * (count - 1) + f"{request}Connection: close\r\n\r\n".encode())
    told = await reader.read(-1)
    writer.close()
    return [line.split()[1] for line in told.split(b"\r\n") if line.startswith(b"HTTP/1.1")]


@pytest.mark.parametrize("form", ["json", "csv", "ics"])
async def test_an_export_that_was_read_to_its_end_is_over(owner: Client, live_server: str, form: str) -> None:
    answered(await owner.post(TASKS, json={"title": "Water"}), 201)

    assert await one_right_after_another(live_server, f"{EXPORT}?format={form}", owner, 3) == [b"200"] * 3
