"""Pages of a list, and the opaque cursor that says where the next one begins. Pure."""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from backend.domain.errors import Fault, InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FORMAT = struct.Struct(">q16s")
_ID_BYTES = 16

type Key = datetime | int | str | Rank
"""What a list is sorted by: all of one kind within a list."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list sorted by an instant, ties broken by id: just after this row."""

    instant: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Rank:
    """How well a row answers a search (a 4-byte float), and when it was made: of equally good ones the newer first."""

    score: float
    instant: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list sorted by any key, ties broken by id: just after this row. Rows without a key come last."""

    key: Key | None
    id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the list's order, and the cursor of the next page while there is one."""

    rows: Sequence[Mapping[str, Any]]
    next_cursor: str | None


def page_of(rows: Sequence[Mapping[str, Any]], limit: int, cursor_after: Callable[[Mapping[str, Any]], str]) -> Page:
    """The page of what was found when one row more than fits was asked for: if it is there, there is a next page."""
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], cursor_after(rows[limit - 1]))


def encode_cursor(position: Position) -> str:
    """An opaque, URL-safe text for a position, exact to the microsecond."""
    microseconds = (position.instant - _EPOCH) // _MICROSECOND
    return urlsafe_b64encode(_FORMAT.pack(microseconds, position.id.bytes)).decode()


def decode_cursor(text: str) -> Position:
    """The position a cursor stands for. Raises `InvalidInput` for anything `encode_cursor` did not make."""
    try:
        raw = urlsafe_b64decode(text.encode("ascii"))
        microseconds, id_bytes = _FORMAT.unpack(raw)
        position = Position(_EPOCH + microseconds * _MICROSECOND, UUID(bytes=id_bytes))
    except (ValueError, struct.error, OverflowError) as error:
        raise _not_ours() from error
    if encode_cursor(position) != text:
        raise _not_ours()
    return position


def encode_place(order: str, place: Place) -> str:
    """An opaque, URL-safe text for a place in a list of this order, which is named by one letter or digit.

    It is one longer than base64 ever is, so that it passes for no `encode_cursor`.
    """
    key = b"" if place.key is None else _PACKED[type(place.key)][0](place.key)
    return order + urlsafe_b64encode(key + place.id.bytes).decode()


def decode_place(text: str, order: str, kind: type[Key]) -> Place:
    """The place a cursor stands for, in a list of this order with keys of this kind.

    Raises `InvalidInput` for anything that `encode_place` did not make for the same order.
    """
    try:
        raw = urlsafe_b64decode(text[1:].encode("ascii"))
        key, id_bytes = raw[:-_ID_BYTES], raw[-_ID_BYTES:]
        place = Place(_PACKED[kind][1](key) if key else None, UUID(bytes=id_bytes))
    except (ValueError, struct.error, OverflowError) as error:
        raise _not_ours() from error
    if encode_place(order, place) != text:
        raise _not_ours()
    return place


def _pack_instant(instant: datetime) -> bytes:
    return struct.pack(">q", (instant - _EPOCH) // _MICROSECOND)


def _unpack_instant(raw: bytes) -> datetime:
    microseconds: int = struct.unpack(">q", raw)[0]
    return _EPOCH + microseconds * _MICROSECOND


def _unpack_text(raw: bytes) -> str:
    if b"\0" in raw:
        raise ValueError("No text of the database has a NUL in it")
    return raw.decode()


_PACKED: Mapping[type[Key], tuple[Callable[[Any], bytes], Callable[[bytes], Key]]] = {
    datetime: (_pack_instant, _unpack_instant),
    int: (lambda number: struct.pack(">h", number), lambda raw: int(struct.unpack(">h", raw)[0])),
    str: (str.encode, _unpack_text),
    Rank: (
        lambda rank: struct.pack(">f", rank.score) + _pack_instant(rank.instant),
        lambda raw: Rank(struct.unpack(">f", raw[:4])[0], _unpack_instant(raw[4:])),
    ),
}


def _not_ours() -> InvalidInput:
    message = "This is not a cursor of this list: take it from the Link header of the page before"
    return InvalidInput([Fault("cursor", "invalid_cursor", message)])
