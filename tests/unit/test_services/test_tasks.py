"""The rules of tasks, and whose they are."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from backend.auth.principal import TokenInvalid
from backend.database.fast_lane import FastLane, Row
from backend.domain.errors import PreconditionFailed
from backend.domain.pagination import decode_cursor
from backend.schemas.tasks import TaskChanges, TaskCreate
from backend.services.owned import IdInTrash
from backend.services.task_table import TaskNotFound
from backend.services.tasks import TaskService
from tests.factories.clients import Client

Use = Callable[[TaskService, UUID], Awaitable[object]]

ON_ONE_TASK: dict[str, Use] = {
    "get": lambda tasks, task_id: tasks.get(task_id),
    "change": lambda tasks, task_id: tasks.change(task_id, TaskChanges(title="mine now"), None),
    "change nothing": lambda tasks, task_id: tasks.change(task_id, TaskChanges(), None),
    "change any version": lambda tasks, task_id: tasks.change(task_id, TaskChanges(title="mine now"), (1,)),
    "trash": lambda tasks, task_id: tasks.trash(task_id, None),
    "trash any version": lambda tasks, task_id: tasks.trash(task_id, (1,)),
}
any_use = pytest.mark.parametrize("use", ON_ONE_TASK.values(), ids=ON_ONE_TASK.keys())


async def new(tasks: TaskService, **fields: Any) -> Row:
    row, created = await tasks.create(TaskCreate(**{"title": "x", **fields}))
    assert created
    return row


async def ids(tasks: TaskService, **equal: Any) -> list[UUID]:
    return [row["id"] for row in (await tasks.list(200, None, equal)).rows]


@any_use
async def test_a_task_of_somebody_else_is_not_found_and_stays_as_it_is(
    tasks: TaskService, strangers_tasks: TaskService, use: Use
) -> None:
    task = await new(tasks)

    with pytest.raises(TaskNotFound):
        await use(strangers_tasks, task["id"])
    assert await tasks.get(task["id"]) == task


@any_use
async def test_a_task_that_never_was_is_not_found(tasks: TaskService, use: Use) -> None:
    with pytest.raises(TaskNotFound):
        await use(tasks, uuid7())


@any_use
async def test_a_task_in_the_trash_is_not_found(tasks: TaskService, use: Use) -> None:
    task = await new(tasks)
    await tasks.trash(task["id"], None)

    with pytest.raises(TaskNotFound):
        await use(tasks, task["id"])
    assert await ids(tasks) == []


async def test_a_list_holds_ones_own_tasks_alone(tasks: TaskService, strangers_tasks: TaskService) -> None:
    mine, theirs = await new(tasks), await new(strangers_tasks)

    assert await ids(tasks) == [mine["id"]]
    assert await ids(strangers_tasks) == [theirs["id"]]


async def test_an_id_that_somebody_else_uses_is_free(tasks: TaskService, strangers_tasks: TaskService) -> None:
    theirs = await new(strangers_tasks, title="theirs")
    mine = await new(tasks, id=theirs["id"], title="mine")

    assert (mine["id"], mine["title"]) == (theirs["id"], "mine")
    assert await strangers_tasks.get(theirs["id"]) == theirs


async def test_a_task_belongs_to_the_owner_of_the_service(tasks: TaskService, owner: Client) -> None:
    assert (await new(tasks))["user_id"] == owner.user_id


async def test_whoever_has_no_account_has_no_tasks_and_gets_none(lane: FastLane) -> None:
    nobody = TaskService(lane, uuid7())

    assert (await nobody.list(50, None, {})).rows == []
    with pytest.raises(TokenInvalid):
        await nobody.create(TaskCreate(title="x"))


async def test_creating_again_gives_the_first_result(tasks: TaskService) -> None:
    first = await new(tasks, id=str(uuid7()), title="first")
    again, created = await tasks.create(TaskCreate(id=first["id"], title="second", completed=True))

    assert (dict(again), created) == (dict(first), False)
    assert await ids(tasks) == [first["id"]]


async def test_creating_again_gives_the_task_as_it_is_by_now(tasks: TaskService) -> None:
    first = await new(tasks, id=str(uuid7()))
    changed = await tasks.change(first["id"], TaskChanges(title="changed"), None)

    again, created = await tasks.create(TaskCreate(id=first["id"], title="x"))
    assert (dict(again), created) == (dict(changed), False)


async def test_creating_again_what_is_in_the_trash_is_refused(tasks: TaskService) -> None:
    task = await new(tasks, id=str(uuid7()))
    await tasks.trash(task["id"], None)

    with pytest.raises(IdInTrash):
        await tasks.create(TaskCreate(id=task["id"], title="x"))
    assert await ids(tasks) == []


async def test_retries_at_the_same_time_make_one_task(tasks: TaskService) -> None:
    task = TaskCreate(id=uuid7(), title="x")
    results = await asyncio.gather(*(tasks.create(task) for _ in range(8)))

    assert sum(created for _, created in results) == 1
    assert all(dict(row) == dict(results[0][0]) for row, _ in results)
    assert await ids(tasks) == [task.id]


async def test_a_change_of_nothing_keeps_the_version(tasks: TaskService) -> None:
    task = await new(tasks, title="x", description=None, priority="low", due_date="2027-03-01")
    same = TaskChanges(title=" x ", description=None, completed=False, priority="low", due_date="2027-03-01")

    assert await tasks.change(task["id"], same, None) == task
    assert await tasks.change(task["id"], TaskChanges(), None) == task
    assert await tasks.get(task["id"]) == task


async def test_every_write_gives_a_version_that_no_other_of_the_owners_tasks_had(tasks: TaskService) -> None:
    one, other = await new(tasks), await new(tasks)
    changed = await tasks.change(one["id"], TaskChanges(title="y"), None)

    assert one["version"] < other["version"] < changed["version"]


async def test_a_refused_write_takes_no_version(tasks: TaskService) -> None:
    task = await new(tasks)
    for refused in (
        tasks.change(task["id"], TaskChanges(title="y"), (task["version"] + 1,)),
        tasks.trash(task["id"], ()),
        tasks.change(uuid7(), TaskChanges(title="y"), None),
    ):
        with pytest.raises((PreconditionFailed, TaskNotFound)):
            await refused

    assert (await new(tasks))["version"] == task["version"] + 1


@pytest.mark.parametrize("expected", [(), (0,), (2, 3)], ids=["none", "older", "others"])
async def test_a_write_on_another_version_is_refused_and_shows_the_task(
    tasks: TaskService, expected: tuple[int, ...]
) -> None:
    task = await new(tasks)
    for changes in (TaskChanges(title="y"), TaskChanges(title="x"), TaskChanges()):
        with pytest.raises(PreconditionFailed) as refusal:
            await tasks.change(task["id"], changes, expected)
        assert refusal.value.current == task
    with pytest.raises(PreconditionFailed):
        await tasks.trash(task["id"], expected)
    assert await tasks.get(task["id"]) == task


async def test_a_write_on_the_version_that_was_seen_is_done(tasks: TaskService) -> None:
    task = await new(tasks)
    changed = await tasks.change(task["id"], TaskChanges(title="y"), (task["version"], 99))
    await tasks.trash(task["id"], (changed["version"],))

    assert changed["title"] == "y"
    assert await ids(tasks) == []


async def test_of_changes_to_one_version_at_the_same_time_one_is_done(tasks: TaskService) -> None:
    task = await new(tasks)
    changes = [tasks.change(task["id"], TaskChanges(title=str(n)), (task["version"],)) for n in range(8)]
    results = await asyncio.gather(*changes, return_exceptions=True)

    (done,) = (result for result in results if not isinstance(result, BaseException))
    assert all(isinstance(result, PreconditionFailed) for result in results if result is not done)
    assert await tasks.get(task["id"]) == done


async def test_changes_of_different_fields_at_the_same_time_both_survive(tasks: TaskService) -> None:
    task = await new(tasks)
    changes = [TaskChanges(title="y"), TaskChanges(priority="high"), TaskChanges(description="z")]
    await asyncio.gather(*(tasks.change(task["id"], change, None) for change in changes))

    row = await tasks.get(task["id"])
    assert (row["title"], row["priority"], row["description"]) == ("y", "high", "z")


async def test_a_task_knows_when_it_was_completed_until_it_is_open_again(tasks: TaskService) -> None:
    task = await new(tasks)
    done = await tasks.change(task["id"], TaskChanges(completed=True), None)
    again = await tasks.change(task["id"], TaskChanges(completed=True), None)
    renamed = await tasks.change(task["id"], TaskChanges(title="y", completed=True), None)
    reopened = await tasks.change(task["id"], TaskChanges(completed=False), None)

    assert (task["completed"], task["completed_at"]) == (False, None)
    assert done["completed"] is True
    assert done["completed_at"] == done["updated_at"] > task["updated_at"]
    assert dict(again) == dict(done)
    assert (renamed["completed_at"], renamed["title"]) == (done["completed_at"], "y")
    assert renamed["updated_at"] > done["updated_at"]
    assert (reopened["completed"], reopened["completed_at"]) == (False, None)


async def test_a_task_may_be_completed_from_the_beginning(tasks: TaskService) -> None:
    task = await new(tasks, completed=True)

    assert (task["completed"], task["completed_at"]) == (True, task["created_at"])


async def test_pages_go_from_the_newest_to_the_oldest_and_miss_none(tasks: TaskService) -> None:
    made = [(await new(tasks, title=str(n), completed=n % 2 == 0))["id"] for n in range(7)]
    page = await tasks.list(3, None, {})
    pages = [page]
    while page.next_cursor is not None:
        page = await tasks.list(3, decode_cursor(page.next_cursor), {})
        pages.append(page)

    assert [[row["id"] for row in page.rows] for page in pages] == [made[:3:-1], made[3:0:-1], made[:1]]
    assert await ids(tasks, completed=True) == made[::-2]


async def test_a_page_that_is_full_and_the_last_says_so(tasks: TaskService) -> None:
    for _ in range(2):
        await new(tasks)

    assert (await tasks.list(2, None, {})).next_cursor is None
    assert (await tasks.list(1, None, {})).next_cursor is not None
