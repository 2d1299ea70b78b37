"""Pages of a list, and the opaque cursor that says where the next one begins. Pure."""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from backend.domain.errors import Fault, InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FORMAT = struct.Struct(">q16s")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list sorted by an instant, ties broken by id: just after this row."""

    instant: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the list's order, and the cursor of the next page while there is one."""

    rows: Sequence[Mapping[str, Any]]
    next_cursor: str | None


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


def _not_ours() -> InvalidInput:
    message = "This is not a cursor of this list: take it from the Link header of the page before"
    return InvalidInput([Fault("cursor", "invalid_cursor", message)])
