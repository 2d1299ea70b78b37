"""Our own format: JSON from which nothing is missing but what docs/import-export.md names."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import msgspec

from backend.formats.items import Broken, Item, Kind, Reading, Sources, Unreadable
from backend.formats.raw_json import MALFORMED, decoded, whole

_encode = msgspec.json.Encoder().encode

VERSION = 1
_ARRAYS: Mapping[str, Kind] = {
    "projects": "project",
    "labels": "label",
    "filters": "filter",
    "tasks": "task",
    "occurrences": "occurrence",
}


class _Document(msgspec.Struct):
    """The file: what is in the arrays stays as it came until it is its turn."""

    format: str
    version: int
    projects: list[msgspec.Raw] = []
    labels: list[msgspec.Raw] = []
    filters: list[msgspec.Raw] = []
    tasks: list[msgspec.Raw] = []
    occurrences: list[msgspec.Raw] = []


def read(file: BinaryIO, now: datetime) -> Reading:  # noqa: ARG001 - nothing in it depends on when it is read
    """What is in the file. Raises `Broken` before the first item if it is no such file."""
    document: _Document = decoded(file.read(), _Document, "Donewell")
    if document.format != "donewell" or document.version != VERSION:
        raise Broken("unknown_version", f"This is no export of format donewell, version {VERSION}")
    for array, kind in _ARRAYS.items():
        yield from _items(kind, getattr(document, array))


def _items(kind: Kind, values: Sequence[msgspec.Raw]) -> Reading:
    sources = Sources()
    for row, raw in enumerate(values, 1):
        try:
            fields = whole(raw)
        except MALFORMED:
            yield Unreadable(row, "not_an_object", f"This {kind} is no JSON object", kind)
            continue
        source = str(fields.get("id") or sources.name(bytes(raw)))
        yield Item(kind, row, source, fields, _reference(fields, "parent_id"), _reference(fields, "project_id"))


def _reference(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else str(value)


class Writer:
    """Writes the file, piece by piece."""

    def __init__(self) -> None:
        self._kind: Kind | None = None

    def write(self, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """The next rows; those of a kind come together, and the kinds in their order."""
        same = kind == self._kind
        before = b"," if same else (b"{%b," % _HEAD if self._kind is None else b"],") + b'"%b":[' % _NAMES[kind]
        self._kind = kind
        return before + _encode([_told(kind, row) for row in rows])[1:-1]

    def end(self) -> bytes:
        """What comes after all of them."""
        return b"{%b}" % _HEAD if self._kind is None else b"]}"


_HEAD = b'"format":"donewell","version":%d' % VERSION
_NAMES = {kind: array.encode() for array, kind in _ARRAYS.items()}
_RECURRENCE = ("rule", "anchor", "start", "taken")
_NOT_TOLD = {"position", "depth", *(f"recurrence_{name}" for name in _RECURRENCE)}
"""Places are the order of the file."""


def _told(kind: Kind, row: Mapping[str, Any]) -> Mapping[str, Any]:
    others = {name: value for name, value in row.items() if name not in _NOT_TOLD}
    if kind != "task":
        return others
    recurrence = {name: row[f"recurrence_{name}"] for name in _RECURRENCE}
    return {**others, "recurrence": recurrence if recurrence["rule"] else None}
