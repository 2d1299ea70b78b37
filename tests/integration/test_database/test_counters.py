"""Where attempts are counted: in PostgreSQL, which forgets what is over, or in Redis, which may go away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest

from backend.database.session import Database
from backend.domain.throttling import Change
from backend.services import counters
from backend.services.counters import PURGED_AT_ONCE, Counts, PostgresCounts, RedisBeforePostgres
from tests.factories.databases import execute
from tests.factories.redis import answering, free_port, redis_server
from tests.integration.test_database.stage import Stage, connected

type Logged = Callable[[], list[dict[str, Any]]]

EXPIRED = """
    INSERT INTO rate_limits (key, count, expires_at)
    SELECT 'old ' || number, 1, now() - interval '1 second' FROM generate_series(1, 100) AS number
"""

LOCKED = "SELECT FROM rate_limits WHERE key = $1 FOR UPDATE"


@pytest.fixture
async def postgres(own_database_url: str) -> AsyncIterator[PostgresCounts]:
    database = Database(own_database_url, pool_size=5, queue_limit=100, timeout=5)
    await database.open()
    yield PostgresCounts(database.fast)
    await database.close()


@pytest.fixture
async def watched(own_database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A view of who waits there for whom."""
    async with connected(own_database_url) as watcher:
        yield Stage(own_database_url, tmp_path / "log", watcher)


async def count_rows(url: str) -> int:
    async with connected(url) as connection:
        rows: int = await connection.fetchval("SELECT count(*) FROM rate_limits")
        return rows


async def count(counts: Counts, key: str, seconds: int = 60, amount: int = 1) -> int:
    return (await counts.count([Change(key, seconds, amount)]))[key]


async def test_a_count_grows_until_it_is_forgotten(postgres: PostgresCounts, own_database_url: str) -> None:
    assert [await count(postgres, "a") for _ in range(3)] == [1, 2, 3]
    assert await count(postgres, "a", 3_600, -2) == 1
    assert 58 < await postgres.seconds_left("a") <= 60, "the first to count decides how long"

    await execute(own_database_url, "UPDATE rate_limits SET expires_at = now()")
    assert await postgres.seconds_left("a") == 0
    assert await count(postgres, "a", 10) == 1
    assert await count(postgres, "a", 0, 0) == 0
    assert await count(postgres, "a") == 1


async def test_what_is_for_new_ones_is_left_out_where_somebody_is_known(postgres: PostgresCounts) -> None:
    changes = [Change("b", 60), Change("a", 60, new_only=True)]

    assert await postgres.count(changes, known="known") == {"a": 1, "b": 1}
    await count(postgres, "known")
    assert await postgres.count(changes, known="known") == {"b": 2}
    await count(postgres, "known", 0, 0)
    assert await postgres.count(changes, known="known") == {"a": 2, "b": 3}


async def test_no_two_get_the_same_count(postgres: PostgresCounts) -> None:
    counts = await asyncio.gather(*(count(postgres, "a") for _ in range(50)))

    assert sorted(counts) == list(range(1, 51))


async def test_who_changes_the_same_in_another_order_waits_for_nobody_for_ever(postgres: PostgresCounts) -> None:
    keys = [f"key {number}" for number in range(20)]

    counted = await asyncio.gather(
        *(postgres.count([Change(key, 60) for key in (keys, keys[::-1])[number % 2]]) for number in range(40))
    )

    assert sorted(counts["key 7"] for counts in counted) == list(range(1, 41))


async def test_whom_the_database_chooses_of_two_that_wait_for_each_other_counts_all_the_same(
    postgres: PostgresCounts, watched: Stage
) -> None:
    changes = [Change("a", 60), Change("b", 60)]
    await postgres.count(changes)

    async with connected(watched.url) as other, other.transaction():
        await other.execute("SET LOCAL deadlock_timeout = '1min'")
        await other.execute(LOCKED, "b")
        counting = asyncio.create_task(postgres.count(changes))
        await watched.blocked(1)
        await other.execute(LOCKED, "a")

    assert await counting == {"a": 2, "b": 2}


async def test_a_count_that_waited_while_another_was_forgotten_is_not_forgotten_with_it(
    postgres: PostgresCounts, watched: Stage
) -> None:
    changes = [Change("a", 60), Change("b", 60)]
    await postgres.count(changes)

    async with watched.holding(LOCKED, "a"):
        counting = asyncio.create_task(postgres.count(changes))
        await watched.blocked(1)
        await count(postgres, "b", 0, 0)

    assert await counting == {"a": 2, "b": 1}
    assert await count(postgres, "b") == 2


@pytest.mark.parametrize("store", ["postgresql", "redis"])
async def test_nothing_is_taken_back_where_nothing_is_counted(
    postgres: PostgresCounts, redis_url: str, store: str
) -> None:
    counts = RedisBeforePostgres(redis_url, postgres) if store == "redis" else postgres
    key = uuid4().hex

    for taken in (-1, -5):
        await count(counts, key, amount=taken)
        assert await count(counts, key) == 1
        await count(counts, key, amount=taken)
        await count(counts, key, amount=taken)
        assert await count(counts, key) == 1
        await count(counts, key, 0, 0)
    if isinstance(counts, RedisBeforePostgres):
        await counts.close()


async def test_what_is_over_is_removed_a_little_at_a_time(postgres: PostgresCounts, own_database_url: str) -> None:
    await execute(own_database_url, EXPIRED)

    await count(postgres, "new")
    assert await count_rows(own_database_url) == 101 - PURGED_AT_ONCE
    for _ in range(100 // PURGED_AT_ONCE):
        await count(postgres, "new")
    assert await count_rows(own_database_url) == 1


async def test_many_who_remove_at_once_do_not_wait_for_each_other(
    postgres: PostgresCounts, own_database_url: str
) -> None:
    await execute(own_database_url, EXPIRED)

    await asyncio.gather(*(count(postgres, f"new {number}") for number in range(60)))

    assert await count_rows(own_database_url) <= 100


async def test_while_redis_does_not_answer_postgresql_counts(
    postgres: PostgresCounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    counts = RedisBeforePostgres(url, postgres)

    begun = monotonic()
    assert [await count(counts, "a") for _ in range(3)] == [1, 2, 3]
    assert monotonic() - begun < 2 * counters.REDIS_TIMEOUT
    assert [line["event"] for line in logged()] == ["redis.unavailable"], "it is left alone for a while"

    monkeypatch.setattr(counters, "REDIS_REST", 0.0)
    counts = RedisBeforePostgres(url, postgres)
    with redis_server(port, tmp_path) as server:
        await answering(url)
        assert await count(counts, "a") == 1
        assert 58 <= await counts.seconds_left("a") <= 61
        server.send_signal(19)  # SIGSTOP: it is there, and answers nothing
        begun = monotonic()
        assert await count(counts, "a") == 4
        assert monotonic() - begun < 4 * counters.REDIS_TIMEOUT
    assert await count(counts, "a", 0, 0) == 0
    await counts.close()
    assert all("127.0.0.1" not in str(line) for line in logged())
