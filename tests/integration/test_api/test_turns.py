"""What a worker sends a user once at a time: until when, and who else notices."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from backend.services import feed_readings
from tests.factories.clients import Client
from tests.integration.test_api.answers import ME, TASKS, answered, problem, sql
from tests.integration.test_api.test_transfer import EXPORT
from tests.integration.test_database.stage import eventually

TASKS_OF = """
    INSERT INTO tasks (user_id, id, revision, position, title, description, due_date)
    SELECT :id, uuidv7(), number, 'a' || number, 'Water the plants', repeat('x', :letters), date '2027-03-01'
    FROM generate_series(1, :rows) AS number
"""


async def one_right_after_another(url: str, path: str, owner: Client, count: int) -> list[bytes]:
    """The statuses of requests that are all sent at once: the next one begins with the last byte of an answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, port)
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {owner.headers['Authorization']}\r\n"
    writer.write(f"{request}\r\n".encode() * (count - 1) + f"{request}Connection: close\r\n\r\n".encode())
    told = await reader.read(-1)
    writer.close()
    return [line.split()[1] for line in told.split(b"\r\n") if line.startswith(b"HTTP/1.1")]


@pytest.mark.parametrize("path", [f"{ME}/export", *(f"{EXPORT}?format={form}" for form in ("json", "csv", "ics"))])
async def test_an_export_that_was_read_to_its_end_is_over(owner: Client, live_server: str, path: str) -> None:
    answered(await owner.post(TASKS, json={"title": "Water"}), 201)

    assert await one_right_after_another(live_server, path, owner, 3) == [b"200"] * 3


async def wide(owner: Client) -> str:
    """The address of a feed of more than lies between us and a reader, as an export of the same tasks is."""
    await sql(owner.app, TASKS_OF, id=owner.user_id, rows=600, letters=16_384)
    return await feed_of(owner)


async def feed_of(client: Client) -> str:
    return str(answered(await client.post(f"{ME}/feeds", json={"name": "Phone"}), 201)["path"])


async def test_one_is_sent_once_at_a_time_and_again_when_the_reader_has_gone(
    owner: Client, stranger: Client, live_server: str
) -> None:
    for path, code, elsewhere in (
        (await wide(owner), "feed_in_progress", await feed_of(stranger)),
        (EXPORT, "transfer_in_progress", EXPORT),
    ):
        async with (
            httpx.AsyncClient(base_url=live_server, headers=owner.headers) as slow,
            slow.stream("GET", path) as begun,
        ):
            assert begun.status_code == 200
            refused = await owner.get(path)
            problem(refused, 429, code)
            assert refused.headers["retry-after"] == "10"
            assert (await stranger.get(elsewhere)).status_code == 200
            if tag := begun.headers.get("etag"):
                assert (await owner.get(path, headers={"If-None-Match": tag})).status_code == 304
                assert (await owner.head(path)).headers["etag"] == tag

        async def again() -> bool:
            return (await owner.get(path)).status_code == 200  # noqa: B023  it is called here

        await eventually(again)


async def test_a_feed_that_was_read_to_its_end_is_over(owner: Client, live_server: str) -> None:
    answered(await owner.post(TASKS, json={"title": "Water", "due_date": "2027-03-01"}), 201)

    assert await one_right_after_another(live_server, await feed_of(owner), owner, 3) == [b"200"] * 3


async def test_few_feeds_are_read_at_once_and_who_finds_as_many_waits_a_while(
    app: FastAPI, owner: Client, stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = app.state.feed_readings
    monkeypatch.setattr(readings, "_places", asyncio.Semaphore(1))
    monkeypatch.setattr(feed_readings, "LONGEST_WAIT", 0.2)
    path = await feed_of(owner)
    await sql(app, TASKS_OF, id=stranger.user_id, rows=1, letters=1)

    async with readings.read({"user_id": stranger.user_id, "name": "Phone"}):
        refused = await owner.get(path)
        waiting = asyncio.create_task(owner.get(path))
        await asyncio.sleep(0.05)
        problem(await owner.get(path), 429, "feed_in_progress")

    problem(refused, 503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert (await waiting).status_code == 200
    assert (await owner.get(path)).status_code == 200


async def test_a_feed_is_written_a_stretch_at_a_time(
    app: FastAPI, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between them, others have their turn."""
    await sql(app, TASKS_OF, id=owner.user_id, rows=30, letters=1)
    monkeypatch.setattr(feed_readings, "STRETCH", 0)

    async with app.state.feed_readings.read({"user_id": owner.user_id, "name": "Phone"}) as pieces:
        told = [piece async for piece in pieces]

    assert [piece.count(b"BEGIN:VEVENT") for piece in told] == [1] * 30 + [0]
