"""The proof that a contestant does the same work: each check asks it something and compares what it says and does."""

import asyncio
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from benchmarks.harness import dataset
from benchmarks.harness.api import PATH, token
from benchmarks.harness.contestants import Server

FIELDS = (
    "id", "user_id", "version", "title", "description", "completed", "completed_at", "priority", "due_date",
    "created_at", "updated_at",
)  # fmt: skip
"""Of a task, in the order in which all answer them. Ours answers more: that is more work, not less."""

USER = 2_000
"""Who is asked about, and changed: nobody whom the load asks about. The checks that write have their own."""
REFUSALS = {400, 422}


class Differs(Exception):
    """What a contestant does not do as all others do."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A contestant seen from outside, and its database seen by somebody else."""

    server: Server
    http: httpx.Client
    query: Callable[..., list[Mapping[str, Any]]]

    def ask(
        self, method: str, path: str = "", *, user: int = USER, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """What a user gets for a request below `PATH`."""
        headers = {"Authorization": f"Bearer {token(user)}", **(headers or {})}
        return self.http.request(method, f"{PATH}{path}", headers=headers, **more)

    def row(self, task: str) -> Mapping[str, Any] | None:
        """The task as another connection to the database sees it."""
        rows = self.query("SELECT * FROM tasks WHERE id = $1", UUID(task))
        return rows[0] if rows else None


def differences(server: Server) -> dict[str, str]:
    """Each check, by its name, with what differs: nothing, if all is as it must be."""
    with _probe(server) as probe:
        return {check.__name__: difference(check, probe) for check in CHECKS}


def difference[P](check: Callable[[P], None], probe: P) -> str:
    """What a check finds: nothing, if all is as it must be."""
    try:
        check(probe)
    except (Differs, httpx.HTTPError) as found:
        return str(found)
    except (KeyError, TypeError, ValueError) as error:
        return f"the answer is not what it should be: {error!r}"
    return ""


@contextmanager
def _probe(server: Server) -> Iterator[Probe]:
    with asyncio.Runner() as runner, httpx.Client(base_url=server.url, timeout=30) as client:
        connection = runner.run(asyncpg.connect(server.database.url))

        def query(sql: str, *arguments: Any) -> list[Mapping[str, Any]]:
            return [dict(row) for row in runner.run(connection.fetch(sql, *arguments))]

        try:
            yield Probe(server, client, query)
        finally:
            runner.run(connection.close())


def verified_tokens(probe: Probe) -> None:
    """A token is verified: its signature, that it has not expired, and that it is there."""
    good = token(USER)
    head, claims, signature = good.split(".")
    other_claims = token(USER + 1).split(".")[1]
    bad = {
        "no token": "",
        "a changed signature": f"Bearer {head}.{claims}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}",
        "changed claims": f"Bearer {head}.{other_claims}.{signature}",
        "another key": f"Bearer {dataset.token(USER, secret='x' * 64)}",
        "an expired token": f"Bearer {dataset.token(USER, lifetime=-60)}",
    }
    expect(probe.ask("GET").status_code == 200, "a good token is refused")
    for what, value in bad.items():
        status = probe.ask("GET", headers={"Authorization": value}).status_code
        expect(status == 401, f"{what} gets {status}")
    soon = f"Bearer {dataset.token(USER, lifetime=2)}"
    expect(probe.ask("GET", headers={"Authorization": soon}).status_code == 200, "a token that ends soon is refused")
    time.sleep(2.1)
    status = probe.ask("GET", headers={"Authorization": soon}).status_code
    expect(status == 401, f"a token that was good and has expired gets {status}")


def same_page(probe: Probe) -> None:
    """A list has the same tasks in the same order with the same values."""
    page = probe.ask("GET", "?limit=20")
    _expect_tasks(page.json(), range(dataset.TASKS_EACH), USER)
    expect("next" not in page.links, "there is a next page after the last")


def pages_follow(probe: Probe) -> None:
    """The limit is respected, and Link leads through all pages."""
    seen = []
    response = probe.ask("GET", "?limit=7")
    while True:
        expect(len(response.json()) <= 7, f"a page of 7 has {len(response.json())}")
        seen += response.json()
        if "next" not in response.links:
            break
        address = response.links["next"]["url"]
        response = probe.http.get(address, headers={"Authorization": f"Bearer {token(USER)}"})
    _expect_tasks(seen, range(dataset.TASKS_EACH), USER)
    default = len(probe.ask("GET", user=dataset.BIG_USER).json())
    expect(default == 50, f"without a limit a page has {default}")


def filters(probe: Probe) -> None:
    """`completed` filters."""
    for flag in (True, False):
        answer = probe.ask("GET", f"?limit=20&completed={str(flag).lower()}").json()
        tasks = range(dataset.TASKS_EACH)
        _expect_tasks(answer, [index for index in tasks if dataset.task(USER, index)["completed"] is flag], USER)


def bad_queries(probe: Probe) -> None:
    """Query parameters are parsed: a limit or cursor that is none is refused."""
    for query in ("limit=0", "limit=201", "limit=x", "cursor=x", "completed=x"):
        status = probe.ask("GET", f"?{query}").status_code
        # There is no page at a cursor that is none: so Django REST framework sees it.
        expect(status in REFUSALS | {404 if query == "cursor=x" else 400}, f"{query} gets {status}")


def same_task(probe: Probe) -> None:
    """A task has the same fields with the same values, and an ETag."""
    response = probe.ask("GET", f"/{dataset.task_id(USER, 4)}")
    _expect_task(response.json(), dataset.task(USER, 4))
    expect(response.headers.get("etag") == '"5"', f"its ETag is {response.headers.get('etag')}")


def same_order(probe: Probe) -> None:
    """The fields come in the same order."""
    for task in (*probe.ask("GET", "?limit=2").json(), probe.ask("GET", f"/{dataset.task_id(USER, 4)}").json()):
        expect(tuple(field for field in task if field in FIELDS) == FIELDS, f"it is {', '.join(task)}")


def others_tasks(probe: Probe) -> None:
    """Somebody else's task is not there."""
    theirs = f"/{dataset.task_id(USER + 1, 4)}"
    for method, path, body in (("GET", "", None), ("PATCH", "", {"title": "x"}), ("PATCH", "/complete", {})):
        status = probe.ask(method, theirs + path, json=body).status_code
        expect(status == 404, f"{method} {path} gets {status}")


def creates(probe: Probe) -> None:
    """A task is created with what was sent, and is in the database when the answer comes."""
    sent = {"title": "  Water the plants  ", "description": "All", "priority": "high", "due_date": "2027-03-01"}
    response = probe.ask("POST", json=sent, user=USER + 2)
    expect(response.status_code == 201, f"it gets {response.status_code}")
    task = response.json()
    row = probe.row(task["id"])
    expect(row is not None and row["title"] == "Water the plants", "it is not in the database")
    expect(set(task) >= set(FIELDS), f"its fields are {', '.join(task)}")
    said = {**sent, "title": "Water the plants", "completed": False, "completed_at": None}
    expect({name: task[name] for name in said} == said, f"the answer is {task}")
    expect(UUID(task["id"]).version == 7, "its id is no UUIDv7")
    location = response.headers.get("location", "")
    expect(location.endswith(f"/tasks/{task['id']}"), f"its Location is {location!r}")
    expect(response.headers.get("etag") == f'"{task["version"]}"', "it has no ETag")


def refuses(probe: Probe) -> None:
    """What is sent is validated."""
    bad: list[dict[str, Any]] = [
        {}, {"title": " "}, {"title": "x" * 256}, {"title": "x", "priority": "none at all"},
        {"title": "x", "due_date": "2027-02-30"}, {"title": "x", "unknown": 1},
    ]  # fmt: skip
    for body in bad:
        status = probe.ask("POST", json=body, user=USER + 2).status_code
        expect(status in REFUSALS, f"{body} gets {status}")


def changes(probe: Probe) -> None:
    """A change changes what was sent, counts the version, and honours If-Match."""
    user, before = USER + 3, dataset.task(USER + 3, 4)
    path = f"/{before['id']}"
    task = probe.ask("PATCH", path, json={"title": "Another"}, user=user, headers={"If-Match": '"5"'}).json()
    row = probe.row(task["id"])
    expect(row is not None and row["title"] == "Another", "it is not in the database")
    expect(task["version"] > before["version"], "its version is the same")
    expect(datetime.fromisoformat(task["updated_at"]) > before["updated_at"], "updated_at is the same")
    changed = {"title", "version", "updated_at"}
    _expect_task({k: v for k, v in task.items() if k not in changed}, before, without=changed)
    stale = probe.ask("PATCH", path, json={"title": "Again"}, user=user, headers={"If-Match": '"5"'}).status_code
    expect(stale == 412, f"an old version gets {stale}")


def completes(probe: Probe) -> None:
    """Completing sets `completed_at`, opening clears it, both in the database when the answer comes."""
    user, path = USER + 3, f"/{dataset.task_id(USER + 3, 7)}/complete"
    for flag in (True, False):
        task = probe.ask("PATCH", path, json={"completed": flag}, user=user).json()
        row = probe.row(task["id"])
        expect((task["completed"], task["completed_at"] is not None) == (flag, flag), f"the answer is {task}")
        expect(row is not None and row["completed"] is flag, "it is not in the database")
    expect(probe.ask("PATCH", path, user=user).json()["completed"] is True, "an empty body does not complete")


def durable_writes(probe: Probe) -> None:
    """Writes are durable: fsync is on, and the log is on disk up to its end when the answer comes."""
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        value = probe.query(f"SHOW {setting}")[0][setting]
        expect(value == "on", f"{setting} is {value}")
    on_disk = 0
    for number in range(10):
        probe.ask("POST", json={"title": f"Durable {number}"}, user=USER + 2).raise_for_status()
        # A session may have its own synchronous_commit, which only this shows: nothing waits to be written.
        on_disk += probe.query("SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn() AS all")[0]["all"]
    expect(on_disk >= 8, f"after {10 - on_disk} of 10 answers the log was not on disk")


def access_log(probe: Probe) -> None:
    """Each request has a line in the log."""
    before = _lines(probe)
    for _ in range(20):
        probe.ask("GET", "?limit=1")
    deadline = time.monotonic() + 3
    while (lines := _lines(probe) - before) < 20:
        expect(time.monotonic() < deadline, f"20 requests have {lines} lines")
        time.sleep(0.1)


CHECKS = (
    verified_tokens, same_page, pages_follow, filters, bad_queries, same_task, same_order, others_tasks, creates,
    refuses, changes, completes, durable_writes, access_log,
)  # fmt: skip


def _lines(probe: Probe) -> int:
    return len(re.findall(rb"tasks", probe.server.log.read_bytes()))


def expect(holds: bool, otherwise: str) -> None:
    """Raise `Differs` unless something holds."""
    if not holds:
        raise Differs(otherwise)


def _expect_tasks(answer: list[Mapping[str, Any]], indexes: Sequence[int], user: int) -> None:
    expected = [dataset.task(user, index) for index in reversed(indexes)]
    expect(len(answer) == len(expected), f"there are {len(answer)} tasks and not {len(expected)}")
    for task, row in zip(answer, expected, strict=True):
        _expect_task(task, row)


def _expect_task(task: Mapping[str, Any], row: Mapping[str, Any], without: Collection[str] = ()) -> None:
    fields = {field for field in FIELDS if field not in without}
    expect(set(task) >= fields, f"its fields are {', '.join(task)}")
    for field in fields:
        value = _parsed(task[field], row[field])
        expect(value == row[field], f"{field} is {task[field]!r} and not {row[field]}")


def _parsed(value: Any, like: Any) -> Any:
    """The value of JSON as the type that the database has."""
    match like:
        case UUID():
            return UUID(value)
        case datetime():
            return datetime.fromisoformat(value)
        case date():
            return date.fromisoformat(value)
    return value
