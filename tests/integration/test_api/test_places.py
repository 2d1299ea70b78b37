"""A change of where a task stands: what is sent of it, like every other field."""

from typing import Any

import pytest

from tests.factories.clients import Client
from tests.integration.test_api.answers import TASKS, answered, problem

type Json = dict[str, Any]

PROJECTS = "/api/v1/users/me/projects"
methods = pytest.mark.parametrize("method", ["PATCH", "PUT"])


async def make(client: Client, title: str, **fields: Any) -> Json:
    task: Json = answered(await client.post(TASKS, json={"title": title, **fields}), 201)
    return task


async def project(client: Client, name: str = "Garden") -> str:
    return str(answered(await client.post(PROJECTS, json={"name": name}), 201)["id"])


async def change(client: Client, task: Json, **changes: Any) -> Json:
    changed: Json = answered(await client.patch(f"{TASKS}/{task['id']}", json=changes))
    return changed


@methods
async def test_a_task_goes_to_a_project_with_its_subtasks_and_what_else_is_new(owner: Client, method: str) -> None:
    garden = await project(owner)
    there = await make(owner, "there", project_id=garden)
    task = await make(owner, "task")
    child = await make(owner, "child", parent_id=task["id"])

    body = {"project_id": garden, "title": "Water", "labels": ["plants"], "completed": True}
    moved = answered(await owner.request(method, f"{TASKS}/{task['id']}", json=body))

    assert (moved["project_id"], moved["title"], moved["labels"]) == (garden, "Water", ["plants"])
    assert moved["completed"]
    assert moved["position"] > there["position"]
    below = answered(await owner.get(f"{TASKS}/{child['id']}"))
    assert (below["project_id"], below["parent_id"], below["completed"]) == (garden, task["id"], True)


@methods
async def test_what_is_there_already_is_no_change(owner: Client, method: str) -> None:
    garden = await project(owner)
    parent = await make(owner, "parent", project_id=garden)
    child = await make(owner, "child", parent_id=parent["id"])
    await make(owner, "sibling", parent_id=parent["id"])

    for body in (
        {"project_id": garden},
        {"parent_id": parent["id"]},
        {"project_id": garden, "parent_id": parent["id"]},
    ):
        same = answered(await owner.request(method, f"{TASKS}/{child['id']}", json=body))
        assert same == child
    sent = {name: child[name] for name in ("title", "project_id", "parent_id", "due_date", "labels")}
    assert answered(await owner.request(method, f"{TASKS}/{child['id']}", json=sent)) == child


async def test_a_task_becomes_a_subtask_and_comes_out_again(owner: Client) -> None:
    garden = await project(owner)
    parent, task = await make(owner, "parent", project_id=garden), await make(owner, "task")

    below = await change(owner, task, parent_id=parent["id"])
    assert (below["parent_id"], below["project_id"]) == (parent["id"], garden)
    assert (await change(owner, task, parent_id=None))["project_id"] == garden
    inbox = await change(owner, task, project_id=None)
    assert (inbox["parent_id"], inbox["project_id"]) == (None, None)


async def test_what_cannot_be_is_refused_and_nothing_is_changed(owner: Client, stranger: Client) -> None:
    parent = await make(owner, "parent")
    child = await make(owner, "child", parent_id=parent["id"])
    theirs = {"project_id": await project(stranger), "parent_id": (await make(stranger, "theirs"))["id"]}

    reply = await owner.patch(f"{TASKS}/{parent['id']}", json={"parent_id": child["id"], "title": "x"})
    problem(reply, 409, "into_itself")
    for field, value in theirs.items():
        fault = {"field": field, "code": "not_found"}
        reply = await owner.patch(f"{TASKS}/{parent['id']}", json={field: value, "title": "x", "labels": ["new"]})
        assert [{name: one[name] for name in fault} for one in problem(reply, 400, "invalid_input")["errors"]] == [
            fault
        ]
    elsewhere = {"project_id": await project(owner), "parent_id": parent["id"]}
    reply = await owner.patch(f"{TASKS}/{child['id']}", json=elsewhere)
    assert problem(reply, 400, "invalid_input")["errors"][0]["code"] == "not_of_parent"
    late = await owner.patch(f"{TASKS}/{child['id']}", json={"parent_id": None}, headers={"If-Match": '"1"'})
    problem(late, 412, "version_mismatch")

    assert answered(await owner.get(f"{TASKS}/{parent['id']}")) == parent
    assert answered(await owner.get(f"{TASKS}/{child['id']}")) == child
    assert answered(await owner.get("/api/v1/users/me/labels")) == []
