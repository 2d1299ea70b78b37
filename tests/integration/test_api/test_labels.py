"""Labels over HTTP: a name is one label, and what happens to it happens to every task that carries it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from backend.services.labels import ensure
from tests.factories.clients import Client

LABELS = "/api/v1/users/me/labels"
TASKS = "/api/v1/users/me/tasks"


async def new(client: Client, name: str, **fields: Any) -> dict[str, Any]:
    reply = await client.post(LABELS, json={"name": name, **fields})
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


async def carrying(client: Client, *labels: str, trashed: bool = False) -> str:
    """The id of a task that carries the labels."""
    task = (await client.post(TASKS, json={"title": "Water the plants"})).json()
    async with client.app.state.database.begin() as session:
        statement = text("UPDATE tasks SET labels = :labels WHERE user_id = :owner AND id = :id")
        await session.exec(statement, params={"labels": list(labels), "owner": client.user_id, "id": task["id"]})
    if trashed:
        await client.delete(f"{TASKS}/{task['id']}")
    return str(task["id"])


async def carried(client: Client) -> Mapping[str, tuple[Sequence[str], int]]:
    """The labels and the revision of every task."""
    async with client.app.state.database.begin() as session:
        statement = text("SELECT id, labels, revision FROM tasks WHERE user_id = :owner")
        rows = (await session.exec(statement, params={"owner": client.user_id})).all()
    return {str(row.id): (row.labels, row.revision) for row in rows}


async def test_a_label_is_there_for_its_owner_alone(owner: Client, stranger: Client) -> None:
    created = await owner.post(LABELS, json={"name": " garden ", "color": "#2E86DE"})
    label = created.json()

    assert (label["name"], label["color"]) == ("garden", "#2e86de")
    assert (await owner.get(created.headers["location"])).json() == label
    assert (await owner.get(LABELS)).json() == [label]
    assert (await stranger.get(LABELS)).json() == []
    assert (await stranger.get(created.headers["location"])).json()["code"] == "label_not_found"
    # A name is one label of one owner: others have their own.
    await new(stranger, "garden")


@pytest.mark.parametrize("name", ["garden", "GARDEN", "Garden "])
async def test_a_name_is_one_label_in_any_case(owner: Client, name: str) -> None:
    await new(owner, "garden")
    other = await new(owner, "balcony")

    again = await owner.post(LABELS, json={"name": name})
    renamed = await owner.patch(f"{LABELS}/{other['id']}", json={"name": name})

    assert (again.status_code, again.json()["code"]) == (409, "label_exists")
    assert (renamed.status_code, renamed.json()["code"]) == (409, "label_exists")
    assert "merge" in renamed.json()["detail"]
    assert (await owner.get(f"{LABELS}/{other['id']}")).json() == other


async def test_names_are_one_in_any_case_of_any_letter(owner: Client) -> None:
    await new(owner, "ÄRGER")

    again = await owner.post(LABELS, json={"name": "ärger"})

    assert again.status_code == 409


async def test_a_deleted_name_may_be_used_again(owner: Client) -> None:
    label = await new(owner, "garden")
    await owner.delete(f"{LABELS}/{label['id']}")

    await new(owner, "Garden")


async def test_sending_a_create_again_makes_no_second_label(owner: Client) -> None:
    first = await new(owner, "garden")

    again = await owner.post(LABELS, json={"id": first["id"], "name": "garden"})

    assert (again.status_code, again.json()) == (200, first)


async def test_renaming_changes_every_task_that_carries_it(owner: Client, stranger: Client) -> None:
    label = await new(owner, "garden")
    await new(stranger, "garden")
    both = await carrying(owner, "home", "garden", "spring")
    trashed = await carrying(owner, "garden", trashed=True)
    other = await carrying(owner, "gardens")
    theirs = await carrying(stranger, "garden")
    before = await carried(owner)

    renamed = (await owner.patch(f"{LABELS}/{label['id']}", json={"name": "balcony", "color": "#000000"})).json()
    after = await carried(owner)

    assert (renamed["name"], renamed["color"], renamed["id"]) == ("balcony", "#000000", label["id"])
    assert after[both] == (["home", "balcony", "spring"], renamed["version"])
    assert after[trashed] == (["balcony"], renamed["version"])
    assert after[other] == before[other]
    assert (await carried(stranger))[theirs][0] == ["garden"]


async def test_renaming_may_change_capitals_alone(owner: Client) -> None:
    label = await new(owner, "garden")
    task = await carrying(owner, "garden")

    renamed = await owner.patch(f"{LABELS}/{label['id']}", json={"name": "Garden"})

    assert renamed.json()["name"] == "Garden"
    assert (await carried(owner))[task][0] == ["Garden"]


async def test_what_changes_nothing_leaves_the_version(owner: Client) -> None:
    label = await new(owner, "garden", color="#123456")
    task = await carrying(owner, "garden")
    before = await carried(owner)

    for same in ({}, {"name": "garden"}, {"color": "#123456"}, {"name": "garden", "color": "#123456"}):
        assert (await owner.patch(f"{LABELS}/{label['id']}", json=same)).json() == label
    assert (await carried(owner))[task] == before[task]


async def test_a_rename_of_another_version_is_refused(owner: Client) -> None:
    label = await new(owner, "garden")
    task = await carrying(owner, "garden")
    path, late = f"{LABELS}/{label['id']}", {"If-Match": '"999"'}

    replies = [
        await owner.patch(path, json={"name": "balcony"}, headers=late),
        await owner.post(f"{path}/merge", json={"into": (await new(owner, "home"))["id"]}, headers=late),
        await owner.delete(path, headers=late),
    ]

    assert [(reply.status_code, reply.json()["current"]) for reply in replies] == [(412, label)] * 3
    assert (await carried(owner))[task][0] == ["garden"]


async def test_merging_leaves_one_label_once_on_every_task(owner: Client) -> None:
    label, into = await new(owner, "garden"), await new(owner, "outside")
    tasks = {
        "one": await carrying(owner, "garden", "home"),
        "other": await carrying(owner, "outside"),
        "both": await carrying(owner, "home", "garden", "outside"),
        "trashed": await carrying(owner, "garden", trashed=True),
    }

    merged = await owner.post(f"{LABELS}/{label['id']}/merge", json={"into": into["id"]})
    after = await carried(owner)

    assert (merged.status_code, merged.json()) == (200, into)
    assert {name: after[task][0] for name, task in tasks.items()} == {
        "one": ["outside", "home"],
        "other": ["outside"],
        "both": ["home", "outside"],
        "trashed": ["outside"],
    }
    assert (await owner.get(LABELS)).json() == [into]


async def test_merging_asks_for_another_label_of_ones_own(owner: Client, stranger: Client) -> None:
    label = await new(owner, "garden")
    path = f"{LABELS}/{label['id']}/merge"
    theirs, gone = await new(stranger, "outside"), await new(owner, "outside")
    await owner.delete(f"{LABELS}/{gone['id']}")

    faults = [
        (await owner.post(path, json={"into": into})).json()["errors"]
        for into in (theirs["id"], gone["id"], "0192f3c1-c5d6-7e20-8000-6a7b8c9d0e99", label["id"])
    ]

    unknown = [{"field": "into", "code": "not_found", "message": "There is no such label"}]
    assert faults[:3] == [unknown] * 3
    assert faults[3][0]["code"] == "same_label"
    assert (await owner.get(f"{LABELS}/{label['id']}")).json() == label


async def test_deleting_takes_the_label_off_every_task(owner: Client) -> None:
    label = await new(owner, "garden")
    task = await carrying(owner, "home", "garden")
    trashed = await carrying(owner, "garden", trashed=True)

    deleted = await owner.delete(f"{LABELS}/{label['id']}")
    after = await carried(owner)

    assert deleted.status_code == 204
    assert (after[task][0], after[trashed][0]) == (["home"], [])
    assert (await owner.get(f"{LABELS}/{label['id']}")).status_code == 404


async def test_names_become_labels_spelled_as_they_are(owner: Client) -> None:
    lane = owner.app.state.database.fast
    garden = await new(owner, "Garden")

    names = await ensure(lane, owner.user_id, ["home", "GARDEN", "Home", "spring", "garden"])
    again = await ensure(lane, owner.user_id, ["SPRING", "home"])
    labels = (await owner.get(LABELS)).json()

    assert names == ["home", "Garden", "spring"]
    assert again == ["spring", "home"]
    assert sorted(label["name"] for label in labels) == ["Garden", "home", "spring"]
    assert garden in labels
    assert len({label["position"] for label in labels}) == 3
    assert await ensure(lane, owner.user_id, []) == []


async def test_names_that_are_known_take_no_revision(owner: Client) -> None:
    lane = owner.app.state.database.fast
    await ensure(lane, owner.user_id, ["home"])
    label = (await owner.get(LABELS)).json()[0]

    await ensure(lane, owner.user_id, ["Home"])

    assert (await new(owner, "garden"))["version"] == label["version"] + 1


async def test_a_name_made_by_many_at_once_is_one_label(owner: Client) -> None:
    lane = owner.app.state.database.fast
    spellings = ["garden", "Garden", "GARDEN", "gArden"] * 3

    found = await asyncio.gather(*(ensure(lane, owner.user_id, [name, f"{name}s"]) for name in spellings))
    labels = (await owner.get(LABELS)).json()

    assert len(labels) == 2
    assert {tuple(names) for names in found} == {tuple(sorted((label["name"] for label in labels), key=len))}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " "),
        ("name", "x" * 101),
        ("name", None),
        ("color", "red"),
        ("color", "#fff"),
        ("icon", 1),
    ],
)
async def test_what_is_no_label_is_refused_by_name(owner: Client, field: str, value: Any) -> None:
    refused = await owner.post(LABELS, json={"name": "garden", field: value})

    assert refused.status_code == 400
    assert {fault["field"] for fault in refused.json()["errors"]} == {field}
