"""Vikunja's export: a zip with `data.json`, an array of projects with their tasks."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import unescape
from typing import Any, BinaryIO

import msgspec

from backend.formats.archives import members
from backend.formats.items import Found, Item, Reading, Task, Unreadable
from backend.formats.raw_json import MALFORMED, Object, decoded, whole

_PRIORITIES = {1: "low", 2: "medium", 3: "high", 4: "high", 5: "high"}
_LOST = {
    "assignees": "assignee",
    "attachments": "attachment",
    "comments": "comments",
    "percent_done": "percent",
    "hex_color": "color",
    "is_favorite": "favorite",
}
_BREAKS = {"br", "/p", "/li", "/h1", "/h2", "/h3", "/blockquote", "/pre"}
_DAY = 86_400
_MONTHLY, _FROM_COMPLETION = 1, 2


class _Project(msgspec.Struct):
    """A project. What is not named is passed over."""

    id: int
    title: str
    parent_project_id: int = 0
    hex_color: str | None = None
    is_archived: bool = False
    tasks: list[msgspec.Raw] | None = None


def read(file: BinaryIO, now: datetime) -> Reading:
    """The projects, and their tasks. Raises `Broken`."""
    for _, content in members(file, "data.json"):
        projects = decoded(content, list[_Project], "Vikunja")
        for number, project in enumerate(projects, 1):
            parent = str(project.parent_project_id) if project.parent_project_id > 0 else None
            color = f"#{project.hex_color.lower().lstrip('#')}" if project.hex_color else None
            fields = {"name": project.title[:255], "color": color, "archived": project.is_archived}
            yield Item("project", number, str(project.id), fields, parent)
        for project in projects:
            for row, raw in enumerate(project.tasks or (), 1):
                yield from _read_task(row, raw, str(project.id), now)


def _read_task(row: int, raw: msgspec.Raw, project: str, now: datetime) -> Iterator[Found]:
    try:
        given = whole(raw)
        task = _task(given, now)
        related = given.get("related_tasks") or {}
        parents = [str(parent["id"]) for parent in related.get("parenttask") or ()]
        task.lose("relation", len(parents) > 1 or related.keys() - {"parenttask", "subtask"})
        yield Item("task", row, str(given["id"]), task.fields, parents[0] if parents else None, project, task.losses)
    except MALFORMED:
        yield Unreadable(row, "malformed_task", "This is no task of Vikunja")


def _task(given: Object, now: datetime) -> Task:
    task = Task()
    task.title(str(given["title"]), _plain(str(given.get("description") or "")))
    task.set("priority", _PRIORITIES.get(given.get("priority") or 0))
    task.set("labels", [label["title"] for label in given.get("labels") or ()])
    task.set("created_at", _instant(given.get("created")))
    if given.get("done"):
        task.set("completed", True)
        task.set("completed_at", _instant(given.get("done_at")))
    for name, lost in _LOST.items():
        task.lose(lost, given.get(name))
    if (start := _instant(given.get("start_date"))) is not None:
        task.set("start_date", start.astimezone(now.tzinfo).date())
    task.lose("end date", _instant(given.get("end_date")))
    if (due := _instant(given.get("due_date"))) is not None:
        wall = due.astimezone(now.tzinfo)
        task.fields |= {"due_date": wall.date(), "due_time": f"{wall:%H:%M:%S}", "time_zone": str(now.tzinfo)}
    _reminders(task, given)
    _recurrence(task, given)
    return task


def _reminders(task: Task, given: Mapping[str, Any]) -> None:
    instants = [_instant(reminder.get("reminder")) for reminder in given.get("reminders") or ()]
    task.set("reminders", [f"{instant:%Y-%m-%dT%H:%M:%SZ}" for instant in instants if instant is not None])


def _recurrence(task: Task, given: Mapping[str, Any]) -> None:
    mode: int = given.get("repeat_mode") or 0
    days, rest = divmod(int(given.get("repeat_after") or 0), _DAY)
    if mode != _MONTHLY and not days and not rest:
        return
    weekly = days % 7 == 0
    rule: str | None = f"FREQ={'WEEKLY' if weekly else 'DAILY'};INTERVAL={days // 7 if weekly else days}"
    if mode == _MONTHLY:
        rule = "FREQ=MONTHLY"
    elif rest:
        rule = None
    task.recur(rule, "completion" if mode == _FROM_COMPLETION else "due")


def _instant(value: str | None) -> datetime | None:
    """An instant; none is the first of the year 1."""
    found = datetime.fromisoformat(value) if value else None
    return None if found is None or found.year == 1 else found.astimezone(UTC)


def _plain(html: str) -> str:
    """The text of a description, which an editor writes as HTML."""
    if "<" not in html:
        return html
    # Python's own parser takes minutes for a megabyte of tags that do not end. This goes through once.
    text, *others = html.split("<")
    pieces = [text]
    for other in others:
        tag, closed, after = other.partition(">")
        if closed and tag.removeprefix("/")[:1].isalpha():
            name = tag.split(maxsplit=1)[0].lower().rstrip("/")
            pieces += ["\n" if name in _BREAKS else "", after]
        else:
            pieces += ["<", other]
    return unescape("".join(pieces)).strip()
