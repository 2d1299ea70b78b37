"""Quick add: a sentence becomes a task, and the answer tells which words were taken for what."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from tests.factories.clients import Client
from tests.factories.queries import CountQueries
from tests.integration.test_api.answers import ME, TASKS, answered, faults, problem, sql

QUICK = f"{TASKS}/quick"

type Json = dict[str, Any]


async def project(app: FastAPI, client: Client, name: str, **others: Any) -> str:
    """A project of the client's; gives its id."""
    values = {"user_id": client.user_id, "id": uuid4(), "name": name, "position": uuid4().hex, **others}
    names = ", ".join(values)
    await sql(
        app,
        f"INSERT INTO projects ({names}, revision) VALUES ({', '.join(f':{each}' for each in values)}, 1)",
        **values,
    )
    return str(values["id"])


async def test_a_sentence_becomes_a_task(app: FastAPI, owner: Client) -> None:
    home = await project(app, owner, "Home")
    text = "Pay rent every 1st at 9am #home @bank !high"

    reply = await owner.post(QUICK, json={"text": text})

    answer = answered(reply, 201)
    task = answer["task"]
    assert (task["title"], task["priority"], task["labels"], task["project_id"]) == ("Pay rent", "high", ["bank"], home)
    assert task["recurrence"] == {"rule": "FREQ=MONTHLY;BYMONTHDAY=1", "anchor": "due"}
    assert (task["due_date"][-2:], task["due_time"], task["time_zone"]) == ("01", "09:00:00", None)
    assert answer["said"] == {name: task[name] for name in answer["said"]}
    assert [(taken["text"], taken["meaning"]) for taken in answer["taken"]] == [
        ("every 1st at 9am", "when"),
        ("#home", "project"),
        ("@bank", "label"),
        ("!high", "priority"),
    ]
    assert all(text[taken["start"] : taken["end"]] == taken["text"] for taken in answer["taken"])
    assert answered(await owner.get(f"{TASKS}/{task['id']}")) == task


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue"])
async def test_a_day_is_that_of_whoever_says_it(owner: Client, zone: str) -> None:
    answered(await owner.patch(ME, json={"time_zone": zone}))
    before = datetime.now(ZoneInfo(zone)).date()

    task = answered(await owner.post(QUICK, json={"text": "Call mum tomorrow"}), 201)["task"]

    after = datetime.now(ZoneInfo(zone)).date()
    assert task["due_date"] in {str(day + timedelta(days=1)) for day in (before, after)}


async def test_a_dry_run_makes_nothing(owner: Client) -> None:
    answer = answered(await owner.post(QUICK, json={"text": "Call mum 2027-03-01 !low", "dry_run": True}))

    assert answer["task"] is None
    assert (answer["said"]["title"], answer["said"]["due_date"], answer["said"]["priority"]) == (
        "Call mum",
        "2027-03-01",
        "low",
    )
    assert answered(await owner.get(TASKS)) == []


async def test_a_retry_makes_no_second_task(owner: Client) -> None:
    body = {"id": str(uuid4()), "text": "Call mum tomorrow"}
    first = answered(await owner.post(QUICK, json=body), 201)

    assert answered(await owner.post(QUICK, json=body)) == first

    await owner.delete(f"{TASKS}/{body['id']}")
    problem(await owner.post(QUICK, json=body), 409, "id_in_trash")


async def test_a_project_is_never_guessed_nor_made(app: FastAPI, owner: Client, stranger: Client) -> None:
    await project(app, stranger, "home")
    await project(app, owner, "home", archived=True)
    for _ in range(2):
        await project(app, owner, "Garden")

    for text, code in (("Mow #home", "project_not_found"), ("Mow #GARDEN", "project_ambiguous")):
        for dry_run in (False, True):
            reply = await owner.post(QUICK, json={"text": text, "dry_run": dry_run})
            assert [(error["field"], error["code"]) for error in problem(reply, 400)["errors"]] == [("text", code)]
    assert answered(await owner.get(TASKS)) == []
    assert answered(await owner.post(QUICK, json={"text": "Mow \\#home"}), 201)["task"]["title"] == "Mow #home"


async def test_what_would_leave_no_title_is_the_title(owner: Client) -> None:
    answer = answered(await owner.post(QUICK, json={"text": "#home tomorrow"}), 201)

    assert (answer["task"]["title"], answer["taken"]) == ("#home tomorrow", [])


@pytest.mark.parametrize(
    "text", ["", "  ", "x" * 256, f"Call @{'x' * 101}", f"Call {' '.join(f'@l{n}' for n in range(51))}", "x" * 1001]
)
async def test_what_is_no_task_is_refused_on_the_sentence(owner: Client, text: str) -> None:
    assert set(faults(await owner.post(QUICK, json={"text": text}))) == {"text"}


async def test_it_takes_three_statements_at_most(app: FastAPI, owner: Client, count_queries: CountQueries) -> None:
    await project(app, owner, "home")
    body = {"id": str(uuid4()), "text": "Call mum tomorrow #home @family"}

    for _ in range(2):
        with count_queries() as queries:
            assert (await owner.post(QUICK, json=body)).is_success
        assert len(queries) == 3, queries
