"""Calendar feeds: what any program that subscribes to the address sees, and until when it does."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import icalendar
import pytest
from dateutil.rrule import rrulestr
from fastapi import FastAPI

from backend.api.scopes import offered
from backend.formats import calendar_feed
from backend.services.feeds import MOST
from tests.factories.applications import running, settings_for
from tests.factories.clients import Client, TokenClient, client_for
from tests.factories.queries import CountQueries
from tests.integration.test_api.answers import LOGOUT, ME, TASKS, answered, lockouts, problem, sql

FEEDS = f"{ME}/feeds"
TITLE = "Water the plants"

type Json = dict[str, Any]


async def subscribe(client: Client) -> Json:
    feed: Json = answered(await client.post(FEEDS, json={"name": "Phone"}), 201)
    return feed


async def make(client: Client, **fields: Any) -> Json:
    task: Json = answered(await client.post(TASKS, json={"title": TITLE, **fields}), 201)
    return task


async def read(anonymous: Client, feed: Json) -> Any:
    """The calendar that a program finds, without a fault. Its library knows no types of what is in it."""
    reply = await anonymous.get(feed["path"])
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/calendar; charset=utf-8"), reply.text
    assert all(len(line) <= 75 for line in reply.content.split(b"\r\n"))
    calendar = icalendar.Calendar.from_ical(reply.content)
    assert isinstance(calendar, icalendar.Calendar)
    assert all(not component.errors for component in calendar.walk())
    return calendar


def starts(calendar: Any, begin: dt.date, end: dt.date) -> list[dt.date]:
    """When events begin from a day to another, as dateutil reads their rules, by their own clocks."""
    return sorted(start for event in calendar.walk("VEVENT") for start in _starts(event, begin, end))


def _starts(event: Any, begin: dt.date, end: dt.date) -> list[dt.date]:
    first = event["DTSTART"].dt
    timed = isinstance(first, dt.datetime)
    at = first if timed else dt.datetime.combine(first, dt.time())
    if "RRULE" not in event:
        return [first]
    after, before = (dt.datetime.combine(day, dt.time(), at.tzinfo) for day in (begin, end))
    found: list[dt.datetime] = rrulestr(event["RRULE"].to_ical().decode(), dtstart=at).between(after, before, inc=True)
    return [*found] if timed else [each.date() for each in found]


async def test_a_feed_shows_what_is_open_and_due(owner: Client, stranger: Client, anonymous: Client) -> None:
    feed = await subscribe(owner)
    await make(stranger, due_date="2027-03-01")
    await make(owner)
    await make(owner, due_date="2027-03-01", completed=True)
    gone = await make(owner, due_date="2027-03-01")
    await owner.delete(f"{TASKS}/{gone['id']}")
    task = await make(
        owner,
        due_date="2027-03-01",
        description="The fern; and, \\ the\nivy",
        labels=["garden", "home"],
        priority="high",
    )

    calendar = await read(anonymous, feed)

    assert calendar["X-WR-CALNAME"] == "Phone"
    (event,) = calendar.walk("VEVENT")
    assert (event["UID"], event["SUMMARY"]) == (f"{task['id']}@donewell", TITLE)
    assert event["DESCRIPTION"] == "The fern; and, \\ the\nivy"
    assert event["CATEGORIES"].cats == ["garden", "home"]
    assert event["PRIORITY"] == 1
    assert event["DTSTART"].dt == dt.date(2027, 3, 1)
    updated = dt.datetime.fromisoformat(task["updated_at"]).replace(microsecond=0)
    assert event["DTSTAMP"].dt == updated


async def test_the_three_kinds_of_due(owner: Client, anonymous: Client) -> None:
    feed = await subscribe(owner)
    await make(owner, due_date="2027-03-01", due_time="09:00", time_zone="America/New_York")
    await make(owner, due_date="2027-03-02", due_time="09:00")
    await make(owner, due_date="2027-03-03")
    rule = {"rule": "FREQ=DAILY"}
    await make(owner, due_date="2027-03-04", due_time="09:00", time_zone="America/New_York", recurrence=rule)

    calendar = await read(anonymous, feed)

    instant, floating, day, recurring = (event["DTSTART"] for event in calendar.walk("VEVENT"))
    assert instant.dt == dt.datetime(2027, 3, 1, 14, tzinfo=dt.UTC)
    assert floating.dt == dt.datetime(2027, 3, 2, 9)  # noqa: DTZ001 - it floats
    assert day.dt == dt.date(2027, 3, 3)
    assert recurring.params["TZID"] == "America/New_York"
    assert [zone["TZID"] for zone in calendar.walk("VTIMEZONE")] == ["America/New_York"]
    # At nine by the clocks there, before and after they change.
    shown = _starts(calendar.walk("VEVENT")[-1], dt.date(2027, 3, 13), dt.date(2027, 3, 16))
    assert [start.astimezone(dt.UTC).hour for start in shown if isinstance(start, dt.datetime)] == [14, 13, 13]


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        ("FREQ=WEEKLY", "2027-03-01", ["03-01", "03-08", "03-15", "03-22", "03-29", "04-05"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "2027-03-01", ["03-01", "03-05", "03-15", "03-19", "03-29", "04-02"]),
        ("FREQ=MONTHLY", "2027-01-31", ["01-31", "02-28", "03-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2027-01-31", ["01-31", "03-31"]),
        ("FREQ=YEARLY", "2024-02-29", ["02-28"]),
        ("FREQ=DAILY;COUNT=3", "2027-03-01", ["03-01", "03-02", "03-03"]),
        ("FREQ=DAILY;UNTIL=20270303", "2027-03-01", ["03-01", "03-02", "03-03"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", "2027-01-29", ["01-29", "02-26", "03-26"]),
        ("FREQ=YEARLY;BYMONTH=1,2", "2027-01-31", ["01-31", "02-28"]),
        ("FREQ=MONTHLY;BYMONTH=1,2", "2027-01-31", ["01-31", "02-28"]),
        ("FREQ=YEARLY;INTERVAL=2;BYMONTH=1,2", "2027-01-31", ["01-31"]),
    ],
)
@pytest.mark.parametrize("timed", [{}, {"due_time": "23:30"}, {"due_time": "23:30", "time_zone": "Europe/Berlin"}])
async def test_what_recurs_is_shown_on_the_days_of_its_series(  # noqa: PLR0917
    owner: Client, anonymous: Client, rule: str, start: str, expected: list[str], timed: Json
) -> None:
    feed = await subscribe(owner)
    await make(owner, due_date=start, recurrence={"rule": rule}, **timed)

    shown = starts(await read(anonymous, feed), dt.date(2027, 1, 1), dt.date(2027, 4, 6))

    assert [f"{day:%m-%d}" for day in shown] == expected


@pytest.mark.parametrize(
    ("rule", "start", "due", "expected"),
    [
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "2027-03-01", "2027-03-09", ["03-09", "03-15", "03-29"]),
        ("FREQ=DAILY;INTERVAL=10", "2027-03-01", "2027-02-20", ["02-20", "03-01", "03-11", "03-21", "03-31"]),
        ("FREQ=WEEKLY;COUNT=3", "2027-03-01", "2027-03-02", ["03-02", "03-08", "03-15"]),
        ("FREQ=WEEKLY;UNTIL=20270308", "2027-03-01", "2027-03-05", ["03-05", "03-08"]),
        ("FREQ=WEEKLY;UNTIL=20270308", "2027-03-01", "2027-03-09", ["03-09"]),
        ("FREQ=MONTHLY", "2027-01-31", "2027-02-03", ["02-03", "02-28", "03-31"]),
        ("FREQ=MONTHLY;INTERVAL=2", "2027-01-31", "2027-01-31", ["01-31", "03-31"]),
    ],
)
@pytest.mark.parametrize("timed", [{}, {"due_time": "23:30"}, {"due_time": "23:30", "time_zone": "Europe/Berlin"}])
async def test_what_was_postponed_is_shown_when_it_is_due_and_then_on_the_days_of_its_series(  # noqa: PLR0917
    owner: Client, anonymous: Client, rule: str, start: str, due: str, expected: list[str], timed: Json
) -> None:
    feed = await subscribe(owner)
    task = await make(owner, due_date=start, recurrence={"rule": rule}, **timed)
    answered(await owner.patch(f"{TASKS}/{task['id']}", json={"due_date": due}))

    calendar = await read(anonymous, feed)

    assert [f"{day:%m-%d}" for day in starts(calendar, dt.date(2027, 1, 1), dt.date(2027, 4, 6))] == expected
    assert len({event["UID"] for event in calendar.walk("VEVENT")}) == len(calendar.walk("VEVENT"))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Phone\r\nX-EVIL:1", b"Phone X-EVIL:1"),
        ("a\rb", b"a b"),
        ("a\u2028b", b"a b"),
        ("a,b;c\\d", b"a\\,b\\;c\\\\d"),
    ],
)
async def test_a_feed_may_have_any_name(owner: Client, anonymous: Client, name: str, written: bytes) -> None:
    feed = answered(await owner.post(FEEDS, json={"name": name}), 201)

    await read(anonymous, feed)

    lines = (await anonymous.get(feed["path"])).content.split(b"\r\n")
    assert {b"NAME:" + written, b"X-WR-CALNAME:" + written} < set(lines)
    assert {line for line in lines if b"\r" in line or b"\n" in line or line.startswith(b"X-EVIL")} == set()


@pytest.mark.parametrize(("zone", "hour"), [("America/New_York", 23), ("Asia/Tokyo", 14)])
async def test_a_series_may_end_with_the_calendar(owner: Client, anonymous: Client, zone: str, hour: int) -> None:
    recurring = {"rule": "FREQ=DAILY;UNTIL=99991231"}
    await make(owner, due_date="2027-03-01", due_time="09:00", time_zone=zone, recurrence=recurring)

    (event,) = (await read(anonymous, await subscribe(owner))).walk("VEVENT")

    assert event["RRULE"]["UNTIL"] == [dt.datetime(9999, 12, 31, hour, 59, 59, tzinfo=dt.UTC)]


async def test_of_what_counts_from_completion_only_the_next_time_is_known(owner: Client, anonymous: Client) -> None:
    feed = await subscribe(owner)
    await make(owner, due_date="2027-03-01", recurrence={"rule": "FREQ=DAILY", "anchor": "completion"})

    assert starts(await read(anonymous, feed), dt.date(2027, 1, 1), dt.date(2027, 4, 1)) == [dt.date(2027, 3, 1)]


async def test_who_has_the_feed_as_it_is_gets_nothing_again(
    owner: Client, anonymous: Client, count_queries: CountQueries
) -> None:
    feed = await subscribe(owner)
    task = await make(owner, due_date="2027-03-01")
    first = await anonymous.get(feed["path"])
    known = {"If-None-Match": f'"else", W/{first.headers["etag"]}'}
    # What a browser would keep or save of it: nothing, and not by its address.
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["content-disposition"] == 'attachment; filename="tasks.ics"'

    with count_queries() as queries:
        again = await anonymous.get(feed["path"], headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert len(queries) == 1

    await owner.patch(f"{TASKS}/{task['id']}", json={"title": "Water the fern"})
    changed = await anonymous.get(feed["path"], headers=known)
    assert (changed.status_code, changed.headers["etag"] == first.headers["etag"]) == (200, False)
    assert "Water the fern" in changed.text
    assert (await anonymous.get(feed["path"], headers={"If-None-Match": "*"})).status_code == 304
    with count_queries() as queries:
        head = await anonymous.head(feed["path"])
    assert (head.status_code, head.content, len(queries)) == (200, b"", 1)
    for name in ("x-request-id", "ratelimit"):
        del head.headers[name], changed.headers[name]
    assert head.headers == changed.headers


async def test_at_an_address_that_is_none_any_more_there_is_what_was_never_there(
    app: FastAPI, owner: Client, stranger: Client, anonymous: Client
) -> None:
    deleted, of_a_locked_out = await subscribe(owner), await subscribe(stranger)
    await owner.delete(f"{FEEDS}/{deleted['id']}")
    await lockouts(app).disable(str(stranger.user_id))
    await lockouts(app).enable(str(stranger.user_id))
    paths = [deleted["path"], of_a_locked_out["path"], f"/feeds/dwf_{'x' * 43}.ics", "/feeds/x.ics"]

    told = []
    for path in paths:
        reply = await anonymous.get(path, headers={"X-Request-ID": "the-same-request"})
        problem(reply, 404, "feed_not_found")
        told.append(reply.content.replace(path.encode(), b""))

    assert len(set(told)) == 1


async def test_a_program_makes_no_address_that_would_outlast_its_token(
    owner: Client, token_client: TokenClient
) -> None:
    client = await token_client(*offered(owner.app))

    problem(await client.post(FEEDS, json={"name": "Window"}), 403, "session_required")


async def test_whoever_is_out_makes_no_feed_in_the_seconds_that_another_process_takes_to_know(
    owner: Client, database_url: str, tmp_path: Path
) -> None:
    """It would be good for ever, where what it was made with was good for seconds."""
    async with running(settings_for(database_url), tmp_path / "other.log") as other, client_for(other) as elsewhere:
        elsewhere.headers["Authorization"] = owner.headers["Authorization"]
        answered(await elsewhere.get(TASKS))
        assert (await owner.post(LOGOUT)).status_code == 204

        problem(await elsewhere.post(FEEDS, json={"name": "Window"}), 401, "token_revoked")

    assert await sql(owner.app, "SELECT 1 FROM feeds WHERE user_id = :id", id=owner.user_id) == []


async def test_the_secret_is_shown_once_and_kept_as_a_hash(app: FastAPI, owner: Client) -> None:
    feed = await subscribe(owner)
    secret = feed["path"].removeprefix("/feeds/").removesuffix(".ics")

    (listed,) = answered(await owner.get(FEEDS))
    assert listed == {name: value for name, value in feed.items() if name != "path"}
    kept = await sql(app, "SELECT to_jsonb(feeds)::text AS row FROM feeds WHERE user_id = :user", user=owner.user_id)
    assert secret not in str(kept)
    assert secret not in (await owner.get(f"{ME}/export")).text


async def test_feeds_are_audited_and_the_secret_is_in_no_log(
    owner: Client, anonymous: Client, logged: Callable[[], list[Json]]
) -> None:
    feed = await subscribe(owner)
    await anonymous.get(feed["path"])
    await owner.delete(f"{FEEDS}/{feed['id']}")
    await anonymous.get(feed["path"])
    await anonymous.get(feed["path"].replace("/feeds/", "/feeds/a"))

    lines = logged()
    assert [line["route"] for line in lines if line["event"] == "request" and not line["user_id"]] == [
        "/feeds/{secret}.ics"
    ] * 3
    assert [line["feed_id"] for line in lines if line["event"] in ("feed.created", "feed.deleted")] == [feed["id"]] * 2
    assert feed["path"].removeprefix("/feeds/").removesuffix(".ics") not in str(lines)
    audited = [(entry["event"], entry["grant_id"]) for entry in answered(await owner.get(f"{ME}/audit"))]
    assert audited[:2] == [("feed.deleted", feed["id"]), ("feed.created", feed["id"])]


async def test_a_user_has_so_many_feeds_at_most(owner: Client) -> None:
    for _ in range(MOST):
        feed = await subscribe(owner)
    problem(await owner.post(FEEDS, json={"name": "One more"}), 409, "too_many_feeds")

    await owner.delete(f"{FEEDS}/{feed['id']}")
    await subscribe(owner)


async def test_many_tasks_are_read_and_written_in_pieces(
    app: FastAPI, owner: Client, anonymous: Client, monkeypatch: pytest.MonkeyPatch, count_queries: CountQueries
) -> None:
    monkeypatch.setattr("backend.services.feeds.MOST_EVENTS", 120)
    feed = await subscribe(owner)
    await sql(
        app,
        "INSERT INTO tasks (user_id, id, revision, title, position, due_date, due_time, time_zone,"
        " recurrence_rule, recurrence_anchor, recurrence_start)"
        " SELECT :user, uuidv7(), 1, 'Task ' || number, 'z' || lpad(number::text, 6, '0'),"
        " date '2027-01-01' + number / 9,"
        " '09:00', CASE WHEN number % 2 = 0 THEN 'Europe/Berlin' ELSE 'Asia/Tokyo' END,"
        " 'FREQ=DAILY', 'due', date '2027-01-01' + number / 9"
        " FROM generate_series(1, 130) AS number",
        user=owner.user_id,
    )

    with count_queries() as queries:
        calendar = await read(anonymous, feed)

    shown = [event["SUMMARY"] for event in calendar.walk("VEVENT")]
    by_due = [task["title"] for task in answered(await owner.get(TASKS, params={"sort": "due", "limit": 100}))]
    assert (shown[:100], len(set(shown))) == (by_due, 120)
    # A zone is told once, before what is at its time.
    assert sorted(zone["TZID"] for zone in calendar.walk("VTIMEZONE")) == ["Asia/Tokyo", "Europe/Berlin"]
    assert len(queries) == 1 + 3
    assert calendar_feed.VERSION == 3
