"""The trash: what was deleted together comes back together."""

from typing import Any
from uuid import uuid4

from tests.factories.clients import Client
from tests.integration.test_api.answers import TASKS, answered, problem

type Json = dict[str, Any]

TRASH = "/api/v1/users/me/trash"


async def make(client: Client, title: str = "Water the plants", **fields: Any) -> Json:
    task: Json = answered(await client.post(TASKS, json={"title": title, **fields}), 201)
    return task


async def delete(client: Client, task: Json) -> None:
    assert (await client.delete(f"{TASKS}/{task['id']}")).status_code == 204


async def titles(client: Client) -> set[str]:
    return {task["title"] for task in answered(await client.get(TASKS))}


async def family(client: Client) -> list[Json]:
    """A task, one below it, and one below that."""
    parent = await make(client, "parent")
    child = await make(client, "child", parent_id=parent["id"])
    return [parent, child, await make(client, "grandchild", parent_id=child["id"])]


async def test_what_was_deleted_is_listed_the_latest_first_and_once(owner: Client) -> None:
    parent, *_ = await family(owner)
    other = await make(owner, "other")
    await delete(owner, parent)
    await delete(owner, other)

    entries = answered(await owner.get(TRASH))
    assert [(entry["id"], entry["kind"], entry["title"], entry["tasks"]) for entry in entries] == [
        (other["id"], "task", "other", 1),
        (parent["id"], "task", "parent", 3),
    ]
    first = await owner.get(TRASH, params={"limit": 1})
    assert answered(first) == entries[:1]
    assert answered(await owner.get(first.links["next"]["url"])) == entries[1:]


async def test_what_was_deleted_together_comes_back_as_it_was(owner: Client) -> None:
    tasks = await family(owner)
    await delete(owner, tasks[0])

    assert answered(await owner.post(f"{TRASH}/{tasks[0]['id']}/restore")) == {"tasks": 3, "projects": 0}

    for task in tasks:
        seen = answered(await owner.get(f"{TASKS}/{task['id']}"))
        assert seen.pop("version") > task.pop("version")
        assert seen.pop("updated_at") > task.pop("updated_at")
        assert seen == task
    assert answered(await owner.get(TRASH)) == []


async def test_what_was_in_the_trash_before_stays_there(owner: Client) -> None:
    parent, child, _ = await family(owner)
    await delete(owner, child)
    await delete(owner, parent)

    assert answered(await owner.post(f"{TRASH}/{parent['id']}/restore"))["tasks"] == 1

    assert await titles(owner) == {"parent"}
    assert answered(await owner.post(f"{TRASH}/{child['id']}/restore"))["tasks"] == 2
    assert answered(await owner.get(f"{TASKS}/{child['id']}"))["parent_id"] == parent["id"]


async def test_what_its_parent_has_left_stands_alone(owner: Client) -> None:
    parent, child, grandchild = await family(owner)
    await delete(owner, child)
    await delete(owner, parent)

    assert answered(await owner.post(f"{TRASH}/{child['id']}/restore"))["tasks"] == 2

    assert answered(await owner.get(f"{TASKS}/{child['id']}"))["parent_id"] is None
    assert answered(await owner.get(f"{TASKS}/{grandchild['id']}"))["parent_id"] == child["id"]


async def test_what_is_purged_is_gone_for_good(owner: Client) -> None:
    parent, child, _ = await family(owner)
    await delete(owner, parent)

    assert (await owner.delete(f"{TRASH}/{parent['id']}")).status_code == 204

    assert answered(await owner.get(TRASH)) == []
    problem(await owner.post(f"{TRASH}/{parent['id']}/restore"), 404, "trashed_not_found")
    again = answered(await owner.post(TASKS, json={"id": child["id"], "title": "anew"}), 201)
    assert again["title"] == "anew"


async def test_only_what_was_deleted_itself_is_in_the_trash(owner: Client, stranger: Client) -> None:
    parent, child, _ = await family(owner)
    theirs = await make(stranger)
    await delete(stranger, theirs)
    await delete(owner, parent)

    for nothing in (child["id"], theirs["id"], str(uuid4())):
        problem(await owner.post(f"{TRASH}/{nothing}/restore"), 404, "trashed_not_found")
        problem(await owner.delete(f"{TRASH}/{nothing}"), 404, "trashed_not_found")
    assert len(answered(await stranger.get(TRASH))) == 1


async def test_what_has_lost_its_project_comes_back_beside_whatever_has_its_place(owner: Client) -> None:
    project = answered(await owner.post("/api/v1/users/me/projects", json={"name": "Garden"}), 201)
    deleted = await make(owner, "deleted", project_id=project["id"])
    await make(owner, "child", parent_id=deleted["id"])
    # To the front, until it has the key that was given in the project: the list will be the same.
    first = await make(owner, "first")
    while first["position"] > deleted["position"]:
        moved = await make(owner, "moved")
        first = answered(await owner.post(f"{TASKS}/{moved['id']}/move", json={"before": first["id"]}))
    assert first["position"] == deleted["position"]
    await delete(owner, deleted)
    assert (await owner.delete(f"/api/v1/users/me/projects/{project['id']}")).status_code == 204

    assert (await owner.delete(f"{TRASH}/{project['id']}")).status_code == 204
    answered(await owner.post(f"{TRASH}/{deleted['id']}/restore"))

    tasks = answered(await owner.get(TASKS))
    assert {"deleted", "child", "first", "moved"} == {task["title"] for task in tasks}
    assert {task["project_id"] for task in tasks} == {None}
    places = [(task["parent_id"], task["position"]) for task in tasks]
    assert len(set(places)) == len(places)


async def test_what_is_restored_after_its_project_has_a_place_for_each(owner: Client) -> None:
    project = answered(await owner.post("/api/v1/users/me/projects", json={"name": "Garden"}), 201)
    parent = await make(owner, "parent", project_id=project["id"])
    children = [await make(owner, title, parent_id=parent["id"]) for title in ("first", "second")]
    await delete(owner, parent)
    assert (await owner.delete(f"/api/v1/users/me/projects/{project['id']}")).status_code == 204

    answered(await owner.post(f"{TRASH}/{parent['id']}/restore"))

    restored = {task["title"]: task for task in answered(await owner.get(TASKS))}
    assert [restored[child["title"]]["position"] for child in children] == [child["position"] for child in children]
    assert {task["project_id"] for task in restored.values()} == {None}
