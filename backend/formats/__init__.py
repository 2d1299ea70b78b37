"""The formats in which tasks come and go: each a module that turns bytes into items, and some rows into bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from backend.formats import donewell
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

    read: Callable[[BinaryIO], Reading]
    media_type: str
    writer: Callable[[], Writer] | None = None
    keeps_ids: bool = False
    """Whether ids in the file that are UUIDs are taken over."""


FORMATS: Mapping[str, Format] = {
    "json": Format(donewell.read, "application/json", donewell.Writer, keeps_ids=True),
}
"""By the name that clients use."""
