"""Todoist's CSV template, and its backup: a zip of such files, one for each project.

Our own files of this form have one more column, `PROJECT`.
"""

import csv
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from io import BytesIO, StringIO, TextIOWrapper
from typing import IO, Any, BinaryIO

from backend.domain.quick_add import LONGEST_SENTENCE, quick_add
from backend.formats.archives import members
from backend.formats.items import Broken, Item, Kind, Loss, Reading, Sources, Task, Unreadable
from backend.formats.zones import zone_named

_COLUMNS = (
    *("TYPE", "CONTENT", "DESCRIPTION", "PRIORITY", "INDENT", "AUTHOR", "RESPONSIBLE", "DATE", "DATE_LANG", "TIMEZONE"),
    *("DURATION", "DURATION_UNIT", "DEADLINE", "DEADLINE_LANG", "PROJECT"),
)
_PRIORITIES = {"1": "high", "2": "medium", "3": "low"}
_NUMBERS = {priority: number for number, priority in _PRIORITIES.items()}
_LOST = {"RESPONSIBLE": "assignee", "DURATION": "duration", "DEADLINE": "deadline"}
_OTHERS = {"section": "sections", "note": "comments"}
_LABEL = re.compile(r"(?:^|\s)@(\S+)")
_INDENT = re.compile(r"[0-9]{1,4}")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2})?))?")
_MOST_COLUMNS = 100
_LONGEST_ROW = 1_000_000
_MOST_ROWS = 200_000
_IN_NAME = re.compile(r"\[\w+\]$")


def read(file: BinaryIO, now: datetime) -> Reading:
    """The tasks of a file, or of a backup. Raises `Broken`."""
    if not zipfile.is_zipfile(file):
        file.seek(0)
        yield from _Rows(now).read(file, None)
        return
    rows = _Rows(now)
    for name, content in members(file, ".csv"):
        project = _IN_NAME.sub("", name.rpartition("/")[2].removesuffix(".csv")).rstrip()
        yield from rows.read(BytesIO(content), None if project == "Inbox" else project)


class _Lines:
    """The lines of a text. Those of one row may have so many characters: the module would take any number."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self._left = _LONGEST_ROW
        self._rows = _MOST_ROWS

    def next_row(self) -> None:
        self._left = _LONGEST_ROW
        self._rows -= 1
        if not self._rows:
            raise Broken("too_many_rows", f"A CSV may have {_MOST_ROWS:,} rows")

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(self._left + 1):
            self._left -= len(line)
            if self._left < 0:
                raise Broken("line_too_long", "A row is longer than is taken")
            yield line


class _Rows:
    """Turns rows into tasks. Which stands in which is told by how far they are indented."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._sources = Sources()
        self._projects: set[str] = set()

    def read(self, file: IO[bytes], project: str | None) -> Reading:
        text = TextIOWrapper(file, "utf-8-sig", newline="")
        try:
            yield from self._read(text, project)
        except (csv.Error, UnicodeDecodeError) as error:
            raise Broken("malformed_csv", f"This is no CSV: {error}") from error
        finally:
            text.detach()

    def _read(self, text: TextIOWrapper, project: str | None) -> Reading:
        lines = _Lines(text)
        reader = csv.DictReader(lines, restval="", strict=True)
        columns = reader.fieldnames or ()
        if len(columns) > _MOST_COLUMNS or not {"TYPE", "CONTENT"} <= set(columns):
            raise Broken("unknown_columns", "The first line has no columns TYPE and CONTENT")
        parents: list[str] = []
        for row in reader:
            lines.next_row()
            kind = row["TYPE"].strip().lower()
            if kind == "task":
                yield from self._task(reader.line_num, row, row.get("PROJECT") or project, parents)
            elif kind in _OTHERS:
                yield Loss(reader.line_num, _OTHERS[kind])
            elif kind and kind != "meta":
                yield Unreadable(reader.line_num, "unknown_type", "The type is none of task, section and note")

    def _task(self, line: int, row: Mapping[str, str], project: str | None, parents: list[str]) -> Iterator[Item]:
        if project is not None and project not in self._projects:
            self._projects.add(project)
            yield Item("project", line, project, {"name": project})
        indent = row.get("INDENT", "").strip()
        depth = min(int(indent) if _INDENT.fullmatch(indent) else 1, len(parents) + 1) or 1
        del parents[depth - 1 :]
        source = self._sources.name(project, *parents[-1:], *(row.get(column, "") for column in _COLUMNS[:-1]))
        task = Task()
        task.title(_LABEL.sub("", row["CONTENT"]), row.get("DESCRIPTION", ""))
        task.set("labels", _LABEL.findall(row["CONTENT"]))
        task.set("priority", _PRIORITIES.get(row.get("PRIORITY", "").strip()))
        for column, name in _LOST.items():
            task.lose(name, row.get(column, "").strip())
        self._due(task, row)
        yield Item("task", line, source, task.fields, parents[-1] if parents else None, project, task.losses)
        parents.append(source)

    def _due(self, task: Task, row: Mapping[str, str]) -> None:
        said = row.get("DATE", "").strip()
        if exact := _DATE.fullmatch(said):
            task.set("due_date", exact[1])
            task.set("due_time", exact[2])
        elif len(said) > LONGEST_SENTENCE:
            task.lose("date")
        elif said:
            understood = quick_add(f"x {said}", self._now)
            if understood.title != "x" or understood.due_date is None:
                task.lose("date")
                return
            task.set("due_date", understood.due_date)
            task.set("due_time", understood.due_time)
            if understood.recurrence:
                task.recur(understood.recurrence)
        if task.fields.get("due_time") and (zone := row.get("TIMEZONE", "").strip()):
            task.set("time_zone", zone_named(zone))


class Writer:
    """Writes the open tasks, piece by piece. What is lost, docs/import-export.md says."""

    def __init__(self) -> None:
        self._projects: dict[Any, str] = {}
        self._written: list[bool] = []
        self._begun = False

    def write(self, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """The next rows; those of a kind come together, and the kinds in their order."""
        if kind == "project":
            self._projects |= {row["id"]: row["name"] for row in rows}
        if kind != "task":
            return b""
        text = StringIO()
        lines = csv.writer(text)
        if not self._begun:
            lines.writerow(_COLUMNS)
        self._begun = True
        for row in rows:
            # A completed task is left out, and what is below it moves up.
            del self._written[row["depth"] - 1 :]
            indent = sum(self._written) + 1
            self._written.append(row["completed_at"] is None)
            if row["completed_at"] is None:
                lines.writerow(self._line(row, indent))
        return text.getvalue().encode()

    def _line(self, row: Mapping[str, Any], indent: int) -> Sequence[Any]:
        content = " ".join([row["title"], *("@" + "_".join(label.split()) for label in row["labels"])])
        due = row["due_date"] or ""
        if row["due_time"]:
            due = f"{due} {row['due_time']:%H:%M:%S}".removesuffix(":00")
        said = [content, row["description"] or "", _NUMBERS.get(row["priority"], "4"), indent, "", "", due, "en"]
        return ["task", *said, row["time_zone"] or "", "", "", "", "", self._projects.get(row["project_id"], "")]

    def end(self) -> bytes:
        """What comes after all of them."""
        return b"" if self._begun else (",".join(_COLUMNS) + "\r\n").encode()
