"""The formats in which tasks come and go: each a module that turns bytes into items, and some rows into bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from backend.formats import donewell, microsoft, todoist, vikunja, vtodo, vtodo_writer
from backend.formats.items import Kind, Reading


class Writer(Protocol):
    """Writes a file, piece by piece."""

    def write(self, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """The next rows; those of a kind come together, and the kinds in their order."""

    def end(self) -> bytes:
        """What comes after all of them."""


@dataclass(frozen=True, slots=True)
class Format:
    """What can be done with a format."""

    family: str
    """By this name ids are made for what has none of ours: one, for formats that read each other's files."""
    read: Callable[[BinaryIO, datetime], Reading]
    """Also given when that is, by the clock of whoever sends the file: some say "tomorrow"."""
    media_type: str
    writer: Callable[[], Writer] | None = None
    keeps_ids: bool = False
    """Whether ids in the file that are UUIDs are taken over."""


FORMATS: Mapping[str, Format] = {
    "json": Format("donewell", donewell.read, "application/json", donewell.Writer, keeps_ids=True),
    "csv": Format("todoist", todoist.read, "text/csv", todoist.Writer),
    "ics": Format("vtodo", vtodo.read, "text/calendar", vtodo_writer.Writer, keeps_ids=True),
    "todoist": Format("todoist", todoist.read, "text/csv"),
    "microsoft": Format("microsoft", microsoft.read, "application/json"),
    "vikunja": Format("vikunja", vikunja.read, "application/zip"),
}
"""By the name that clients use."""
