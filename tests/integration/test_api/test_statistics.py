"""Statistics: counts by state, what was done on which day, and for how many days in a row."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from tests.factories.clients import Client
from tests.integration.test_api.answers import ME, TASKS, answered, faults, sql

STATISTICS = f"{ME}/statistics"

type Json = dict[str, Any]


async def statistics(client: Client, **query: Any) -> Json:
    found: Json = answered(await client.get(STATISTICS, params=query))
    return found


async def make(client: Client, **fields: Any) -> str:
    return str(answered(await client.post(TASKS, json={"title": "Water the plants", **fields}), 201)["id"])


async def done_at(app: FastAPI, client: Client, *instants: datetime) -> None:
    """Tasks that were completed at these instants."""
    for instant in instants:
        task_id = await make(client, completed=True)
        statement = "UPDATE tasks SET completed_at = :instant WHERE user_id = :user AND id = :id"
        await sql(app, statement, instant=instant, user=client.user_id, id=UUID(task_id))


def local(days_ago: int, clock: str, zone: str = "UTC") -> datetime:
    """A time of day so many days ago, as clocks of a zone show it."""
    day = datetime.now(ZoneInfo(zone)).date() - timedelta(days=days_ago)
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone))


async def test_somebody_new_has_done_nothing_yet(owner: Client) -> None:
    found = await statistics(owner, days=3)

    today = datetime.now(UTC).date()
    assert found == {
        "today": str(today),
        "time_zone": "UTC",
        "open": 0,
        "completed": 0,
        "overdue": 0,
        "due_today": 0,
        "trashed": 0,
        "completed_per_day": [{"date": str(today - timedelta(days=ago)), "completed": 0} for ago in (2, 1, 0)],
        "current_streak": 0,
        "longest_streak": 0,
    }
    assert len((await statistics(owner))["completed_per_day"]) == 30


async def test_a_task_is_counted_by_its_state(owner: Client, stranger: Client) -> None:
    today = datetime.now(UTC).date()
    await make(stranger)
    await make(owner)
    await make(owner, due_date=str(today))
    await make(owner, due_date=str(today - timedelta(days=1)))
    await make(owner, due_date=str(today), due_time="00:00", time_zone="UTC")
    await make(owner, due_date=str(today), completed=True)
    await make(owner, due_date=str(today - timedelta(days=1)), completed=True)
    for completed in (False, True):
        await owner.delete(f"{TASKS}/{await make(owner, due_date=str(today), completed=completed)}")

    found = await statistics(owner)

    counts = {name: found[name] for name in ("open", "completed", "overdue", "due_today", "trashed")}
    assert counts == {"open": 4, "completed": 2, "overdue": 2, "due_today": 2, "trashed": 2}
    assert found["completed_per_day"][-1] == {"date": str(today), "completed": 2}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue", "Asia/Kathmandu", "UTC"])
async def test_today_is_the_viewers(owner: Client, zone: str) -> None:
    answered(await owner.patch(ME, json={"time_zone": zone}))
    today = datetime.now(ZoneInfo(zone)).date()
    for days in (-1, 0, 1):
        await make(owner, due_date=str(today + timedelta(days=days)))
        await make(owner, due_date=str(today + timedelta(days=days)), due_time="23:59")
        await make(owner, due_date=str(today + timedelta(days=days)), due_time="00:00")
    # At the same instant as the beginning and the end of that day, by other clocks.
    for days in (0, 1):
        midnight = datetime.combine(today + timedelta(days=days), datetime.min.time(), ZoneInfo(zone))
        there = midnight.astimezone(ZoneInfo("America/St_Johns"))
        await make(owner, due_date=str(there.date()), due_time=f"{there:%H:%M}", time_zone="America/St_Johns")

    found = await statistics(owner)

    assert (found["today"], found["time_zone"], found["due_today"]) == (str(today), zone, 4)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
async def test_what_was_done_is_done_on_the_viewers_day(app: FastAPI, owner: Client, zone: str) -> None:
    answered(await owner.patch(ME, json={"time_zone": zone}))
    await done_at(app, owner, local(2, "00:00", zone), local(2, "23:59:59.999999", zone), local(1, "00:00", zone))

    found = await statistics(owner, days=4)

    assert [day["completed"] for day in found["completed_per_day"]] == [0, 2, 1, 0]
    assert (found["current_streak"], found["longest_streak"]) == (2, 2)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", date(2026, 3, 29)),
        ("Europe/Berlin", date(2026, 10, 25)),
        ("Australia/Lord_Howe", date(2026, 4, 5)),
        ("America/Santiago", date(2026, 9, 6)),  # which begins at one o'clock
    ],
)
async def test_a_streak_goes_on_over_a_change_of_clocks(app: FastAPI, owner: Client, zone: str, day: date) -> None:
    answered(await owner.patch(ME, json={"time_zone": zone}))
    instants = [
        datetime.combine(day + timedelta(days=days), time.fromisoformat(clock), ZoneInfo(zone))
        for days, clock in ((-1, "23:45"), (0, "03:30"), (0, "23:45"), (1, "00:15"))
    ]
    await done_at(app, owner, *instants)

    assert (await statistics(owner))["longest_streak"] == 3


async def test_a_streak_may_go_on_today_and_ends_with_a_day_without(app: FastAPI, owner: Client) -> None:
    await done_at(app, owner, *(local(days, "12:00") for days in (9, 8, 7, 6, 3, 2, 1, 1)))
    found = await statistics(owner)
    assert (found["current_streak"], found["longest_streak"]) == (3, 4)

    await make(owner, completed=True)
    found = await statistics(owner)
    assert (found["current_streak"], found["longest_streak"]) == (4, 4)


async def test_a_streak_that_ended_the_day_before_yesterday_is_over(app: FastAPI, owner: Client) -> None:
    await done_at(app, owner, local(3, "12:00"), local(2, "12:00"))

    found = await statistics(owner)

    assert (found["current_streak"], found["longest_streak"]) == (0, 2)


async def test_each_time_that_a_recurring_task_is_done_counts_once(owner: Client) -> None:
    today = datetime.now(UTC).date()
    rule = {"rule": "FREQ=DAILY;COUNT=3"}
    task = f"{TASKS}/{await make(owner, due_date=str(today), recurrence=rule)}"
    for times in (1, 2):
        await owner.patch(f"{task}/complete")
        found = await statistics(owner, days=1)
        assert (found["completed_per_day"][0]["completed"], found["open"]) == (times, 1)

    await owner.patch(f"{task}/complete")
    found = await statistics(owner, days=1)
    assert (found["completed_per_day"][0]["completed"], found["open"], found["completed"]) == (3, 0, 1)

    await owner.post(f"{task}/undo")
    assert (await statistics(owner, days=1))["completed_per_day"][0]["completed"] == 2

    await owner.delete(task)
    assert (await statistics(owner, days=1))["completed_per_day"][0]["completed"] == 0


@pytest.mark.parametrize("days", ["0", "367", "x", "1.0"])
async def test_of_how_many_days_is_bounded(owner: Client, days: str) -> None:
    assert faults(await owner.get(STATISTICS, params={"days": days})) == ["days"]
