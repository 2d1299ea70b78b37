"""Pages of a list: their size, their order, the way from one to the next, and what happens meanwhile."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from tests.factories.applications import running, settings_for
from tests.factories.clients import Client, client_for, sign_up
from tests.factories.databases import execute
from tests.integration.test_api.answers import TASKS, answered, sql

type Task = dict[str, Any]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

INSERT = """
INSERT INTO tasks (user_id, id, revision, title, position, created_at, updated_at, completed_at)
SELECT :owner, id, 1, 'x', id::text, at, at, CASE WHEN done THEN at END
FROM unnest(CAST(:ids AS uuid[]), CAST(:instants AS timestamptz[]), CAST(:done AS boolean[])) AS row (id, at, done)
"""


async def seed(app: FastAPI, client: Client, instants: list[datetime], *, done: list[bool] | None = None) -> None:
    """Give the person a task for each instant, with ids in no order."""
    done = done or [False] * len(instants)
    ids = [uuid4() for _ in instants]
    await sql(app, INSERT, owner=client.user_id, ids=ids, instants=instants, done=done)


def next_of(reply: httpx.Response) -> str | None:
    """The address of the next page."""
    return reply.links.get("next", {}).get("url")


async def walk(client: Client, path: str | None) -> list[list[Task]]:
    """Every page from this one on."""
    pages = []
    while path is not None:
        reply = await client.get(path)
        pages.append(answered(reply))
        path = next_of(reply)
    return pages


def sizes(pages: list[list[Task]]) -> list[int]:
    return [len(page) for page in pages]


def joined(pages: list[list[Task]]) -> list[Task]:
    return [task for page in pages for task in page]


def newest_first(task: Task) -> tuple[datetime, UUID]:
    return datetime.fromisoformat(task["created_at"]), UUID(task["id"])


async def test_a_list_of_nothing_is_an_empty_array(owner: Client) -> None:
    reply = await owner.get(TASKS)

    assert (reply.status_code, reply.content) == (200, b"[]")
    assert next_of(reply) is None


@pytest.mark.parametrize(
    ("total", "query", "expected"),
    [
        (50, "", [50]),
        (51, "", [50, 1]),
        (4, "?limit=1", [1, 1, 1, 1]),
        (4, "?limit=2", [2, 2]),
        (5, "?limit=2", [2, 2, 1]),
        (5, "?limit=5", [5]),
        (5, "?limit=6", [5]),
        (201, "?limit=200", [200, 1]),
    ],
)
async def test_pages_have_the_size_that_was_asked_for(
    app: FastAPI, owner: Client, total: int, query: str, expected: list[int]
) -> None:
    await seed(app, owner, [NOON + timedelta(seconds=n) for n in range(total)])

    assert sizes(await walk(owner, TASKS + query)) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7])
async def test_a_walk_over_ties_shows_everything_once_in_order(app: FastAPI, owner: Client, limit: int) -> None:
    microsecond = timedelta(microseconds=1)
    await seed(app, owner, [NOON] * 4 + [NOON + microsecond] * 4 + [NOON + 2 * microsecond] + [NOON - microsecond] * 3)

    tasks = joined(await walk(owner, f"{TASKS}?limit={limit}"))

    assert len({task["id"] for task in tasks}) == 12
    assert tasks == sorted(tasks, key=newest_first, reverse=True)


async def test_what_is_created_later_comes_first(owner: Client) -> None:
    for title in ("first", "second", "third"):
        await owner.post(TASKS, json={"title": title})

    assert [task["title"] for task in answered(await owner.get(TASKS))] == ["third", "second", "first"]


async def insert_newer(app: FastAPI, owner: Client, _: Task) -> None:
    await seed(app, owner, [NOON + timedelta(days=1)])


async def insert_among_the_seen(app: FastAPI, owner: Client, last: Task) -> None:
    await seed(app, owner, [datetime.fromisoformat(last["created_at"]) + timedelta(microseconds=1)])


async def delete_the_last_seen(_: FastAPI, owner: Client, last: Task) -> None:
    assert (await owner.delete(f"{TASKS}/{last['id']}")).status_code == 204


async def purge_the_last_seen(app: FastAPI, _: Client, last: Task) -> None:
    await sql(app, "DELETE FROM tasks WHERE id = CAST(:id AS uuid)", id=last["id"])


async def complete_the_last_seen(_: FastAPI, owner: Client, last: Task) -> None:
    answered(await owner.patch(f"{TASKS}/{last['id']}/complete"))


async def change_the_last_seen(_: FastAPI, owner: Client, last: Task) -> None:
    answered(await owner.patch(f"{TASKS}/{last['id']}", json={"title": "changed"}))


@pytest.mark.parametrize("query", ["", "&completed=false"])
@pytest.mark.parametrize(
    "happens",
    [
        insert_newer,
        insert_among_the_seen,
        delete_the_last_seen,
        purge_the_last_seen,
        complete_the_last_seen,
        change_the_last_seen,
    ],
)
async def test_what_happens_to_seen_rows_moves_no_unseen_one(
    app: FastAPI, owner: Client, happens: Callable[[FastAPI, Client, Task], Awaitable[None]], query: str
) -> None:
    await seed(app, owner, [NOON - timedelta(seconds=n // 3) for n in range(12)])
    expected = joined(await walk(owner, TASKS))
    page = await owner.get(f"{TASKS}?limit=4{query}")
    path, shown = next_of(page), answered(page)

    while path is not None:
        await happens(app, owner, shown[-1])
        page = await owner.get(path)
        path = next_of(page)
        shown += answered(page)

    assert shown == expected


async def test_an_unseen_row_that_goes_away_takes_no_other_with_it(app: FastAPI, owner: Client) -> None:
    await seed(app, owner, [NOON] * 6)
    expected = joined(await walk(owner, TASKS))
    page = await owner.get(f"{TASKS}?limit=2")

    await owner.delete(f"{TASKS}/{expected[3]['id']}")

    assert answered(page) + joined(await walk(owner, next_of(page))) == expected[:3] + expected[4:]


@pytest.mark.parametrize("limit", [2, 50])
@pytest.mark.parametrize(("value", "wanted"), [("true", {True}), ("false", {False}), (None, {True, False})])
async def test_completed_filters_every_page(
    app: FastAPI, owner: Client, limit: int, value: str | None, wanted: set[bool]
) -> None:
    done = [True, False, False, True, False, True, False, True]
    await seed(app, owner, [NOON] * 3 + [NOON - timedelta(seconds=n) for n in range(5)], done=done)
    everything = joined(await walk(owner, TASKS))

    chosen = joined(await walk(owner, f"{TASKS}?limit={limit}" + (f"&completed={value}" if value else "")))

    assert chosen == [task for task in everything if task["completed"] in wanted]
    assert {task["completed"] for task in chosen} == wanted


async def test_the_link_stays_on_the_path_and_keeps_the_other_parameters(app: FastAPI, owner: Client) -> None:
    await seed(app, owner, [NOON] * 3)

    for path in (TASKS, "/api/me/tasks", f"/api/v1/users/{owner.user_id}/tasks"):
        url = httpx.URL(next_of(await owner.get(f"{path}?completed=false&limit=2")) or "")
        assert (url.path, sorted(url.params)) == (path, ["completed", "cursor", "limit"])
        assert (url.params["completed"], url.params["limit"]) == ("false", "2")


async def test_only_ones_own_and_living_tasks_are_listed(app: FastAPI, owner: Client, stranger: Client) -> None:
    await seed(app, owner, [NOON] * 2)
    await seed(app, stranger, [NOON] * 2)
    kept, deleted = answered(await owner.get(TASKS))

    await owner.delete(f"{TASKS}/{deleted['id']}")

    assert joined(await walk(owner, f"{TASKS}?limit=1")) == [kept]


async def test_a_cursor_opens_nobody_elses_list(app: FastAPI, owner: Client, stranger: Client) -> None:
    await seed(app, owner, [NOON] * 3)
    await seed(app, stranger, [NOON - timedelta(days=1)])

    path = next_of(await owner.get(f"{TASKS}?limit=1"))

    assert await walk(stranger, path) == await walk(stranger, TASKS)


async def test_the_same_state_gives_the_same_bytes(app: FastAPI, owner: Client) -> None:
    await seed(app, owner, [NOON] * 20)

    replies = [await owner.get(f"{path}?limit=10") for path in (TASKS, "/api/me/tasks") * 2]

    assert len({reply.content for reply in replies}) == 1
    assert replies[0].headers["link"] == replies[2].headers["link"]


async def test_the_order_does_not_rest_on_an_index(own_database_url: str, tmp_path: Path) -> None:
    await execute(own_database_url, "DROP INDEX tasks_listing_idx")
    async with running(settings_for(own_database_url), tmp_path / "app.log") as app, client_for(app) as client:
        await sign_up(app, client)
        await seed(app, client, [NOON] * 20)

        tasks = joined(await walk(client, f"{TASKS}?limit=3"))

    assert tasks == sorted(tasks, key=newest_first, reverse=True)
    assert len({task["id"] for task in tasks}) == 20
