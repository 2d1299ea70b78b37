"""What it takes to find among 100,000 tasks of one user: every order, every parameter, and every pair of them."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any, get_args

import pytest

from backend.domain.pagination import Place
from backend.schemas.finding import Sort
from backend.services.finding import cursor_at
from backend.services.revocations import PURGE, RECENT
from tests.factories.plans import Plan, explained
from tests.integration.test_database.crowd import LARGE_PROJECT, MODES, OWNERS, SMALL_PROJECT, Crowd, Member
from tests.integration.test_database.stage import TASKS, Connection, connected

type Asked = Mapping[str, str]

ORDERS: tuple[str | None, ...] = (None, *get_args(Sort))
SINCE = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
TODAY = datetime.now(UTC).date()
PARENT = "the task with subtasks"

FEW = 250
"""Rows that a statement may look at where an index leads to what is asked for, or where that is everywhere."""

MANY = 34_000
"""Where an index leads to what is asked for, and that is much: the words, the label or the project of many tasks."""

WHOLE = 100_100
"""Where the order's own index is walked until enough is found, of which there is little or nothing."""

FILTERS: Mapping[str, tuple[Asked, int]] = {
    "all": ({}, FEW),
    "inbox": ({"project_id": "none"}, FEW),
    "top level": ({"parent_id": "none"}, FEW),
    "subtasks": ({"parent_id": PARENT}, FEW),
    "small project": ({"project_id": str(SMALL_PROJECT)}, FEW),
    "rare label": ({"label": "rare"}, FEW),
    "unknown label": ({"label": "x"}, FEW),
    "rare priority": ({"priority": "medium"}, FEW),
    "some days": ({"due_after": str(TODAY), "due_before": str(TODAY + timedelta(days=3))}, FEW),
    "saved filter": ({"filter_id": str(SMALL_PROJECT)}, FEW),
    "changed lately": ({"updated_since": SINCE}, FEW),
    "rare word": ({"q": "xylophone"}, FEW),
    "rare word with a typo": ({"q": "xylofone"}, FEW),
    "no such word": ({"q": "zzz"}, FEW),
    "rare letters": ({"filter": 'title ~ "xylo"'}, FEW),
    "due before": ({"due_before": str(TODAY)}, 1_200),
    "due after": ({"due_after": str(TODAY)}, 1_200),
    "high priority": ({"priority": "high"}, 2_100),
    "overdue": ({"overdue": "true"}, MANY),
    "not overdue": ({"overdue": "false"}, MANY),
    "large project": ({"project_id": str(LARGE_PROJECT)}, MANY),
    "common label": ({"label": "COMMON"}, MANY),
    "common words": ({"q": "water plants"}, MANY),
    "completed": ({"completed": "true"}, WHOLE),
    "open": ({"completed": "false"}, WHOLE),
    "due long ago": ({"due_before": "2020-01-01"}, WHOLE),
    "either": ({"filter": 'completed | label = "rare"'}, WHOLE),
}
"""What is asked for, and how many rows a statement may look at, whatever the order."""

SERVED: Mapping[str, set[str]] = {
    "completed": {"created"},
    "open": {"created", "due"},
    "due long ago": {"due"},
}
"""The orders in which few rows are looked at all the same."""

MIDDLE = """
    SELECT {key} AS key, id FROM tasks WHERE user_id = $1 AND deleted_at IS NULL
    ORDER BY {key} {way} NULLS LAST, id {way} OFFSET {offset} LIMIT 1
"""
KEYS = {
    "due": "overdue_at",
    "priority": "urgency",
    "created": "created_at",
    "updated": "updated_at",
    "title": "lower(title)",
}
PARENT_OF = "SELECT parent_id FROM tasks WHERE user_id = $1 AND parent_id IS NOT NULL LIMIT 1"


# Not for the whole session: while its applications run, the log is theirs.
@pytest.fixture(scope="module")
async def crowd(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowd]:
    async with Crowd.gathered(server_url, tmp_path_factory.mktemp("crowd")) as crowd:
        yield crowd


async def middle(connection: Connection, case: str, order: str | None) -> str:
    """A cursor half-way down the list, or of what is due."""
    name = (order or "-created").removeprefix("-")
    way = "ASC" if order == name else "DESC"
    offset = 16_000 if name == "due" else 50_000
    row = await connection.fetchrow(MIDDLE.format(key=KEYS.get(name, name), way=way, offset=offset), OWNERS[case])
    assert row is not None
    return cursor_at(Place(row["key"], row["id"]), order or "-created")


def known(asked: Asked, parent: str) -> Asked:
    return {name: parent if value == PARENT else value for name, value in asked.items()}


async def plan_of(member: Member, asked: Asked, order: str | None, cursor: str | None = None) -> Plan:
    """How the statement ran that lists tasks, after the one that looks up the viewer if there is one."""
    params: dict[str, Any] = {"limit": 20, **asked}
    params |= {} if order is None else {"sort": order}
    params |= {} if cursor is None else {"cursor": cursor}
    with explained() as plans:
        reply = await member.client.get(TASKS, params=params)
    assert reply.status_code == 200, reply.text
    ours = [plan for plan in plans if plan.sql not in (RECENT.sql, PURGE.sql)]
    assert len(ours) <= 2
    return ours[-1]


def assert_found(plan: Plan, most: int, *asked: object) -> None:
    """Indexes alone lead to the tasks, and to no more of them than that."""
    told = f"{asked}: {plan.examined()} rows\n{plan.sql}\n{plan.root}"
    read = {node["Node Type"] for node in plan.scans() if node["Relation Name"] == "tasks"}
    assert read <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}, told
    assert plan.examined() <= most, told


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", OWNERS)
async def test_an_index_serves_every_order_with_every_parameter(crowd: Crowd, mode: str, case: str) -> None:
    async with connected(crowd.url) as connection:
        parent = str(await connection.fetchval(PARENT_OF, OWNERS[case]))
        cursors = {order: await middle(connection, case, order) for order in ORDERS}
    async with crowd.member(mode, case) as member:
        for order in ORDERS:
            for name, (asked, most) in FILTERS.items():
                served = (order or "-created").removeprefix("-") in SERVED.get(name, ())
                for cursor in (None,) if "q" in asked and order is None else (None, cursors[order]):
                    plan = await plan_of(member, known(asked, parent), order, cursor)
                    assert_found(plan, FEW if served else most, order, name, cursor)


@pytest.mark.parametrize("mode", MODES)
async def test_an_index_serves_every_pair_of_parameters(crowd: Crowd, mode: str) -> None:
    case = "few open"
    async with connected(crowd.url) as connection:
        parent = str(await connection.fetchval(PARENT_OF, OWNERS[case]))
    async with crowd.member(mode, case) as member:
        for number, ((one, _), (other, _)) in enumerate(combinations(FILTERS.values(), 2)):
            # Each mode and each order gets its share of the pairs.
            if one.keys() & other.keys() or MODES[number % len(MODES)] != mode:
                continue
            asked = known({**one, **other}, parent)
            order = ORDERS[number % len(ORDERS)]
            assert_found(await plan_of(member, asked, order), WHOLE, order, asked)
