"""Projects over HTTP: what they are, and what their deletion takes along."""

from typing import Any
from uuid import uuid4

import pytest

from tests.factories.clients import Client

PROJECTS = "/api/v1/users/me/projects"
TASKS = "/api/v1/users/me/tasks"
TRASH = "/api/v1/users/me/trash"


async def new(client: Client, path: str, **fields: Any) -> dict[str, Any]:
    reply = await client.post(path, json=fields)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


async def test_a_project_is_there_for_its_owner_alone(owner: Client, stranger: Client) -> None:
    created = await owner.post(PROJECTS, json={"name": " Home ", "color": "#2E86DE"})
    project = created.json()

    assert (project["name"], project["color"], project["archived"], project["parent_id"]) == (
        "Home",
        "#2e86de",
        False,
        None,
    )
    assert (await owner.get(created.headers["location"])).json() == project
    assert (await owner.get(PROJECTS)).json() == [project]
    assert (await stranger.get(PROJECTS)).json() == []
    assert (await stranger.get(created.headers["location"])).json()["code"] == "project_not_found"
    for method in ("patch", "put"):
        changed = await owner.request(method, created.headers["location"], json={"name": method})
        assert (changed.json()["name"], changed.json()["color"]) == (method, "#2e86de")


async def test_archived_projects_can_be_listed_apart(owner: Client) -> None:
    used = await new(owner, PROJECTS, name="used")
    archived = await new(owner, PROJECTS, name="archived", archived=True)

    assert (await owner.get(PROJECTS)).json() == [archived, used]
    assert (await owner.get(PROJECTS, params={"archived": "true"})).json() == [archived]
    assert (await owner.get(PROJECTS, params={"archived": "false"})).json() == [used]


@pytest.mark.parametrize("trashed", [False, True])
async def test_a_parent_has_to_be_there_for_its_owner(owner: Client, stranger: Client, *, trashed: bool) -> None:
    parent = await new(owner if trashed else stranger, PROJECTS, name="parent")
    if trashed:
        await owner.delete(f"{PROJECTS}/{parent['id']}")

    refused = await owner.post(PROJECTS, json={"name": "x", "parent_id": parent["id"]})

    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {"field": "parent_id", "code": "not_found", "message": "There is no such project"}
    ]
    assert (await owner.get(PROJECTS)).json() == []


async def test_sending_a_create_again_makes_no_second_project(owner: Client) -> None:
    parent = await new(owner, PROJECTS, name="parent")
    first = await new(owner, PROJECTS, name="first", parent_id=parent["id"])

    again = await owner.post(PROJECTS, json={"id": first["id"], "name": "again", "parent_id": parent["id"]})

    assert (again.status_code, again.json()) == (200, first)


async def test_it_may_be_sent_again_when_the_parent_has_gone_and_the_project_has_not(owner: Client) -> None:
    parent = await new(owner, PROJECTS, name="parent")
    sent = {"id": str(uuid4()), "name": "Home", "parent_id": parent["id"]}
    await new(owner, PROJECTS, **sent)
    moved = await owner.post(f"{PROJECTS}/{sent['id']}/move", json={"parent_id": None})
    await owner.delete(f"{PROJECTS}/{parent['id']}")

    again = await owner.post(PROJECTS, json=sent)

    assert (again.status_code, again.json()) == (200, moved.json())
    await owner.delete(f"{PROJECTS}/{sent['id']}")
    assert (await owner.post(PROJECTS, json=sent)).json()["code"] == "id_in_trash"


async def test_deleting_takes_along_what_is_in_it_and_restoring_brings_it_back(owner: Client, stranger: Client) -> None:
    outer = await new(owner, PROJECTS, name="outer")
    inner = await new(owner, PROJECTS, name="inner", parent_id=outer["id"])
    gone = await new(owner, PROJECTS, name="gone", parent_id=outer["id"])
    other = await new(owner, PROJECTS, name="other")
    theirs = await new(stranger, PROJECTS, name="theirs")
    task = await new(owner, TASKS, title="task", project_id=outer["id"])
    subtask = await new(owner, TASKS, title="subtask", parent_id=task["id"])
    within = await new(owner, TASKS, title="within", project_id=inner["id"])
    before = await new(owner, TASKS, title="before", project_id=inner["id"])
    in_gone = await new(owner, TASKS, title="in gone", project_id=gone["id"])
    elsewhere = [
        await new(owner, TASKS, title="elsewhere"),
        await new(owner, TASKS, title="in other", project_id=other["id"]),
    ]
    await owner.delete(f"{TASKS}/{before['id']}")
    await owner.delete(f"{PROJECTS}/{gone['id']}")

    deleted = await owner.delete(f"{PROJECTS}/{outer['id']}")
    left = (await owner.get(TASKS)).json()
    trash = {entry["id"]: entry["tasks"] for entry in (await owner.get(TRASH)).json()}
    restored = await owner.post(f"{TRASH}/{outer['id']}/restore")

    assert deleted.status_code == 204
    assert [each["id"] for each in left] == [each["id"] for each in reversed(elsewhere)]
    assert trash == {outer["id"]: 3, gone["id"]: 1, before["id"]: 1}
    assert (restored.json()["tasks"], restored.json()["projects"]) == (3, 2)
    assert {each["id"] for each in (await owner.get(TASKS)).json()} == {
        each["id"] for each in (*elsewhere, task, subtask, within)
    }
    assert {each["id"]: each["parent_id"] for each in (await owner.get(PROJECTS)).json()} == {
        outer["id"]: None,
        inner["id"]: outer["id"],
        other["id"]: None,
    }
    assert in_gone["id"] not in {each["id"] for each in (await owner.get(TASKS)).json()}
    assert (await stranger.get(PROJECTS)).json() == [theirs]


async def test_a_delete_of_another_version_is_refused(owner: Client) -> None:
    project = await new(owner, PROJECTS, name="Home")

    late = await owner.delete(f"{PROJECTS}/{project['id']}", headers={"If-Match": '"99"'})

    assert (late.status_code, late.json()["current"]) == (412, project)
    assert (await owner.get(PROJECTS)).json() == [project]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 256),
        ("color", "#12345"),
        ("archived", "yes"),
        ("parent_id", "1"),
        ("position", "a"),
    ],
)
async def test_what_is_no_project_is_refused_by_name(owner: Client, field: str, value: Any) -> None:
    refused = await owner.post(PROJECTS, json={"name": "Home", field: value})

    assert refused.status_code == 400
    assert {fault["field"] for fault in refused.json()["errors"]} == {field}
