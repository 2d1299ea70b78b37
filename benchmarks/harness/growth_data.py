"""Databases to grow in: users of a few sizes, their tasks made by the server, loaded by COPY, indexed afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import typer

from benchmarks.harness import cluster, dataset
from benchmarks.harness.cluster import Cluster

type Connection = asyncpg.Connection[asyncpg.Record]

COLUMNS = (
    "user_id",
    "id",
    "revision",
    "title",
    "description",
    "completed_at",
    "priority",
    "due_date",
    "position",
    "created_at",
    "updated_at",
)
# One after the other for each moment, as they would have come: a user's tasks lie far apart in the table. That the
# users are asked for in each moment anew keeps the planner from turning it round.
TASKS = """
    SELECT id, uuidv7(at - now()), (i + 1)::bigint, 'Task ' || i || ' of the user: water the plants',
           CASE WHEN i % 4 = 1 THEN 'The fern in the hall too, but not the cactus: it had some on Monday' END,
           CASE WHEN i % 3 = 0 THEN at + interval '1 hour' END,
           (ARRAY['none', 'low', 'medium', 'high'])[i % 4 + 1],
           CASE WHEN i % 2 = 1 THEN date '2027-01-01' + i % 365 END,
           'l' || lpad(to_hex(i + 1), 12, '0'), at, at
    FROM generate_series(0, $2::int - 1) AS i,
         LATERAL (SELECT now() - interval '100 days' + i * interval '100 days' / $2::int AS at) AS moment,
         LATERAL (SELECT id FROM users WHERE name = $1::text AND i >= 0) AS owner
"""
SECONDARY = """
    SELECT pg_get_indexdef(indexrelid) AS made, 'DROP INDEX ' || indexrelid::regclass AS dropped
    FROM pg_index WHERE indrelid = 'tasks'::regclass AND NOT indisprimary
      AND indexrelid NOT IN (SELECT conindid FROM pg_constraint WHERE conrelid = 'tasks'::regclass)
    UNION ALL
    SELECT format('ALTER TABLE tasks ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)),
           format('ALTER TABLE tasks DROP CONSTRAINT %I', conname)
    FROM pg_constraint WHERE conrelid = 'tasks'::regclass AND contype IN ('u', 'f')
"""
SIZES = """
    SELECT 'table' AS part, pg_table_size('tasks') AS bytes
    UNION ALL
    SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index WHERE indrelid = 'tasks'::regclass
"""
CHUNKS = 64
"""How much may be on its way from one connection to the other."""


@dataclass(frozen=True, slots=True)
class Group:
    """So many users with so many tasks each."""

    users: int
    tasks: int

    @property
    def name(self) -> str:
        return f"has {self.tasks}"


@dataclass(frozen=True, slots=True)
class Population:
    """A running database with groups of users."""

    database: Cluster
    groups: tuple[Group, ...]

    @property
    def rows(self) -> int:
        return sum(group.users * group.tasks for group in self.groups)

    def users(self, group: Group) -> range:
        """The numbers of the group's users, good for `dataset.token` and `dataset.user_id`."""
        begin = sum(each.users for each in self.groups[: self.groups.index(group)])
        return range(begin, begin + group.users)


@contextmanager
def populated(*groups: Group) -> Iterator[Population]:
    """A database with these groups, removed at the end."""
    with cluster.scratch("growth") as directory, cluster.started(directory) as database:
        dataset.create_schema(database.url, "donewell")
        population = Population(database, groups)
        began = time.monotonic()
        asyncio.run(_load(population))
        typer.echo(f"{population.rows:,} rows loaded in {time.monotonic() - began:.0f} s")
        yield population


async def connect(database: Cluster) -> Connection:
    connection: Connection = await asyncpg.connect(database.url, command_timeout=3_600)
    return connection


async def sizes(database: Cluster) -> Mapping[str, int]:
    """Bytes of the tasks' table and of each of its indexes."""
    connection = await connect(database)
    try:
        return {row["part"]: row["bytes"] for row in await connection.fetch(SIZES)}
    finally:
        await connection.close()


async def _load(population: Population) -> None:
    connection = await connect(population.database)
    try:
        await _load_users(connection, population)
        indexes = await connection.fetch(SECONDARY)
        for index in reversed(indexes):
            await connection.execute(index["dropped"])
        for group in population.groups:
            await _load_tasks(connection, population.database, group)
        await connection.execute("SET maintenance_work_mem = '512MB'")
        for index in reversed(indexes):
            await connection.execute(index["made"])
        for statement in dataset.IN_GOOD_ORDER:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _load_users(connection: Connection, population: Population) -> None:
    for group in population.groups:
        ids = [dataset.user_id(user) for user in population.users(group)]
        users = ((each, f"{each}@example.com", group.name) for each in ids)
        await connection.copy_records_to_table("users", records=users, columns=["id", "email", "name"])
        revisions: Iterator[tuple[UUID, int]] = ((each, group.tasks) for each in ids)
        await connection.copy_records_to_table("revisions", records=revisions, columns=["user_id", "revision"])


async def _load_tasks(connection: Connection, database: Cluster, group: Group) -> None:
    """COPY out of a query into COPY: the server makes the rows, and nothing of them is kept on the way."""
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue(CHUNKS)
    maker = await connect(database)

    async def coming() -> AsyncIterator[bytes]:
        while (chunk := await chunks.get()) is not None:
            yield chunk

    async def make() -> None:
        await maker.copy_from_query(TASKS, group.name, group.tasks, output=chunks.put, format="binary")
        await chunks.put(None)

    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(make())
            both.create_task(connection.copy_to_table("tasks", source=coming(), columns=list(COLUMNS), format="binary"))
    finally:
        await maker.close()
