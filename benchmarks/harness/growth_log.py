"""Bytes that a write adds to the write-ahead log, and that a task takes on disk."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from benchmarks.harness.api import PATH, token
from benchmarks.harness.contestants import Server
from benchmarks.harness.dataset import user_id
from benchmarks.harness.growth_data import Connection, Population, connect

WRITES = 1_000
BODIES: Mapping[str, Mapping[str, object]] = {
    "create": {"title": "Water the plants", "priority": "high", "due_date": "2027-03-01"},
    "change": {"title": "Water the plants again"},
    "complete": {"completed": True},
}
OPEN = "SELECT id FROM tasks WHERE user_id = $1 AND completed_at IS NULL AND title LIKE 'Task %' LIMIT $2"


@dataclass(frozen=True, slots=True)
class Logged:
    """Bytes a write adds to the log: of its own; and with full pages, of the first thousand and the second."""

    operation: str
    own: float
    after_checkpoint: float
    later: float


async def logged(server: Server, population: Population) -> list[Logged]:
    """A thousand writes of each kind, each by another user if there are as many, for each of the three cases."""
    connection = await connect(population.database)
    users = list(population.users(population.groups[0]))[:WRITES]
    try:
        async with _settings(connection, autovacuum="off"), httpx.AsyncClient(base_url=server.url) as client:
            return [await _logged(client, connection, operation, users) for operation in BODIES]
    finally:
        await connection.close()


async def _logged(client: httpx.AsyncClient, connection: Connection, operation: str, users: Sequence[int]) -> Logged:
    async with _settings(connection, full_page_writes="off"):
        await connection.execute("CHECKPOINT")
        own = await _bytes(client, connection, operation, users)
    await connection.execute("CHECKPOINT")
    first = await _bytes(client, connection, operation, users)
    return Logged(operation, own, first, await _bytes(client, connection, operation, users))


async def _bytes(client: httpx.AsyncClient, connection: Connection, operation: str, users: Sequence[int]) -> float:
    requests = [await _request(connection, operation, user) for user in users]
    before = await connection.fetchval("SELECT pg_current_wal_insert_lsn()")
    for method, path, user in requests:
        headers = {"Authorization": f"Bearer {token(user)}"}
        reply = await client.request(method, path, json=BODIES[operation], headers=headers)
        reply.raise_for_status()
    written = await connection.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)", before)
    return float(written) / len(requests)


async def _request(connection: Connection, operation: str, user: int) -> tuple[str, str, int]:
    if operation == "create":
        return "POST", PATH, user
    task = await connection.fetchval(OPEN, user_id(user), 1)
    return "PATCH", f"{PATH}/{task}" + ("/complete" if operation == "complete" else ""), user


@asynccontextmanager
async def _settings(connection: Connection, **settings: str) -> AsyncIterator[None]:
    """Settings of the whole server, for as long as the block lasts."""
    try:
        for name, value in settings.items():
            await connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        await _reload(connection)
        yield
    finally:
        for name in settings:
            await connection.execute(f"ALTER SYSTEM RESET {name}")
        await _reload(connection)


async def _reload(connection: Connection) -> None:
    await connection.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(0.5)
