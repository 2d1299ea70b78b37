"""What an import makes of what is there: names, ids, depths, and what was deleted; and that a dry run says the same."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from backend.services.move_statements import DEEPEST
from tests.factories.clients import Client
from tests.integration.test_api.answers import ME, TASKS, answered, sql
from tests.integration.test_api.test_transfer import EXPORT, document, taken_in

type Json = dict[str, Any]

PROJECTS, LABELS, FILTERS = f"{ME}/projects", f"{ME}/labels", f"{ME}/filters"


async def dry_then_wet(client: Client, content: bytes, form: str = "json") -> Json:
    """The report of an import, which a dry run has told before word by word."""
    dry = await taken_in(client, content, form, dry_run="true")
    wet = await taken_in(client, content, form)
    assert {**wet, "dry_run": True} == dry
    return wet


def codes(report: Json) -> list[tuple[str, str]]:
    return [(row["field"], row["code"]) for row in report["problems"]]


def counts(created: int = 0, exists: int = 0, skipped: int = 0) -> dict[str, int]:
    return {"created": created, "exists": exists, "skipped": skipped}


async def named(client: Client, path: str) -> list[str]:
    return sorted(row["name"] for row in answered(await client.get(path, params={"limit": 100})))


@pytest.mark.parametrize("tasks", [1, 501])
async def test_tasks_are_in_their_project_though_what_it_stands_in_is_not_in_the_file(
    owner: Client, tasks: int
) -> None:
    home, nowhere = str(uuid4()), str(uuid4())
    content = document(
        projects=[{"id": home, "name": "Home", "parent_id": nowhere}],
        tasks=[{"title": f"Water {number}", "project_id": home} for number in range(tasks)],
    )

    report = await dry_then_wet(owner, content)

    assert (report["losses"], report["tasks"]) == ({"parent": 1}, counts(created=tasks))
    found = answered(await owner.get(TASKS, params={"limit": 100, "project_id": home}))
    assert len(found) == min(tasks, 100)


async def test_labels_are_counted_once_whatever_their_capitals(owner: Client) -> None:
    answered(await owner.post(LABELS, json={"name": "Garden"}), 201)
    content = document(
        labels=[{"id": str(uuid4()), "name": name} for name in ("solo", "SOLO", "garden")],
        tasks=[
            {"title": "Water", "labels": ["Solo", "garden", "new"]},
            {"title": "Feed", "labels": ["NEW", "İ", "i̇"]},
        ],
    )

    report = await dry_then_wet(owner, content)

    names = await named(owner, LABELS)
    assert report["labels"]["created"] == len(names) - 1
    assert {"Garden", "new", "solo"} <= set(names)
    carried = {label for task in answered(await owner.get(TASKS)) for label in task["labels"]}
    assert carried == set(names)


async def test_more_new_labels_than_a_batch_has_items(owner: Client) -> None:
    tasks = [{"title": f"{n}", "labels": [f"label {n}-{m}" for m in range(20)]} for n in range(260)]

    report = await dry_then_wet(owner, document(tasks=tasks))

    assert (report["labels"]["created"], report["tasks"]) == (5_200, counts(created=260))


async def test_the_same_id_in_other_capitals_is_the_same(owner: Client) -> None:
    task_id, child = str(UUID(int=0xABCDEF)), str(uuid4())
    tasks = [
        {"id": child, "title": "The fern", "parent_id": task_id.upper()},
        {"id": task_id, "title": "Water"},
        {"id": task_id.upper(), "title": "Water"},
    ]

    report = await dry_then_wet(owner, document(tasks=tasks))

    assert (report["tasks"], codes(report)) == (counts(created=2, skipped=1), [("id", "duplicate_id")])
    assert answered(await owner.get(f"{TASKS}/{child}"))["parent_id"] == task_id


@pytest.mark.parametrize("kind", ["project", "task"])
async def test_nothing_stands_deeper_than_it_may(owner: Client, kind: str) -> None:
    path, text = {"project": (PROJECTS, "name"), "task": (TASKS, "title")}[kind]
    parent = None
    for depth in range(DEEPEST - 2):
        parent = answered(await owner.post(path, json={text: str(depth), "parent_id": parent}), 201)["id"]
    ids = [str(uuid4()) for _ in range(4)]
    rows = [
        # The file has it at the top; here it stands deep.
        {"id": parent, text: "There already"},
        *({"id": ids[n], text: str(n), "parent_id": ids[n - 1] if n else parent} for n in range(4)),
    ]

    report = await dry_then_wet(owner, document(**{f"{kind}s": rows}))

    assert report[f"{kind}s"] == counts(created=2, exists=1, skipped=2)
    assert codes(report) == [("parent_id", "too_deep"), ("parent_id", "left_out")]


async def test_labels_and_filters_that_were_deleted_come_back(owner: Client) -> None:
    label = answered(await owner.post(LABELS, json={"name": "garden", "color": "#aabbcc"}), 201)
    saved = answered(await owner.post(FILTERS, json={"name": "Soon", "query": "due < tomorrow"}), 201)
    content = (await owner.get(EXPORT)).content
    for path, row in ((LABELS, label), (FILTERS, saved)):
        assert (await owner.delete(f"{path}/{row['id']}")).status_code == 204

    report = await dry_then_wet(owner, content)

    assert (report["labels"], report["filters"]) == (counts(created=1), counts(created=1))
    for path, row in ((LABELS, label), (FILTERS, saved)):
        found = answered(await owner.get(f"{path}/{row['id']}"))
        served = {"version", "updated_at", "position"}
        assert {name: found[name] for name in found if name not in served} == {
            name: row[name] for name in row if name not in served
        }
        assert found["version"] > row["version"]
    assert (await dry_then_wet(owner, content))["labels"] == counts(exists=1)


async def test_what_was_undone_is_told_as_such(owner: Client) -> None:
    weekly = {"title": "Water", "due_date": "2027-03-01", "recurrence": {"rule": "FREQ=WEEKLY"}}
    task = answered(await owner.post(TASKS, json=weekly), 201)["id"]
    answered(await owner.patch(f"{TASKS}/{task}/complete", json={}))
    content = (await owner.get(EXPORT)).content
    answered(await owner.post(f"{TASKS}/{task}/undo"))

    report = await dry_then_wet(owner, content)

    assert (report["occurrences"], codes(report)) == (counts(skipped=1), [("id", "undone")])


async def test_a_task_is_there_though_what_it_stood_in_is_in_the_trash(owner: Client) -> None:
    parent = answered(await owner.post(TASKS, json={"title": "Garden"}), 201)["id"]
    child = answered(await owner.post(TASKS, json={"title": "Water", "parent_id": parent}), 201)["id"]
    content = (await owner.get(EXPORT)).content
    answered(await owner.patch(f"{TASKS}/{child}", json={"parent_id": None}))
    await owner.delete(f"{TASKS}/{parent}")

    report = await dry_then_wet(owner, content)

    assert (report["tasks"], codes(report)) == (counts(exists=1, skipped=1), [("id", "in_trash")])


@pytest.mark.parametrize("form", ["ics", "csv"])
async def test_a_project_that_a_file_only_names_is_the_one_of_that_name(
    owner: Client, stranger: Client, form: str
) -> None:
    mine = answered(await owner.post(PROJECTS, json={"name": "Home"}), 201)["id"]
    for name in ("HOME", "Away"):
        project = answered(await stranger.post(PROJECTS, json={"name": name}), 201)["id"]
        answered(await stranger.post(TASKS, json={"title": f"Water at {name}", "project_id": project}), 201)
    content = (await stranger.get(EXPORT, params={"format": form})).content

    report = await dry_then_wet(owner, content, form)

    assert report["projects"] == counts(created=1, exists=1)
    assert await named(owner, PROJECTS) == ["Away", "Home"]
    found = {task["title"]: task["project_id"] for task in answered(await owner.get(TASKS))}
    assert found["Water at HOME"] == mine
    assert (await dry_then_wet(owner, content, form))["projects"] == counts(exists=2)


async def test_the_first_and_the_last_of_all_ids_are_exported(app: FastAPI, owner: Client) -> None:
    ids = [str(UUID(int=0)), str(UUID(int=2**128 - 1))]
    await taken_in(owner, document(tasks=[{"id": each, "title": "Water"} for each in ids]))

    told = answered(await owner.get(EXPORT))["tasks"]

    assert [task["id"] for task in told] == ids
    assert await sql(app, "SELECT 1 FROM tasks WHERE user_id = :user", user=owner.user_id)
