"""Where attempts are counted: in PostgreSQL, which forgets what is over, or in Redis, which may go away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic, time
from typing import Any

import pytest

from backend.database.session import Database
from backend.services import counters
from backend.services.counters import PostgresStorage, RedisBeforePostgres
from tests.factories.databases import execute
from tests.factories.redis import answering, free_port, redis_server
from tests.integration.test_database.stage import connected

type Logged = Callable[[], list[dict[str, Any]]]

EXPIRED = """
    INSERT INTO rate_limits (key, count, expires_at)
    SELECT 'old ' || number, 1, now() - interval '1 second' FROM generate_series(1, 100) AS number
"""


@pytest.fixture
async def postgres(own_database_url: str) -> AsyncIterator[PostgresStorage]:
    database = Database(own_database_url, pool_size=5, queue_limit=100, timeout=5)
    await database.open()
    yield PostgresStorage(database.fast)
    await database.close()


async def count_rows(url: str) -> int:
    async with connected(url) as connection:
        rows: int = await connection.fetchval("SELECT count(*) FROM rate_limits")
        return rows


async def test_a_count_grows_until_it_is_forgotten(postgres: PostgresStorage, own_database_url: str) -> None:
    assert [await postgres.incr("a", 60) for _ in range(3)] == [1, 2, 3]
    assert await postgres.incr("a", 3_600, -2) == 1
    assert (await postgres.get("a"), await postgres.get("b")) == (1, 0)
    assert 58 < await postgres.get_expiry("a") - time() <= 60, "the first to count decides how long"

    await execute(own_database_url, "UPDATE rate_limits SET expires_at = now()")
    assert await postgres.get("a") == 0
    assert await postgres.get_expiry("a") <= time()
    assert await postgres.incr("a", 10) == 1
    await postgres.clear("a")
    assert await postgres.get("a") == 0


async def test_no_two_get_the_same_count(postgres: PostgresStorage) -> None:
    counts = await asyncio.gather(*(postgres.incr("a", 60) for _ in range(50)))

    assert sorted(counts) == list(range(1, 51))


async def test_what_is_over_is_removed_a_little_at_a_time(postgres: PostgresStorage, own_database_url: str) -> None:
    await execute(own_database_url, EXPIRED)

    await postgres.incr("new", 60)
    assert await count_rows(own_database_url) == 99
    for _ in range(60):
        await postgres.incr("new", 60)
    assert await count_rows(own_database_url) == 1
    await postgres.reset()
    assert await count_rows(own_database_url) == 0


async def test_many_who_remove_at_once_do_not_wait_for_each_other(
    postgres: PostgresStorage, own_database_url: str
) -> None:
    await execute(own_database_url, EXPIRED)

    await asyncio.gather(*(postgres.incr(f"new {number}", 60) for number in range(60)))

    assert await count_rows(own_database_url) <= 100
    assert await postgres.check()


async def test_while_redis_does_not_answer_postgresql_counts(
    postgres: PostgresStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    storage = RedisBeforePostgres(url, postgres)

    begun = monotonic()
    assert [await storage.incr("a", 60) for _ in range(3)] == [1, 2, 3]
    assert monotonic() - begun < 2 * counters.REDIS_TIMEOUT
    assert [line["event"] for line in logged()] == ["redis.unavailable"], "it is left alone for a while"

    monkeypatch.setattr(counters, "REDIS_REST", 0.0)
    storage = RedisBeforePostgres(url, postgres)
    with redis_server(port, tmp_path) as server:
        await answering(url)
        assert await storage.incr("a", 60) == 1
        assert 58 <= await storage.get_expiry("a") - time() <= 61
        assert await storage.check()
        server.send_signal(19)  # SIGSTOP: it is there, and answers nothing
        begun = monotonic()
        assert await storage.incr("a", 60) == 4
        assert monotonic() - begun < 4 * counters.REDIS_TIMEOUT
    assert await storage.get("a") == 4
    await storage.clear("a")
    assert await storage.reset() is None
    await storage.close()
    assert all("127.0.0.1" not in str(line) for line in logged())
