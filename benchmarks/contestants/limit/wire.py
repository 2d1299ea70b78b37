"""What arrives and leaves as text: tokens, query strings, cursors, bodies, entity tags."""

import os
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import jwt
import msgspec

JWT_SECRET = os.environ["JWT_SECRET"]
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti", "sid"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = struct.Struct(">q16s")
_VERSION = re.compile(r'(?<!W/)"(0|[1-9][0-9]{0,17})"')


class Refused(Exception):
    """An answer other than the one that was asked for."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@lru_cache(10_000)
def verified(authorization: bytes) -> tuple[UUID, float]:
    """Whose token it is and until when; the caller holds that against the clock."""
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer":
        raise Refused(401, "Send a bearer token")
    try:
        decoded = jwt.decode_complete(
            token,
            JWT_SECRET,
            algorithms=["HS256"],
            audience="donewell",
            issuer="donewell",
            options={"require": _REQUIRED, "verify_exp": False},
        )
        claims = decoded["payload"]
        if decoded["header"].get("typ") == "at+jwt":
            return UUID(claims["sub"]), float(claims["exp"])
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        pass
    raise Refused(401, "The token is not valid")


class Query(msgspec.Struct, frozen=True):
    limit: int
    completed: bool | None
    after: tuple[datetime, UUID] | None
    others: tuple[tuple[str, str], ...]

    def following(self, cursor: str) -> str:
        return urlencode([*self.others, ("cursor", cursor)])


@lru_cache(1_000)
def parsed(query_string: bytes) -> Query:
    """The parameters of a list, checked."""
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    values = dict(pairs)
    if len(values) < len(pairs) or values.keys() - {"limit", "cursor", "completed"}:
        raise Refused(400, "Unknown or repeated parameter")
    limit = values.get("limit", "50")
    if not re.fullmatch("[0-9]{1,3}", limit) or not 1 <= int(limit) <= 200:
        raise Refused(400, "limit: a number from 1 to 200")
    if values.get("completed") not in (None, "true", "false"):
        raise Refused(400, "completed: true or false")
    completed = values["completed"] == "true" if "completed" in values else None
    cursor = values.get("cursor")
    others = tuple(pair for pair in pairs if pair[0] != "cursor")
    return Query(int(limit), completed, None if cursor is None else decoded_cursor(cursor), others)


def cursor_at(created_at: datetime, task_id: UUID) -> str:
    microseconds = (created_at - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(_CURSOR.pack(microseconds, task_id.bytes)).decode()


def decoded_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        microseconds, id_bytes = _CURSOR.unpack(urlsafe_b64decode(cursor))
        return _EPOCH + timedelta(microseconds=microseconds), UUID(bytes=id_bytes)
    except (ValueError, struct.error, OverflowError) as error:
        raise Refused(400, "cursor: not one of this list") from error


def expected_versions(if_match: bytes | None) -> list[int] | None:
    if if_match is None or if_match.strip() == b"*":
        return None
    return [int(version) for version in _VERSION.findall(if_match.decode("latin-1"))]


Title = Annotated[str, msgspec.Meta(max_length=255)]
Description = Annotated[str, msgspec.Meta(max_length=16_384)]
Priority = Literal["none", "low", "medium", "high"]


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    def __post_init__(self) -> None:
        if isinstance(self.title, str):
            self.title = self.title.strip()
            if not self.title:
                raise ValueError("title: 1 to 255 characters")
        if "\0" in (self.title or "") or "\0" in (self.description or ""):
            raise ValueError("U+0000 is not allowed")


class TaskCreate(_Written):
    title: Title
    description: Description | None = None
    priority: Priority = "none"
    due_date: date | None = None


class TaskChanges(_Written):
    title: Title | msgspec.UnsetType = msgspec.UNSET
    description: Description | msgspec.UnsetType | None = msgspec.UNSET
    completed: bool | msgspec.UnsetType = msgspec.UNSET
    priority: Priority | msgspec.UnsetType = msgspec.UNSET
    due_date: date | msgspec.UnsetType | None = msgspec.UNSET


class Completion(msgspec.Struct, forbid_unknown_fields=True):
    completed: bool = True


decode_create = msgspec.json.Decoder(TaskCreate).decode
decode_changes = msgspec.json.Decoder(TaskChanges).decode
decode_completion = msgspec.json.Decoder(Completion).decode
