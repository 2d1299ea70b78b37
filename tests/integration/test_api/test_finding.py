"""Finding: every parameter of the list, every order, and pages that leave out nothing and repeat nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from backend.schemas.finding import Sort
from tests.factories.clients import Client
from tests.factories.queries import CountQueries
from tests.integration.test_api.answers import TASKS, answered, faults, problem, sql

NOW = datetime.now(UTC)
ORDERS = get_args(Sort)
KEYS = {"due": "overdue_at", "priority": "urgency", "created": "created_at", "updated": "updated_at", "title": "title"}
INSERT = """
    INSERT INTO tasks (user_id, id, revision, position, title, {columns})
    VALUES (:owner, :id, 1, :place, :title, {values})
"""
NAMED = "INSERT INTO {} (user_id, id, revision, position, name{}) VALUES (:owner, :id, 1, :place, :name{})"


async def make(owner: Client, title: str, **fields: Any) -> str:
    """A task, with what clients may not say of one, such as when it was made."""
    fields = {"priority": "none", **fields}
    statement = INSERT.format(columns=", ".join(fields), values=", ".join(f":{name}" for name in fields))
    task_id = uuid7()
    await sql(owner.app, statement, owner=owner.user_id, id=task_id, place=str(task_id), title=title, **fields)
    return str(task_id)


async def make_named(owner: Client, table: str, name: str, query: str | None = None) -> UUID:
    """A project, a label or a filter."""
    statement = NAMED.format(table, ", query" if query else "", ", :query" if query else "")
    row_id = uuid7()
    await sql(owner.app, statement, owner=owner.user_id, id=row_id, place=str(row_id), name=name, query=query)
    return row_id


async def titles(client: Client, **asked: Any) -> list[str]:
    return [task["title"] for task in answered(await client.get(TASKS, params=asked))]


async def pages(client: Client, limit: int, **asked: Any) -> list[list[str]]:
    """The ids of every page, by following the links."""
    reply = await client.get(TASKS, params={**asked, "limit": limit})
    found = [[task["id"] for task in answered(reply)]]
    while "next" in reply.links:
        reply = await client.get(reply.links["next"]["url"])
        found.append([task["id"] for task in answered(reply)])
    return found


@pytest.fixture
async def many(owner: Client) -> Client:
    """Somebody with tasks of which many have the same key, whatever the order, and many are not due."""
    for number in range(23):
        hour = timedelta(hours=number // 4)
        await make(
            owner,
            f"{'aBÄ'[number % 3]}{number // 5}",
            priority=["none", "low", "medium", "high"][number % 4],
            due_date=(NOW + hour).date() if number % 3 else None,
            due_time=(NOW + hour).time() if number % 6 == 1 else None,
            created_at=NOW - hour,
            updated_at=NOW + hour,
        )
    return owner


async def in_order(client: Client, order: str) -> list[str]:
    """The ids as the database sorts them on its own."""
    key = {**KEYS, "title": "lower(title)"}.get(order.removeprefix("-"), "position")
    way = "DESC NULLS LAST" if order.startswith("-") else "ASC NULLS LAST"
    statement = f"SELECT id FROM tasks WHERE user_id = :owner ORDER BY {key} {way}, id {way}"
    return [str(row["id"]) for row in await sql(client.app, statement, owner=client.user_id)]


@pytest.mark.parametrize("order", ORDERS)
async def test_every_order_is_total_and_its_pages_are_its_parts(many: Client, order: str) -> None:
    expected = await in_order(many, order)

    for limit in (1, 4, 22, 23):
        parts = await pages(many, limit, sort=order)
        assert list(chain.from_iterable(parts)) == expected
        assert [len(part) for part in parts[:-1]] == [limit] * (len(parts) - 1)
        assert len(parts[-1]) <= limit


@pytest.mark.parametrize("order", [None, *ORDERS])
@pytest.mark.parametrize(
    "asked",
    [
        {"q": "b"},
        {"filter": "due != none"},
        {"filter": "due = none"},
        {"filter": "due >= 2000-01-01 & due <= 9000-01-01"},
        {"overdue": "false"},
        {"updated_since": "2020-01-01T00:00:00Z"},
        {"project_id": "none", "parent_id": "none"},
        {"filter": 'title ~ "a"', "completed": "false"},
    ],
    ids=str,
)
async def test_pages_of_what_is_found_are_parts_of_it(
    many: Client, order: str | None, asked: Mapping[str, str]
) -> None:
    sorting = {} if order is None else {"sort": order}
    [whole] = await pages(many, 200, **asked, **sorting)

    parts = await pages(many, 3, **asked, **sorting)

    assert whole
    assert list(chain.from_iterable(parts)) == whole
    if order is not None:
        expected = await in_order(many, order)
        assert whole == [task_id for task_id in expected if task_id in whole]


@pytest.mark.parametrize("order", ORDERS)
async def test_a_cursor_is_of_one_order_alone(many: Client, order: str) -> None:
    async def cursor_of(asked: Mapping[str, str]) -> str:
        url = (await many.get(TASKS, params={**asked, "limit": 1})).links["next"]["url"]
        return parse_qs(urlsplit(url).query)["cursor"][0]

    cursor = await cursor_of({"sort": order})

    for other in ORDERS:
        reply = await many.get(TASKS, params={"sort": other, "cursor": cursor})
        assert reply.status_code == (200 if other == order else 400), other
        if other != order:
            [error] = problem(reply, 400, "invalid_input")["errors"]
            assert (error["field"], error["code"]) == ("cursor", "invalid_cursor")
    assert faults(await many.get(TASKS, params={"q": "b", "cursor": cursor})) == ["cursor"]
    plain = await many.get(TASKS, params={"cursor": cursor})
    assert plain.status_code == (200 if order == "-created" else 400)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"priority": "high"}, "c"),
        ({"label": "WORK"}, "ab"),
        ({"label": "unknown"}, ""),
        ({"project_id": "none"}, "acd"),
        ({"parent_id": "none"}, "abc"),
        ({"overdue": "true"}, "a"),
        ({"overdue": "false"}, "bcd"),
        ({"due_before": "today"}, None),
        ({"due_before": "2100-01-01"}, "abc"),
        ({"due_after": "2100-01-01"}, ""),
        ({"due_after": "2099-12-30", "due_before": "2100-01-01"}, "c"),
        ({"due_before": "2020-02-01T23:59:59Z"}, ""),
        ({"due_before": "2020-02-02T00:00:00Z"}, "ab"),
        ({"updated_since": "2019-01-01T01:00:00+01:00"}, "ab"),
        ({"completed": "true", "label": "work"}, "b"),
        ({"filter": 'label = "work" & !completed'}, "a"),
        ({"filter": "overdue"}, "a"),
        ({"project_id": str(UUID(int=0))}, ""),
        ({"parent_id": str(UUID(int=0))}, ""),
    ],
    ids=str,
)
async def test_a_parameter_finds_what_it_says(owner: Client, asked: Mapping[str, str], expected: str | None) -> None:
    await make_named(owner, "labels", "Work")
    project = await make_named(owner, "projects", "Home")
    past, future = datetime(2020, 2, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC)
    old = datetime(2018, 1, 1, tzinfo=UTC)
    first = await make(owner, "a", labels=["Work"], due_date=past.date())
    await make(owner, "b", labels=["Work"], project_id=project, due_date=past.date(), completed_at=NOW)
    await make(owner, "c", priority="high", due_date=future.date(), updated_at=old)
    await make(owner, "d", parent_id=UUID(first), updated_at=old)

    reply = await owner.get(TASKS, params=asked)

    if expected is None:
        assert faults(reply, "invalid_input") == [*asked]
    else:
        assert {task["title"] for task in answered(reply)} == set(expected)
    if "parent_id" not in asked:
        assert await titles(owner, parent_id=first) == ["d"]
        assert await titles(owner, project_id=str(project)) == ["b"]


MADE = {
    "Plane tickets": None,
    "Ask": "about the plan",
    "Water the plants": None,
    "Water the roses": None,
    "Café crème": None,
    "Call about watering": None,
    "Learn C++": None,
    "Seeds 🌱": None,
    "100 % done": None,
}


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("water", ["Water the roses", "Water the plants", "Call about watering"]),
        ("PLANTS water", ["Water the plants"]),
        ("plan", ["Water the plants", "Ask", "Plane tickets"]),
        ("plamts", ["Water the plants"]),
        ("cafe", ["Café crème"]),
        ("CAFÉ CREME", ["Café crème"]),
        ("roses & | (':*", ["Water the roses"]),
        ("'", []),
        ("c++", ["Learn C++", "Call about watering", "Café crème"]),
        ("🌱", ["Seeds 🌱"]),
        ("%", ["100 % done"]),
        ("nothing of this kind", []),
    ],
)
async def test_words_are_found_and_the_best_come_first(owner: Client, q: str, expected: list[str]) -> None:
    for title, description in MADE.items():
        await make(owner, title, description=description)

    found = await titles(owner, q=q)
    assert set(found[: len(expected)]) == set(expected)
    assert set(await titles(owner, q=q, sort="title")) == set(found)


async def test_a_lone_accent_finds_nothing(owner: Client) -> None:
    await make(owner, "Café crème")

    assert await titles(owner, q="\u0301") == []


async def test_exact_words_come_before_beginnings_and_those_before_what_is_alike(owner: Client) -> None:
    for title in ("Bread", "Breaded fish", "Break", "bread and butter"):
        await make(owner, title)

    assert await titles(owner, q="bread") == ["bread and butter", "Bread", "Breaded fish", "Break"]
    assert await titles(owner, q="bread", filter='title ~ "a" & title ~ "u"') == ["bread and butter"]


async def test_a_saved_filter_is_one_more_condition(owner: Client, stranger: Client) -> None:
    saved = await make_named(owner, "filters", "Mine", "priority = high & due < tomorrow")
    theirs = await make_named(stranger, "filters", "Theirs", "completed")
    await make(owner, "a", priority="high", due_date=NOW.date())
    await make(owner, "b", priority="high")
    await make(owner, "c", priority="high", due_date=NOW.date(), completed_at=NOW)

    assert set(await titles(owner, filter_id=str(saved))) == {"a", "c"}
    assert await titles(owner, filter_id=str(saved), completed="false") == ["a"]
    unknown = [await owner.get(TASKS, params={"filter_id": str(wrong)}) for wrong in (theirs, uuid7())]
    for reply in unknown:
        [error] = problem(reply, 400, "invalid_input")["errors"]
        assert (error["field"], error["code"]) == ("filter_id", "not_found")


async def test_what_is_no_filter_is_refused_with_the_place(owner: Client) -> None:
    reply = await owner.get(TASKS, params={"filter": "priority = hihg"})

    body = problem(reply, 400, "invalid_filter")
    assert body["position"] == 11
    assert body["expected"] == ["none", "low", "medium", "high"]
    assert faults(reply) == ["filter"]


@pytest.mark.parametrize(
    ("asked", "statements"),
    [
        ({"sort": "due"}, 1),
        ({"q": "a", "label": "x", "sort": "-title", "overdue": "true"}, 1),
        ({"filter": 'priority > low & label = "x" & !completed', "project_id": "none"}, 1),
        ({"updated_since": "2027-01-01T00:00:00Z"}, 1),
        ({"due_before": "2027-01-01"}, 2),
        ({"filter": "created > now - 2h", "q": "x", "due_after": "2027-01-01", "sort": "-due"}, 2),
    ],
    ids=str,
)
async def test_a_list_is_two_statements_at_most(
    owner: Client, count_queries: CountQueries, asked: Mapping[str, str], statements: int
) -> None:
    await owner.get(TASKS)
    with count_queries() as queries:
        answered(await owner.get(TASKS, params=asked))

    assert len(queries) == statements


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("q=", "q"),
        ("q=%20", "q"),
        ("q=%00", "q"),
        ("q=" + "a" * 201, "q"),
        ("project_id=inbox", "project_id"),
        ("parent_id=NONE", "parent_id"),
        ("label=", "label"),
        ("label=%00", "label"),
        ("priority=urgent", "priority"),
        ("due_before=tomorrow", "due_before"),
        ("due_before=2027-02-30", "due_before"),
        ("due_after=2027-02-28T12:00:00", "due_after"),
        ("due_after=1772366400", "due_after"),
        ("updated_since=2027-02-28", "updated_since"),
        ("overdue=yes", "overdue"),
        ("filter=", "filter"),
        ("filter=%00", "filter"),
        ("filter_id=x", "filter_id"),
        ("sort=name", "sort"),
        ("sort=%2Bdue", "sort"),
    ],
)
async def test_a_parameter_that_means_nothing_is_refused_by_name(owner: Client, query: str, field: str) -> None:
    assert faults(await owner.get(f"{TASKS}?{query}"), "invalid_input") == [field]


async def test_a_stranger_finds_nothing_of_the_owners(owner: Client, stranger: Client) -> None:
    await make_named(owner, "labels", "Work")
    task = await make(owner, "Water the plants", labels=["Work"], due_date=NOW.date(), priority="high")
    await make(owner, "Fertilise", parent_id=UUID(task))

    for asked in (
        {"q": "plants"},
        {"label": "work"},
        {"parent_id": task},
        {"sort": "due"},
        {"filter": 'title ~ "plants"'},
    ):
        assert await titles(owner, **asked) != []
        assert await titles(stranger, **asked) == []
