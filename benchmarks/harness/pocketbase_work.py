"""The proof that PocketBase does the same work, as far as it goes: its words differ, the tasks must not."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.contestants.pocketbase import setup
from benchmarks.harness import dataset, pocketbase
from benchmarks.harness.contestants import Server
from benchmarks.harness.same_work import USER, difference, expect

SAME = ("title", "version", "completed", "priority")
"""What has the same name and the same form there."""


@dataclass(frozen=True, slots=True)
class Probe:
    """PocketBase seen from outside, and its file seen by somebody else."""

    http: httpx.Client
    file: Path

    def row(self, record: str) -> tuple[str, int, bool]:
        """Title, version and completion of a task as another connection to the database sees it."""
        database = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)
        try:
            sql = "SELECT title, version, completed FROM tasks WHERE id = ?"
            title, version, completed = database.execute(sql, (record,)).fetchone()
        finally:
            database.close()
        return title, int(version), bool(completed)


def differences(server: Server) -> dict[str, str]:
    """Each check, by its name, with what differs: nothing, if all is as it must be."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        probe = Probe(client, server.database.data_dir / "data" / "data.db")
        return {check.__name__: difference(check, probe) for check in CHECKS}


def verified_tokens(probe: Probe) -> None:
    """A token is verified. Without a good one there are no tasks; PocketBase says so with an empty list."""
    head, claims, signature = pocketbase.token(USER).split(".")
    changed = f"{head}.{claims}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    expired = setup.token(pocketbase.template(), USER, lifetime=-60)
    for what, token in {"no token at all": "none", "a changed signature": changed, "an expired token": expired}.items():
        answer = probe.http.get(setup.LIST, headers={"Authorization": f"Bearer {token}"})
        expect(answer.status_code in {401, 403} or not answer.json()["items"], f"{what} is given tasks")


def same_page(probe: Probe) -> None:
    """A list has the same tasks in the same order with the same values."""
    items = probe.http.get(setup.LIST, headers=_authorization()).json()["items"]
    tasks = [dataset.task(USER, index) for index in reversed(range(dataset.TASKS_EACH))]
    expect([item["id"] for item in items] == [setup.record_id(task["id"]) for task in tasks], "the tasks differ")
    for item, task in zip(items, tasks, strict=True):
        expect({name: item[name] for name in SAME} == {name: task[name] for name in SAME}, f"{item} and not {task}")
        expect(item["description"] == (task["description"] or ""), f"the description is {item['description']!r}")
        created = datetime.fromisoformat(item["created"]).astimezone(UTC)
        expect(created == task["created_at"], f"created is {created}")


def others_tasks(probe: Probe) -> None:
    """Somebody else's task is not there."""
    path = setup.read_path(dataset.task_id(USER + 1, 4))
    for method in ("GET", "PATCH"):
        status = probe.http.request(method, path, headers=_authorization(), json={"title": "x"}).status_code
        expect(status == 404, f"{method} gets {status}")


def writes(probe: Probe) -> None:
    """What is written is in the database when the answer comes."""
    body = setup.create_body(USER, title="Water the plants")
    made = probe.http.post(setup.TASKS, json=body, headers=_authorization()).raise_for_status().json()
    expect(probe.row(made["id"]) == ("Water the plants", 1, False), "a new task is not in the database")
    path = f"{setup.TASKS}/{made['id']}"
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}.000Z"
    for change in (setup.change_body(title="Another"), setup.complete_body(now, completed=True)):
        probe.http.patch(path, json=change, headers=_authorization()).raise_for_status()
    expect(probe.row(made["id"]) == ("Another", 3, True), "a change is not in the database")


CHECKS = (verified_tokens, same_page, others_tasks, writes)


def _authorization() -> dict[str, str]:
    return {"Authorization": f"Bearer {pocketbase.token(USER)}"}
