"""Recurring tasks: completing one records what was done and moves it on."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.factories.clients import Client
from tests.integration.test_api.answers import TASKS, answered, problem

type Json = dict[str, Any]

DAILY = {"rule": "FREQ=DAILY"}


@pytest.fixture
def today() -> date:
    """The day on which the test runs, which need not be the one on which the run began."""
    return datetime.now(UTC).date()


async def make(client: Client, due: date, **fields: Any) -> Json:
    sent = {"title": "Water the plants", "due_date": str(due), "recurrence": DAILY, **fields}
    task: Json = answered(await client.post(TASKS, json=sent), 201)
    return task


async def post(client: Client, task: Json, what: str) -> Json:
    changed: Json = answered(await client.post(f"{TASKS}/{task['id']}/{what}"))
    return changed


async def complete(client: Client, task: Json, **body: Any) -> Json:
    changed: Json = answered(await client.patch(f"{TASKS}/{task['id']}/complete", json=body))
    return changed


async def occurrences(client: Client, task: Json) -> list[Json]:
    listed: list[Json] = answered(await client.get(f"{TASKS}/{task['id']}/occurrences"))
    return listed


async def test_completing_moves_on_and_records_what_was_done(owner: Client, today: date) -> None:
    task = await make(owner, today, due_time="09:00", time_zone="Europe/Berlin")

    moved = await complete(owner, task)

    assert (moved["completed"], moved["completed_at"]) == (False, None)
    assert moved["due_date"] > str(today)
    assert moved["due_time"] == "09:00:00"
    assert moved["version"] == task["version"] + 1
    (done,) = await occurrences(owner, task)
    assert (done["due_date"], done["due_time"], done["time_zone"]) == (str(today), "09:00:00", "Europe/Berlin")


async def test_what_was_missed_for_a_month_does_not_come_back_in_the_past(owner: Client, today: date) -> None:
    task = await make(owner, today - timedelta(days=31), recurrence={"rule": "FREQ=WEEKLY"})

    moved = await complete(owner, task)

    assert str(today) < moved["due_date"] <= str(today + timedelta(days=7))
    assert date.fromisoformat(moved["due_date"]).weekday() == (today - timedelta(days=31)).weekday()


async def test_the_day_of_completion_is_the_viewers(owner: Client, today: date) -> None:
    answered(await owner.patch("/api/v1/users/me", json={"time_zone": "Pacific/Kiritimati"}))
    task = await make(owner, today - timedelta(days=9), recurrence={"rule": "FREQ=DAILY", "anchor": "completion"})

    moved = await complete(owner, task)

    there = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    assert moved["due_date"] == str(there + timedelta(days=1))


async def test_monthly_on_the_31st_comes_back_to_the_31st(owner: Client) -> None:
    task = await make(owner, date(2031, 1, 31), recurrence={"rule": "FREQ=MONTHLY"})

    dues = [(await complete(owner, task))["due_date"] for _ in range(3)]

    assert dues == ["2031-02-28", "2031-03-31", "2031-04-30"]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    ("due", "rule"),
    [(None, "FREQ=DAILY;UNTIL=99991231T235959Z"), (date(9999, 12, 28), "FREQ=DAILY"), (None, "FREQ=WEEKLY;COUNT=3")],
    ids=["until", "due", "reminders"],
)
async def test_the_end_of_the_calendar_stops_no_task(
    owner: Client, today: date, zone: str, due: date | None, rule: str
) -> None:
    due = due or today
    answered(await owner.patch("/api/v1/users/me", json={"time_zone": zone}))
    reminders = ["9999-12-30T23:00:00Z", "0001-01-02T00:00:00Z"]
    task = await make(owner, due, recurrence={"rule": rule}, reminders=reminders)

    assert (await complete(owner, task))["due_date"] > str(due)
    skipped = await post(owner, task, "skip")
    assert skipped["due_date"] > str(due + timedelta(days=1))
    assert answered(await owner.put(f"{TASKS}/{task['id']}", json={"reminders": skipped["reminders"]})) == skipped


async def test_saying_it_twice_with_the_day_that_was_seen_completes_once(owner: Client, today: date) -> None:
    task = await make(owner, today)

    moved = await complete(owner, task, due_date=str(today))
    assert await complete(owner, task, due_date=str(today)) == moved
    assert len(await occurrences(owner, task)) == 1
    reply = await owner.patch(f"{TASKS}/{task['id']}/complete", json={"due_date": "2020-01-01"})
    problem(reply, 409, "other_occurrence")


async def test_two_who_complete_it_at_once_complete_it_once(owner: Client, today: date) -> None:
    task = await make(owner, today)

    await asyncio.gather(*(complete(owner, task, due_date=str(today)) for _ in range(8)))

    assert len(await occurrences(owner, task)) == 1


async def test_of_many_at_once_each_does_what_it_says(owner: Client) -> None:
    first = date(2031, 1, 1)
    task = await make(owner, first)

    await asyncio.gather(*(complete(owner, task) for _ in range(8)), *(post(owner, task, "skip") for _ in range(8)))

    assert answered(await owner.get(f"{TASKS}/{task['id']}"))["due_date"] == str(first + timedelta(days=16))
    done = [occurrence["due_date"] for occurrence in await occurrences(owner, task)]
    assert len(done) == 8
    assert done == sorted(done, reverse=True)


async def test_undo_brings_back_the_due_the_reminders_and_the_subtasks(owner: Client, today: date) -> None:
    instant = f"{today}T07:00:00Z"
    task = await make(owner, today, reminders=["PT15M", instant])
    done = answered(
        await owner.post(TASKS, json={"title": "Fetch water", "parent_id": task["id"], "completed": True}), 201
    )
    still_open = answered(await owner.post(TASKS, json={"title": "Pour", "parent_id": task["id"]}), 201)

    moved = await complete(owner, task)
    assert moved["reminders"] == ["PT15M", instant.replace(str(today), moved["due_date"])]
    assert not answered(await owner.get(f"{TASKS}/{done['id']}"))["completed"]

    undone = await post(owner, task, "undo")

    assert (undone["due_date"], undone["reminders"]) == (str(today), ["PT15M", instant])
    assert undone["version"] == moved["version"] + 1
    seen = answered(await owner.get(f"{TASKS}/{done['id']}"))
    assert (seen["completed"], seen["completed_at"]) == (True, done["completed_at"])
    assert not answered(await owner.get(f"{TASKS}/{still_open['id']}"))["completed"]
    assert await occurrences(owner, task) == []
    problem(await owner.post(f"{TASKS}/{task['id']}/undo"), 409, "nothing_to_undo")


async def test_the_last_occurrence_completes_the_task_and_its_subtasks(owner: Client, today: date) -> None:
    task = await make(owner, today, recurrence={"rule": "FREQ=DAILY;COUNT=2"})
    child = answered(await owner.post(TASKS, json={"title": "Fetch water", "parent_id": task["id"]}), 201)
    await complete(owner, task)
    problem(await owner.post(f"{TASKS}/{task['id']}/skip"), 409, "series_over")

    over = await complete(owner, task)

    assert over["completed"]
    assert answered(await owner.get(f"{TASKS}/{child['id']}"))["completed"]
    assert len(await occurrences(owner, task)) == 2
    assert await complete(owner, task) == over
    problem(await owner.post(f"{TASKS}/{task['id']}/skip"), 409, "not_recurring")

    undone = await post(owner, task, "undo")
    assert (undone["completed"], undone["due_date"]) == (False, over["due_date"])


async def test_the_occurrence_that_was_seen_is_skipped_once(owner: Client, today: date) -> None:
    task = await make(owner, today + timedelta(days=2))
    address, seen = f"{TASKS}/{task['id']}/skip", {"due_date": task["due_date"]}

    skipped = answered(await owner.post(address, json=seen))
    problem(await owner.post(address, json=seen), 409, "other_occurrence")
    problem(await owner.post(address, json={"when": "later"}), 400, "invalid_input")

    assert skipped["due_date"] == str(today + timedelta(days=3))
    assert answered(await owner.get(f"{TASKS}/{task['id']}")) == skipped


async def test_skipping_moves_on_and_records_nothing(owner: Client, today: date) -> None:
    task = await make(owner, today)

    skipped = await post(owner, task, "skip")

    assert skipped["due_date"] == str(today + timedelta(days=1))
    assert await occurrences(owner, task) == []


async def test_a_change_of_other_fields_may_complete_it_too(owner: Client, today: date) -> None:
    task = await make(owner, today)

    changed = answered(await owner.patch(f"{TASKS}/{task['id']}", json={"completed": True, "title": "Feed the cat"}))

    assert (changed["title"], changed["completed"]) == ("Feed the cat", False)
    assert changed["due_date"] > str(today)


async def test_if_match_is_asked_of_every_step(owner: Client, today: date) -> None:
    task = await make(owner, today)
    await complete(owner, task)
    stale = {"If-Match": f'"{task["version"]}"'}

    for what in ("skip", "undo"):
        problem(await owner.post(f"{TASKS}/{task['id']}/{what}", headers=stale), 412, "version_mismatch")
    problem(await owner.patch(f"{TASKS}/{task['id']}/complete", headers=stale), 412, "version_mismatch")


async def test_occurrences_of_nobodys_task_are_not_there(owner: Client, stranger: Client, today: date) -> None:
    task = await make(stranger, today)

    problem(await owner.get(f"{TASKS}/{task['id']}/occurrences"), 404, "task_not_found")
    for what in ("skip", "undo"):
        problem(await owner.post(f"{TASKS}/{task['id']}/{what}"), 404, "task_not_found")


async def test_whoever_is_late_changes_nothing_below_the_task(owner: Client) -> None:
    for _ in range(5):
        parent = answered(await owner.post(TASKS, json={"title": "Spring cleaning"}), 201)
        child = answered(await owner.post(TASKS, json={"title": "Windows", "parent_id": parent["id"]}), 201)
        path, seen = f"{TASKS}/{parent['id']}", {"If-Match": f'"{parent["version"]}"'}

        changed, completed = await asyncio.gather(
            owner.patch(path, json={"title": "Autumn cleaning"}, headers=seen),
            owner.patch(path, json={"completed": True}, headers=seen),
        )

        assert sorted((changed.status_code, completed.status_code)) == [200, 412]
        below = answered(await owner.get(f"{TASKS}/{child['id']}"))
        assert below["completed"] == (completed.status_code == 200)


async def subtask(client: Client, parent: Json, **fields: Any) -> Json:
    made: Json = answered(await client.post(TASKS, json={"title": "Pour", "parent_id": parent["id"], **fields}), 201)
    return made


async def change(client: Client, task: Json, **fields: Any) -> Json:
    changed: Json = answered(await client.patch(f"{TASKS}/{task['id']}", json=fields))
    return changed


async def is_completed(client: Client, task: Json) -> bool:
    return bool(answered(await client.get(f"{TASKS}/{task['id']}"))["completed"])


async def test_a_recurrence_that_is_sent_back_as_it_is_goes_on(owner: Client) -> None:
    task = await make(owner, date(2031, 1, 31), recurrence={"rule": "FREQ=MONTHLY;COUNT=3"})
    short = await complete(owner, task)
    assert short["due_date"] == "2031-02-28"

    same = await change(owner, task, recurrence={"rule": "rrule:count=3;freq=monthly"})

    assert same == short
    assert (await complete(owner, task))["due_date"] == "2031-03-31"
    assert (await complete(owner, task))["completed"]


async def test_without_a_due_date_nothing_goes_on_recurring(owner: Client, today: date) -> None:
    task = await make(owner, today)

    reply = await owner.patch(f"{TASKS}/{task['id']}", json={"due_date": None, "recurrence": task["recurrence"]})

    assert problem(reply, 400, "invalid_input")["errors"][0]["code"] == "due_date_required"


@pytest.mark.parametrize("fields", [{}, {"title": "Spring cleaning"}, {"title": "Garden"}])
async def test_to_complete_what_is_completed_completes_nothing_below_it(owner: Client, fields: Json) -> None:
    parent = answered(await owner.post(TASKS, json={"title": "Garden"}), 201)
    done = await change(owner, parent, completed=True)
    late = await subtask(owner, parent)

    again = await change(owner, parent, completed=True, **fields)

    assert again["completed_at"] == done["completed_at"]
    assert not await is_completed(owner, late)


async def test_undo_brings_back_the_subtasks_of_the_last_occurrence(owner: Client, today: date) -> None:
    task = await make(owner, today, recurrence={"rule": "FREQ=DAILY;COUNT=1"})
    was_open, was_done = await subtask(owner, task), await subtask(owner, task, completed=True)
    assert (await complete(owner, task))["completed"]

    await post(owner, task, "undo")

    assert not await is_completed(owner, was_open)
    assert answered(await owner.get(f"{TASKS}/{was_done['id']}"))["completed_at"] == was_done["completed_at"]


async def test_undo_opens_what_was_open_and_completes_what_was_done(owner: Client, today: date) -> None:
    task = await make(owner, today)
    was_open, was_done = await subtask(owner, task), await subtask(owner, task, completed=True)
    elsewhere = await subtask(owner, task, completed=True)
    await complete(owner, task)
    for each in (was_open, was_done):
        await change(owner, each, completed=True)
    await change(owner, elsewhere, parent_id=None)
    late = await subtask(owner, task, completed=True)

    await post(owner, task, "undo")

    assert not await is_completed(owner, was_open)
    assert answered(await owner.get(f"{TASKS}/{was_done['id']}"))["completed_at"] == was_done["completed_at"]
    assert not await is_completed(owner, elsewhere)
    assert await is_completed(owner, late)


@pytest.mark.parametrize("recurrence", [None, {"rule": "FREQ=DAILY;COUNT=1"}])
async def test_undo_brings_back_how_the_task_recurred(owner: Client, recurrence: Json | None) -> None:
    task = await make(owner, date(2031, 1, 31), recurrence={"rule": "FREQ=MONTHLY;COUNT=3"})
    await complete(owner, task)
    await change(owner, task, recurrence=recurrence)

    undone = await post(owner, task, "undo")

    assert (undone["due_date"], undone["recurrence"]) == ("2031-01-31", task["recurrence"])
    dues = [(await complete(owner, task))["due_date"] for _ in range(3)]
    assert dues == ["2031-02-28", "2031-03-31", "2031-03-31"]
