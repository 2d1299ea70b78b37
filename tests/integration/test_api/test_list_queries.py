"""What a list takes in its query string: a page size, a filter, a cursor, and nothing else."""

import struct
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories.clients import Client
from tests.integration.test_api.answers import TASKS, answered, faults

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]),
        ("limit=-1", ["limit"]),
        ("limit=201", ["limit"]),
        ("limit=", ["limit"]),
        ("limit=ten", ["limit"]),
        ("limit=1.5", ["limit"]),
        ("limit=99999999999999999999999", ["limit"]),
        ("limit=%00", ["limit"]),
        ("completed=", ["completed"]),
        ("completed=maybe", ["completed"]),
        ("completed=null", ["completed"]),
        ("offset=10", ["offset"]),
        ("Limit=10", ["Limit"]),
        ("=", [""]),
        ("limit=0&completed=maybe&page=2&cursor=" + "A" * 2_001, ["completed", "cursor", "limit", "page"]),
    ],
)
async def test_a_bad_query_is_refused_by_the_names_of_its_parameters(
    owner: Client, query: str, fields: list[str]
) -> None:
    reply = await owner.get(f"{TASKS}?{query}")

    # A parameter without a name can only be told as the query's.
    assert faults(reply, "invalid_input") == [field or "query" for field in fields]


def cursor(microseconds: int, tie: bytes = bytes(16)) -> str:
    return urlsafe_b64encode(struct.pack(">q", microseconds) + tie).decode()


GOOD = cursor(1_772_366_400_000_000)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "1",
        "null",
        "é",
        "\0",
        GOOD[:-1],
        GOOD[:-4],
        GOOD + "A",
        GOOD + "AAAA",
        GOOD + "=",
        GOOD + "\n",
        " " + GOOD,
        "!" + GOOD,
        GOOD.replace("A", "+", 1),
        "A" * 201,
        cursor(2**63 - 1),
        cursor(-(2**63)),
        "01a2031a-4bff-74e3-9420-6887b1f97bce",
    ],
    ids=ascii,
)
async def test_what_is_no_cursor_is_refused_by_name(owner: Client, forged: str) -> None:
    reply = await owner.get(TASKS, params={"cursor": forged})

    assert faults(reply, "invalid_input") == ["cursor"]


@pytest.mark.parametrize(("instant", "size"), [(FIRST, 0), (LAST, 1)], ids=["first", "last"])
async def test_a_cursor_at_the_end_of_time_is_an_ordinary_one(owner: Client, instant: datetime, size: int) -> None:
    await owner.post(TASKS, json={"title": "now"})
    microseconds = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    assert len(answered(await owner.get(TASKS, params={"cursor": cursor(microseconds)}))) == size


@pytest.mark.parametrize(
    "query", ["completed=yes", "completed=1", "completed=True", "limit=5.0", "limit=1_0", "limit=%205"]
)
async def test_a_query_is_written_as_json_would_write_it(owner: Client, query: str) -> None:
    assert faults(await owner.get(f"{TASKS}?{query}"), "invalid_input") == [query.partition("=")[0]]
