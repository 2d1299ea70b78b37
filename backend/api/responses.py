"""Successful answers: objects with their ETag, pages with their Link. One place, for every resource."""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from backend.api.queries import remembered
from backend.domain.pagination import Page

_encode = msgspec.json.Encoder().encode


class _Json(Response):
    """JSON that is bytes already. Its headers are: to have Starlette find them out takes longer than the encoding."""

    def __init__(self, content: bytes, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.status_code = status
        self.body = content
        self.background = None
        self.raw_headers = [
            (b"content-length", b"%d" % len(content)),
            (b"content-type", b"application/json"),
            *headers,
        ]


def one(row: Mapping[str, Any], *, status: int = 200, location: str | None = None) -> Response:
    """An object, with its version as a strong ETag (RFC 9110 section 8.8.3)."""
    headers = [(b"etag", etag(row).encode())]
    if location is not None:
        headers.append((b"location", location.encode()))
    return _Json(_encode(_objects([row])[0]), status, headers)


def plain(row: Mapping[str, Any], *, status: int = 200) -> Response:
    """An answer that is no object of its own and has no version."""
    return _Json(_encode(_objects([row])[0]), status)


def one_unless_known(row: Mapping[str, Any], known: str | None) -> Response:
    """The object, or 304 without it when `If-None-Match` shows that the client has this version."""
    if is_known(etag(row), known):
        return Response(status_code=304, headers={"ETag": etag(row)})
    return one(row)


def is_known(tag: str, known: str | None) -> bool:
    """Whether an `If-None-Match` names this version. It compares weakly: W/"1" and "1" are the same."""
    if known is None:
        return False
    return known.strip() == "*" or tag in {each.strip().removeprefix("W/") for each in known.split(",")}


def many(request: Request, page: Page) -> Response:
    """A bare array, and while there is more the next page's address (RFC 8288), relative to this one's."""
    content = _encode(_objects(page.rows))
    if page.next_cursor is None:
        return _Json(content)
    query = _without_cursor(request.scope["query_string"])
    link = f'<{path_of(request)}?{query}cursor={page.next_cursor}>; rel="next"'
    return _Json(content, headers=[(b"link", link.encode())])


def _objects(rows: Sequence[Mapping[str, Any]]) -> list[msgspec.Struct]:
    """Rows of one kind as msgspec writes them fastest: to make a dict of a driver's row takes seven times as long."""
    if not rows:
        return []
    kind = _struct(tuple(rows[0].keys()))
    return [kind(*row.values()) for row in rows]


@lru_cache
def _struct(names: tuple[str, ...]) -> type[msgspec.Struct]:
    return msgspec.defstruct("Row", names)


@remembered
def _without_cursor(query: bytes) -> str:
    others = [(name, value) for name, value in QueryParams(query).multi_items() if name != "cursor"]
    return f"{urlencode(others)}&" if others else ""


def path_of(request: Request) -> str:
    """The path that was asked for, as it stands in a URL."""
    return quote(request.scope["path"])


def etag(row: Mapping[str, Any]) -> str:
    return f'"{row["version"]}"'


async def nothing() -> AsyncIterator[bytes]:
    """The pieces of a file whose head alone was asked for: none is made, told of, or in the way of the next."""
    yield b""
