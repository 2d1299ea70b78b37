"""The life of a task over HTTP, at both base paths."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from tests.factories.clients import Client, Person
from tests.factories.queries import CountQueries
from tests.integration.test_api.answers import ME, PHASE_2_TASKS, TASKS, answered, problem, sql


@pytest.fixture(params=[TASKS, PHASE_2_TASKS])
def path(request: pytest.FixtureRequest) -> str:
    """Both paths at which the mission document's six routes answer."""
    return str(request.param)


async def revision(app: FastAPI, client: Client) -> int:
    """How many changes of the person's rows there have been."""
    (row,) = await sql(app, "SELECT revision FROM revisions WHERE user_id = :owner", owner=client.user_id)
    return int(row["revision"])


async def test_create_answers_the_whole_task(owner: Client, path: str) -> None:
    reply = await owner.post(path, json={"title": "  Water the plants ", "due_date": "2027-03-01"})

    task = answered(reply, 201)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["location"] == f"{path}/{task['id']}"
    assert reply.headers["etag"] == f'"{task["version"]}"'
    assert UUID(task.pop("id")).version == 7
    assert task.pop("created_at") == task.pop("updated_at")
    assert task == {
        "user_id": str(owner.user_id),
        "title": "Water the plants",
        "description": None,
        "completed": False,
        "completed_at": None,
        "priority": "none",
        "start_date": None,
        "due_date": "2027-03-01",
        "due_time": None,
        "time_zone": None,
        "due_at": None,
        "recurrence": None,
        "project_id": None,
        "parent_id": None,
        "position": "l000000000001",
        "labels": [],
        "reminders": [],
        "version": 1,
    }


async def test_create_takes_every_field_a_client_may_set(owner: Client, path: str) -> None:
    fields = {
        "id": str(uuid4()),
        "title": "Pay the rent",
        "description": "by transfer\n\n  not in cash ",
        "completed": True,
        "priority": "high",
        "due_date": "2028-02-29",
    }

    task = answered(await owner.post(path, json=fields), 201)

    assert {name: task[name] for name in fields} == fields
    assert task["completed_at"] == task["created_at"]


async def test_what_was_created_is_at_its_location_byte_for_byte(owner: Client, path: str) -> None:
    created = await owner.post(path, json={"title": "x", "description": "ü"})

    for address in (created.headers["location"], f"{TASKS}/{created.json()['id']}"):
        read = await owner.get(address)
        assert (read.status_code, read.content) == (200, created.content)
        assert read.headers["etag"] == created.headers["etag"]
    listed = await owner.get(path)
    assert listed.content == b"[" + created.content + b"]"


async def test_a_retry_of_create_makes_no_second_task(app: FastAPI, owner: Client, path: str) -> None:
    body = {"id": str(uuid4()), "title": "once"}
    first = await owner.post(path, json=body)

    again = await owner.post(path, json=body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert (again.headers["etag"], again.headers["location"]) == (first.headers["etag"], first.headers["location"])
    assert await revision(app, owner) == 1
    assert len((await owner.get(path)).json()) == 1


async def test_a_retry_of_create_does_not_undo_what_happened_since(owner: Client) -> None:
    body = {"id": str(uuid4()), "title": "first"}
    await owner.post(TASKS, json=body)
    changed = await owner.patch(f"{TASKS}/{body['id']}", json={"title": "second"})

    again = await owner.post(TASKS, json=body)

    assert (again.status_code, again.content) == (200, changed.content)


async def test_the_same_create_sent_several_times_at_once_makes_one_task(owner: Client) -> None:
    body = {"id": str(uuid4()), "title": "once"}

    replies = await asyncio.gather(*(owner.post(TASKS, json=body) for _ in range(4)))

    assert sorted(reply.status_code for reply in replies) == [200, 200, 200, 201]
    assert len({reply.content for reply in replies}) == 1
    assert len((await owner.get(TASKS)).json()) == 1


async def test_two_people_may_choose_the_same_id(owner: Client, stranger: Client) -> None:
    body = {"id": str(uuid4()), "title": "mine"}
    await owner.post(TASKS, json=body)

    theirs = await stranger.post(TASKS, json={**body, "title": "theirs"})

    assert answered(theirs, 201)["title"] == "theirs"
    assert (await owner.get(f"{TASKS}/{body['id']}")).json()["title"] == "mine"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    "changes",
    [
        {"title": "new"},
        {"description": "new"},
        {"description": None},
        {"priority": "low"},
        {"due_date": "2030-01-31"},
        {"due_date": None},
        {"title": "new", "description": None, "priority": "none", "due_date": "2031-01-01"},
    ],
    ids=json.dumps,
)
async def test_update_changes_what_is_sent_and_nothing_else(
    owner: Client, path: str, method: str, changes: dict[str, str | None]
) -> None:
    fields = {"title": "old", "description": "old", "priority": "high", "due_date": "2027-03-01", "completed": True}
    before = answered(await owner.post(path, json=fields), 201)

    reply = await owner.request(method, f"{path}/{before['id']}", json=changes)

    after = answered(reply)
    assert after == {**before, **changes, "version": 2, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert reply.headers["etag"] == '"2"'
    assert (await owner.get(f"{path}/{before['id']}")).content == reply.content


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("PATCH", "", {}),
        ("PUT", "", {}),
        ("PATCH", "", {"title": "same"}),
        ("PUT", "", {"title": " same ", "description": None, "completed": True, "priority": "low", "due_date": None}),
        ("PATCH", "/complete", {"completed": True}),
    ],
    ids=str,
)
async def test_an_update_that_changes_nothing_leaves_no_trace(
    app: FastAPI, owner: Client, method: str, suffix: str, body: dict[str, object]
) -> None:
    fields = {"title": "same", "priority": "low", "completed": True}
    created = await owner.post(TASKS, json=fields)

    reply = await owner.request(method, f"{TASKS}/{created.json()['id']}{suffix}", json=body)

    assert (reply.status_code, reply.content) == (200, created.content)
    assert reply.headers["etag"] == created.headers["etag"]
    assert await revision(app, owner) == 1


async def test_a_deleted_task_is_gone(owner: Client, path: str) -> None:
    task = answered(await owner.post(path, json={"title": "x"}), 201)
    address = f"{path}/{task['id']}"

    reply = await owner.delete(address)

    assert (reply.status_code, reply.content) == (204, b"")
    assert (await owner.get(path)).json() == []
    for method, where, body in [
        ("GET", address, None),
        ("PATCH", address, {"title": "y"}),
        ("PUT", address, {}),
        ("PATCH", f"{address}/complete", None),
        ("DELETE", address, None),
    ]:
        problem(await owner.request(method, where, json=body), 404, "task_not_found")


async def test_the_id_of_a_deleted_task_is_not_given_again(app: FastAPI, owner: Client) -> None:
    body = {"id": str(uuid4()), "title": "x"}
    await owner.post(TASKS, json=body)
    await owner.delete(f"{TASKS}/{body['id']}")

    problem(await owner.post(TASKS, json=body), 409, "id_in_trash")
    assert await revision(app, owner) == 2


async def test_each_change_of_a_persons_tasks_has_a_greater_version(owner: Client) -> None:
    one = answered(await owner.post(TASKS, json={"title": "1"}), 201)
    two = answered(await owner.post(TASKS, json={"title": "2"}), 201)
    done = answered(await owner.patch(f"{TASKS}/{one['id']}/complete"))
    await owner.delete(f"{TASKS}/{two['id']}")
    three = answered(await owner.post(TASKS, json={"title": "3"}), 201)

    assert [task["version"] for task in (one, two, done, three)] == [1, 2, 3, 5]


async def test_changes_made_at_once_all_happen_and_are_told_apart(owner: Client) -> None:
    task = answered(await owner.post(TASKS, json={"title": "x"}), 201)
    address = f"{TASKS}/{task['id']}"
    changes: list[dict[str, str]] = [{"title": "y"}, {"description": "y"}, {"priority": "low"}]

    replies = await asyncio.gather(*(owner.patch(address, json=change) for change in changes))

    assert sorted(answered(reply)["version"] for reply in replies) == [2, 3, 4]
    final = answered(await owner.get(address))
    assert (final["title"], final["description"], final["priority"]) == ("y", "y", "low")


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"title": "theirs"}),
        ("PUT", "", {"title": "theirs"}),
        ("PATCH", "/complete", None),
        ("DELETE", "", None),
    ],
)
async def test_someone_elses_task_looks_like_one_that_never_was(
    person: Person, path: str, method: str, suffix: str, body: dict[str, str] | None
) -> None:
    owner, stranger = await person(), await person()
    task_id = str(uuid4())

    async def ask() -> bytes:
        headers = {"X-Request-ID": "the-same-request"}
        reply = await stranger.request(method, f"{path}/{task_id}{suffix}", json=body, headers=headers)
        problem(reply, 404, "task_not_found")
        return reply.content

    before = await ask()
    created = await owner.post(path, json={"id": task_id, "title": "mine"})
    assert await ask() == before
    assert (await owner.get(f"{path}/{task_id}")).content == created.content


async def test_every_request_is_one_query(owner: Client, count_queries: CountQueries) -> None:
    task = answered(await owner.post(TASKS, json={"title": "x"}), 201)
    address = f"{TASKS}/{task['id']}"

    for method, path, body in [
        ("POST", TASKS, {"title": "y"}),
        ("GET", f"{TASKS}?limit=200&completed=false", None),
        ("GET", address, None),
        ("PATCH", address, {"title": "z", "priority": "low"}),
        ("PATCH", f"{address}/complete", None),
        ("GET", ME, None),
    ]:
        with count_queries() as queries:
            reply = await owner.request(method, path, json=body)
        assert reply.is_success
        assert len(queries) == 1, (method, path, queries)
