"""The plan of every statement that a task route runs, for users with 100,000 tasks: an index serves each."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid6 import uuid7

from backend.database.fast_lane import Statement
from backend.schemas.tasks import TaskChanges, TaskCreate
from backend.services.tasks import TASKS
from tests.factories.databases import clone
from tests.integration.test_database.stage import Connection, connected

ROWS = 21
EXAMINED = 3 * ROWS
"""Rows that a statement may look at: those that it answers, and few besides."""
BLOCKS = 150
"""Blocks that it may touch. To walk the owner's part of an index and find little there would take over a thousand."""

USERS = """
    WITH made AS (
        INSERT INTO users (id, email, name)
        SELECT id, id || '@example.com', 'Ada' FROM unnest($1::uuid[]) AS id
        RETURNING id
    )
    INSERT INTO revisions (user_id, revision) SELECT id, 100000 FROM made
"""
TASKS_OF = """
    INSERT INTO tasks (user_id, id, revision, title, created_at, completed_at)
    SELECT $1, uuidv7(), number, 'Water the plants', now() - number * interval '1 minute',
           CASE WHEN (number % 8334 = 1) = $2 THEN now() END
    FROM generate_series(1, 100000) AS number
"""

CHANGES: Mapping[str, Any] = {
    "title": "Feed the cat",
    "description": "Twice",
    "completed": True,
    "priority": "high",
    "due_date": "2027-03-01",
}
STATEMENTS: Mapping[str, Statement] = {
    "get": TASKS.get,
    "find": TASKS.find,
    "trash": TASKS.trash,
    "insert": TASKS.insert(frozenset(TaskCreate.model_fields) - {"id"}),
    "change of all": TASKS.change(frozenset(TaskChanges.model_fields)),
    **{f"change of {field}": TASKS.change(frozenset({field})) for field in TaskChanges.model_fields},
}
OWNERS: Mapping[str, UUID] = {"few completed": uuid4(), "few open": uuid4()}


@pytest.fixture(scope="module")
async def connection(server_url: str) -> AsyncIterator[Connection]:
    """To a database of many users, two of whom have many tasks: of one hardly any is completed, of the other most."""
    async with connected(await clone(server_url)) as connection:
        await connection.execute(USERS, [*OWNERS.values(), *(uuid4() for _ in range(2_000))])
        for case, owner in OWNERS.items():
            await connection.execute(TASKS_OF, owner, case == "few completed")
        await connection.execute("ANALYZE")
        yield connection


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
async def planned(request: pytest.FixtureRequest, connection: Connection) -> None:
    """PostgreSQL plans what the driver prepared for the values at hand, or once for all. It may do either."""
    await connection.execute(f"SET plan_cache_mode = {request.param}")


async def explained(connection: Connection, statement: Statement, values: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of the statement, and what executing it took; it is rolled back."""
    arguments = [await literal(connection, value) for value in statement.arguments(values)]
    await connection.execute(f"PREPARE statement AS {statement.sql}")
    transaction = connection.transaction()
    await transaction.start()
    try:
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE statement ({', '.join(arguments)})"
        plan: dict[str, Any] = json.loads(await connection.fetchval(explain))[0]["Plan"]
    finally:
        await transaction.rollback()
        await connection.execute("DEALLOCATE statement")
    return plan


async def literal(connection: Connection, value: Any) -> str:
    return str(await connection.fetchval("SELECT quote_nullable($1::text)", None if value is None else str(value)))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def examined(plan: dict[str, Any]) -> float:
    """How many rows of tables the plan has looked at."""
    removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    rows: Iterator[float] = (
        node["Actual Loops"] * (node["Actual Rows"] + sum(node.get(name, 0) for name in removed))
        for node in nodes(plan)
        if "Relation Name" in node and node["Node Type"] != "ModifyTable"
    )
    return sum(rows)


def assert_served(plan: dict[str, Any]) -> None:
    """An index leads to the rows, and to little else; none is sorted."""
    kinds = {node["Node Type"] for node in nodes(plan)}
    told = json.dumps(plan, indent=1)
    assert not kinds & {"Seq Scan", "Sort", "Incremental Sort"}, told
    assert kinds & {"Index Scan", "Index Only Scan"}, told
    assert examined(plan) <= EXAMINED, told
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= BLOCKS, told


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize("resumed", [False, True], ids=["first page", "deep page"])
@pytest.mark.parametrize("equal", [{}, {"completed": True}, {"completed": False}], ids=["all", "completed", "open"])
@pytest.mark.parametrize("case", OWNERS)
async def test_a_page_is_read_from_an_index(
    connection: Connection, case: str, equal: Mapping[str, Any], resumed: bool
) -> None:
    values = {"owner": OWNERS[case], "rows": ROWS, **{f"new_{name}": value for name, value in equal.items()}}
    if resumed:
        middle = "SELECT created_at, id FROM tasks WHERE user_id = $1 ORDER BY created_at DESC OFFSET 50000 LIMIT 1"
        place = await connection.fetchrow(middle, OWNERS[case])
        assert place is not None
        values |= {"after_instant": place["created_at"], "after_id": place["id"]}

    plan = await explained(connection, TASKS.page(frozenset(equal), resumed=resumed), values)

    assert_served(plan)
    assert plan["Actual Rows"] > 0


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize("there", [True, False], ids=["there", "not there"])
@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_task_is_found_by_an_index(connection: Connection, name: str, there: bool) -> None:
    owner = OWNERS["few completed"]
    some = await connection.fetchval("SELECT id FROM tasks WHERE user_id = $1 AND completed_at IS NULL LIMIT 1", owner)
    values = {"owner": owner, "id": some if there else uuid7(), "expected": None}

    plan = await explained(connection, STATEMENTS[name], values | {f"new_{field}": CHANGES[field] for field in CHANGES})

    assert_served(plan)
    assert plan["Actual Rows"] == (there != name.startswith("insert"))
