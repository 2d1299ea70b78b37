"""Moving tasks, projects, labels and filters: where they stand then, what goes with them, and what cannot be."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from backend.domain.ordering import LONGEST, between
from tests.factories.clients import Client
from tests.factories.queries import CountQueries

KINDS = ("tasks", "projects", "labels", "filters")
PATHS = {kind: f"/api/v1/users/me/{kind}" for kind in KINDS}
NAMES = {kind: "title" if kind == "tasks" else "name" for kind in KINDS}
OTHERS = {"filters": {"query": "overdue"}}
NOBODYS = "0192f3c1-c5d6-7e20-8000-6a7b8c9d0e99"

each = pytest.mark.parametrize("kind", KINDS)
both = pytest.mark.parametrize("kind", KINDS[:2])
"""Of those that stand in one another."""


async def new(client: Client, kind: str, name: str = "x", **fields: Any) -> dict[str, Any]:
    reply = await client.post(PATHS[kind], json={NAMES[kind]: name, **OTHERS.get(kind, {}), **fields})
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


async def several(client: Client, kind: str, names: str, **fields: Any) -> dict[str, str]:
    """An object for each letter, by the letter, in this order."""
    return {name: (await new(client, kind, name, **fields))["id"] for name in names}


async def move(client: Client, kind: str, of: str, **where: Any) -> dict[str, Any]:
    reply = await client.post(f"{PATHS[kind]}/{of}/move", json=where)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


async def listed(client: Client, kind: str) -> list[dict[str, Any]]:
    reply = await client.get(PATHS[kind], params={"limit": 200})
    return sorted(reply.json(), key=lambda row: row["position"].encode())


async def order(client: Client, kind: str, parent_id: str | None = None) -> str:
    """The letters of what stands in a parent, in their order."""
    return "".join(row[NAMES[kind]] for row in await listed(client, kind) if row.get("parent_id") == parent_id)


async def faults(client: Client, kind: str, of: str, **where: Any) -> list[tuple[str, str]]:
    reply = await client.post(f"{PATHS[kind]}/{of}/move", json=where)
    assert reply.status_code == 400, reply.text
    return [(fault["field"], fault["code"]) for fault in reply.json()["errors"]]


@each
async def test_a_new_one_stands_behind_the_others(owner: Client, kind: str) -> None:
    await several(owner, kind, "abc")

    assert await order(owner, kind) == "abc"


@each
@pytest.mark.parametrize(
    ("of", "where", "expected"),
    [
        ("a", {"after": "c"}, "bcad"),
        ("d", {"after": "a"}, "adbc"),
        ("a", {"after": "d"}, "bcda"),
        ("d", {"before": "a"}, "dabc"),
        ("a", {"before": "d"}, "bcad"),
        ("c", {"after": "a", "before": "b"}, "acbd"),
        ("d", {"after": "a", "before": "c"}, "adbc"),
        ("b", {}, "acdb"),
    ],
)
async def test_a_move_puts_it_where_it_is_asked_to(
    owner: Client, kind: str, of: str, where: dict[str, str], expected: str
) -> None:
    ids = await several(owner, kind, "abcd")
    others = {row["id"]: row for row in await listed(owner, kind) if row["id"] != ids[of]}

    moved = await move(owner, kind, ids[of], **{name: ids[letter] for name, letter in where.items()})

    assert await order(owner, kind) == expected
    # Nobody else is written, and what is behind the place is free for the next one.
    assert {row["id"]: row for row in await listed(owner, kind) if row["id"] != ids[of]} == others
    assert moved["version"] == len(ids) + 1
    await new(owner, kind, "e")
    assert await order(owner, kind) == f"{expected}e"


@each
@pytest.mark.parametrize(
    ("of", "where"), [("b", {"after": "a"}), ("b", {"before": "c"}), ("b", {"after": "a", "before": "c"}), ("c", {})]
)
async def test_a_move_to_where_it_is_keeps_the_version(
    owner: Client, kind: str, of: str, where: dict[str, str]
) -> None:
    ids = await several(owner, kind, "abc")
    before = await listed(owner, kind)

    await move(owner, kind, ids[of], **{name: ids[letter] for name, letter in where.items()})

    assert await listed(owner, kind) == before
    assert (await new(owner, kind))["version"] == 4


@both
async def test_only_a_sibling_of_ones_own_can_be_named(owner: Client, stranger: Client, kind: str) -> None:
    ids = await several(owner, kind, "abcd")
    inner = (await new(owner, kind, parent_id=ids["a"]))["id"]
    theirs = (await new(stranger, kind))["id"]
    await owner.delete(f"{PATHS[kind]}/{ids['d']}")

    for unknown in (theirs, NOBODYS, inner, ids["d"], ids["b"]):
        assert await faults(owner, kind, ids["b"], after=unknown) == [("after", "not_found")]
        assert await faults(owner, kind, ids["b"], before=unknown) == [("before", "not_found")]
    for unknown in (theirs, NOBODYS, ids["d"]):
        assert await faults(owner, kind, ids["b"], parent_id=unknown) == [("parent_id", "not_found")]
    assert await faults(owner, kind, ids["b"], after=ids["c"], before=ids["a"]) == [("before", "not_in_order")]
    assert await order(owner, kind) == "abc"
    assert await order(stranger, kind) == "x"


@each
async def test_a_list_goes_by_its_own_order_page_by_page(owner: Client, kind: str) -> None:
    ids = await several(owner, kind, "abcdefg")
    await move(owner, kind, ids["f"], before=ids["b"])

    letters, reply = "", await owner.get(PATHS[kind], params={"sort": "position", "limit": 3})
    while True:
        letters += "".join(row[NAMES[kind]] for row in reply.json())
        if "next" not in reply.links:
            break
        reply = await owner.get(reply.links["next"]["url"])

    assert letters == "afbcdeg"
    newest = await owner.get(PATHS[kind], params={"limit": 1})
    cursor = newest.links["next"]["url"].partition("cursor=")[2].partition("&")[0]
    for wrong in (cursor, "p", "x"):
        refused = await owner.get(PATHS[kind], params={"sort": "position", "cursor": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "invalid_cursor")


@both
async def test_it_can_stand_in_another_and_come_out_again(owner: Client, kind: str) -> None:
    ids = await several(owner, kind, "abcd")

    await move(owner, kind, ids["b"], parent_id=ids["a"])
    await move(owner, kind, ids["c"], parent_id=ids["a"], before=ids["b"])
    assert (await order(owner, kind), await order(owner, kind, ids["a"])) == ("ad", "cb")

    await move(owner, kind, ids["b"], before=ids["c"])
    assert await order(owner, kind, ids["a"]) == "bc"

    await move(owner, kind, ids["c"], parent_id=None, after=ids["a"])
    assert (await order(owner, kind), await order(owner, kind, ids["a"])) == ("acd", "b")


@both
async def test_nothing_stands_in_itself(owner: Client, kind: str) -> None:
    outer = (await new(owner, kind))["id"]
    middle = (await new(owner, kind, parent_id=outer))["id"]
    inner = (await new(owner, kind, parent_id=middle))["id"]

    for parent in (outer, middle, inner):
        refused = await owner.post(f"{PATHS[kind]}/{outer}/move", json={"parent_id": parent})
        assert (refused.status_code, refused.json()["code"]) == (409, "into_itself")
    assert (await owner.get(f"{PATHS[kind]}/{outer}")).json()["parent_id"] is None


@both
async def test_at_most_ten_stand_in_one_another(owner: Client, kind: str) -> None:
    chain = [(await new(owner, kind))["id"]]
    for _ in range(8):
        chain.append((await new(owner, kind, parent_id=chain[-1]))["id"])
    pair = (await new(owner, kind))["id"]
    await new(owner, kind, parent_id=pair)

    assert await faults(owner, kind, pair, parent_id=chain[-1]) == [("parent_id", "too_deep")]
    await move(owner, kind, pair, parent_id=chain[-2])
    tenth = (await new(owner, kind, parent_id=chain[-1]))["id"]
    refused = await owner.post(PATHS[kind], json={NAMES[kind]: "x", "parent_id": tenth})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "too_deep")


async def test_a_task_goes_to_a_project_with_its_subtasks(owner: Client, stranger: Client) -> None:
    project, other = [(await new(owner, "projects"))["id"] for _ in range(2)]
    theirs = (await new(stranger, "projects"))["id"]
    task = (await new(owner, "tasks", "a"))["id"]
    subtask = (await new(owner, "tasks", "b", parent_id=task))["id"]
    trashed = (await new(owner, "tasks", "c", parent_id=subtask))["id"]
    await owner.delete(f"{PATHS['tasks']}/{trashed}")
    there = (await new(owner, "tasks", "d", project_id=project))["id"]

    moved = await move(owner, "tasks", task, project_id=project, before=there)
    found = {row["id"]: row for row in await listed(owner, "tasks")}

    assert {found[each]["project_id"] for each in (task, subtask, there)} == {project}
    assert found[subtask]["version"] == moved["version"]
    assert found[task]["position"] < found[there]["position"]
    for unknown in (theirs, NOBODYS):
        assert await faults(owner, "tasks", task, project_id=unknown) == [("project_id", "not_found")]
    assert await faults(owner, "tasks", there, parent_id=task, project_id=other) == [("project_id", "not_of_parent")]

    # A subtask that goes to a project is none there.
    assert (await move(owner, "tasks", subtask, project_id=other))["parent_id"] is None
    # What goes into a task goes to its project.
    assert (await move(owner, "tasks", there, parent_id=subtask))["project_id"] == other
    assert (await move(owner, "tasks", task, project_id=None))["project_id"] is None
    restored = await owner.post(f"/api/v1/users/me/trash/{trashed}/restore")
    assert restored.status_code == 200, restored.text
    assert (await owner.get(f"{PATHS['tasks']}/{trashed}")).json()["project_id"] == other


@each
async def test_a_move_of_another_version_is_refused(owner: Client, kind: str) -> None:
    ids = await several(owner, kind, "ab")

    late = await owner.post(f"{PATHS[kind]}/{ids['a']}/move", json={}, headers={"If-Match": '"99"'})

    assert (late.status_code, late.json()["current"]["id"]) == (412, ids["a"])
    assert await order(owner, kind) == "ab"


@both
async def test_where_keys_have_become_long_the_neighbours_make_room(
    owner: Client, kind: str, count_queries: CountQueries
) -> None:
    ids = await several(owner, kind, "abc")
    rows = {row["id"]: row["position"] for row in await listed(owner, kind)}
    key, after = rows[ids["a"]], rows[ids["b"]]
    while len(key) < LONGEST or len(between(key, after)) <= LONGEST:
        key = between(key, after)
    async with owner.app.state.database.begin() as session:
        statement = text(f"UPDATE {kind} SET position = :key WHERE user_id = :owner AND id = :id")
        await session.exec(statement, params={"key": key, "owner": owner.user_id, "id": ids["a"]})

    with count_queries() as queries:
        moved = await move(owner, kind, ids["c"], after=ids["a"])
    found = await listed(owner, kind)

    assert len(queries) == 3
    assert await order(owner, kind) == "acb"
    assert max(len(row["position"]) for row in found) < 20
    assert {row["version"] for row in found} == {moved["version"]}


@both
async def test_many_moves_at_once_lose_nothing(owner: Client, kind: str) -> None:
    parent = (await new(owner, kind))["id"]
    ids = [(await new(owner, kind, str(number)))["id"] for number in range(20)]
    chance = random.Random(1)

    async def client(moves: Sequence[tuple[str, dict[str, Any]]]) -> None:
        for of, where in moves:
            reply = await owner.post(f"{PATHS[kind]}/{of}/move", json=where)
            # What is named may stand elsewhere by now.
            assert reply.status_code in (200, 400, 409), reply.text

    def any_move() -> tuple[str, dict[str, Any]]:
        of, sibling = chance.sample(ids, 2)
        return of, chance.choice(
            [{"after": sibling}, {"before": sibling}, {}, {"parent_id": parent}, {"parent_id": None}]
        )

    await asyncio.gather(*(client([any_move() for _ in range(10)]) for _ in range(10)))
    rows = await listed(owner, kind)

    assert sorted(row["id"] for row in rows) == sorted([parent, *ids])
    assert len({(row["parent_id"], row["position"]) for row in rows}) == len(rows)


@both
async def test_of_many_that_want_the_same_place_each_gets_its_own(owner: Client, kind: str) -> None:
    ids = [(await new(owner, kind, str(number)))["id"] for number in range(20)]

    replies = await asyncio.gather(
        *(owner.post(f"{PATHS[kind]}/{of}/move", json={"after": ids[0]}) for of in ids[1:]),
    )

    assert {reply.status_code for reply in replies} == {200}
    rows = await listed(owner, kind)
    assert rows[0]["id"] == ids[0]
    assert len({row["position"] for row in rows}) == 20
