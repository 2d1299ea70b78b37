"""What is asked of a database that grows, and what it costs: a series of sizes, each measured with each operation."""

import asyncio
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from uuid import UUID

from backend.domain.pagination import Position, encode_cursor
from benchmarks.harness.api import CHANGED, CREATED, PATH, Request, token
from benchmarks.harness.contestants import Server
from benchmarks.harness.dataset import user_id
from benchmarks.harness.growth_data import Connection, Group, Population, connect
from benchmarks.harness.load import Measurement, measure

OPERATIONS = ("list", "read", "change", "create")
"""Creates come last in a round: what they leave is removed after each."""
PAGE = 20
LISTED = PAGE - 1
"""Of a user's tasks: one less than the smallest has, so that each list has a next page to point to."""
REQUESTS = 1_000
"""How many users, or tasks of fewer users, take part."""

SOME = "SELECT id FROM tasks WHERE user_id = $1 AND completed_at IS NULL ORDER BY random() LIMIT $2"
PLACE = "SELECT created_at, id FROM tasks WHERE user_id = $1 ORDER BY created_at DESC, id DESC OFFSET $2 LIMIT 1"
CREATED_SINCE = "DELETE FROM tasks WHERE user_id = ANY ($1::uuid[]) AND created_at >= $2"

type Ask = Callable[[str, int], list[Request]]
"""The requests of an operation in a turn, as a contestant has them."""


@dataclass(frozen=True, slots=True)
class Lengths:
    rounds: int = 4
    seconds: int = 2


QUICK = Lengths(rounds=1, seconds=1)


@dataclass(frozen=True, slots=True)
class Case:
    """One size of a series: its number on the axis, who answers, what is asked, and what to clear away afterwards."""

    size: int
    server: Server
    ask: Ask
    clear: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Point:
    """Microseconds of CPU that an operation takes at a size, of the round that was disturbed least; and all totals."""

    size: int
    operation: str
    server_us: float
    database_us: float
    totals: tuple[float, ...]
    errors: int

    @property
    def total_us(self) -> float:
        return self.server_us + self.database_us


def case(size: int, server: Server, population: Population, group: Group) -> Case:
    """A group of users, up to a thousand of whom list, create, and read and change tasks of theirs."""
    users = population.users(group)
    chosen = random.sample(users, min(len(users), REQUESTS))
    return asyncio.run(_case(size, server, population, chosen))


async def _case(size: int, server: Server, population: Population, users: Sequence[int]) -> Case:
    connection = await connect(population.database)
    try:
        each = max(1, REQUESTS // len(users))
        tasks = {user: [row["id"] for row in await connection.fetch(SOME, user_id(user), each)] for user in users}
        began = await connection.fetchval("SELECT now()")
    finally:
        await connection.close()

    async def clear() -> None:
        connection = await connect(population.database)
        try:
            await connection.execute(CREATED_SINCE, [user_id(user) for user in users], began)
            await connection.execute("VACUUM tasks")
            # So that writes at every size begin alike, each first touch of a page logging all of it.
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()

    return Case(size, server, partial(_requests, tasks), lambda: asyncio.run(clear()))


def _requests(tasks: dict[int, list[UUID]], operation: str, _: int) -> list[Request]:
    if operation == "list":
        return [Request("GET", f"{PATH}?limit={LISTED}", token(user)) for user in tasks]
    if operation == "create":
        return [Request("POST", PATH, token(user), CREATED) for user in tasks]
    method, body = ("GET", "") if operation == "read" else ("PATCH", CHANGED)
    return [Request(method, f"{PATH}/{task}", token(user), body) for user, ids in tasks.items() for task in ids]


def page_case(page: int, server: Server, population: Population, group: Group) -> Case:
    """A page of the lists of a group's users, by a cursor as the page before it would give it."""
    return Case(page, server, partial(_listing, asyncio.run(_pages(page, population, group))), lambda: None)


def _listing(queries: dict[int, str], _: str, __: int) -> list[Request]:
    return [Request("GET", PATH + query, token(user)) for user, query in queries.items()]


async def _pages(page: int, population: Population, group: Group) -> dict[int, str]:
    connection = await connect(population.database)
    try:
        return {user: await _page(connection, user, page) for user in population.users(group)}
    finally:
        await connection.close()


async def _page(connection: Connection, user: int, page: int) -> str:
    if page == 1:
        return f"?limit={PAGE}"
    row = await connection.fetchrow(PLACE, user_id(user), (page - 1) * PAGE - 1)
    if row is None:
        raise LookupError(f"There is no page {page}")
    return f"?limit={PAGE}&cursor={encode_cursor(Position(row['created_at'], row['id']))}"


def measured(cases: Sequence[Case], operations: Sequence[str], lengths: Lengths) -> list[Point]:
    """Every operation at every size, interleaved: what else the machine does in a round falls on all of them."""
    found: dict[tuple[int, str], list[Measurement]] = {}
    with tempfile.TemporaryDirectory() as directory:
        for turn in range(lengths.rounds + 1):
            for operation in operations:
                for each in cases:
                    # The first turn is the warm-up.
                    run = _measure(each, operation, turn, lengths.seconds if turn else 1, Path(directory))
                    found.setdefault((each.size, operation), []).extend([run] if turn else [])
    return [_point(size, operation, runs) for (size, operation), runs in found.items()]


def _measure(each: Case, operation: str, turn: int, seconds: int, directory: Path) -> Measurement:
    contestant = replace(each.server.contestant, requests=each.ask)
    run = measure(replace(each.server, contestant=contestant), operation, turn, seconds, directory)
    if operation == "create":
        each.clear()
    return run


def _point(size: int, operation: str, runs: Sequence[Measurement]) -> Point:
    best = min(runs, key=lambda run: run.total_us)
    totals = tuple(run.total_us for run in runs)
    errors = sum(run.refused + run.broken for run in runs)
    return Point(size, operation, best.server_us, best.database_us, totals, errors)
