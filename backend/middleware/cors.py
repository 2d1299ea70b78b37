"""Cross-origin requests: which pages of other origins may call us from a browser (the CORS protocol of Fetch).

Not Starlette's middleware: the refusals of the outermost layer need these headers too, or a page could not read them,
and an answer to a preflight needs what every answer has, an id and a line in the log.
"""

from collections.abc import Mapping, Sequence
from http import HTTPMethod

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.api.problems import problem
from backend.middleware.headers import Header

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS = ("Authorization", "Content-Type", "If-Match", "If-None-Match", "X-Request-ID")
EXPOSED_HEADERS = (
    "Content-Disposition",
    "ETag",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
)
REMEMBERED = 7_200
"""Seconds for which a browser need not ask again; Chromium takes no more."""

_VARY: Header = (b"vary", b"Origin")
_EXPOSED: Header = (b"access-control-expose-headers", ", ".join(EXPOSED_HEADERS).encode())


class Cors:
    """Answers preflights, and knows the headers for each origin.

    Credentials (cookies) are never allowed: we have none.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._headers = {
            origin.encode(): [_VARY, _EXPOSED, (b"access-control-allow-origin", origin.encode())] for origin in origins
        }

    def headers(self, origin: bytes | None) -> Sequence[Header]:
        """What an answer to a page of that origin carries besides."""
        return self._headers.get(origin or b"", (_VARY,))

    async def preflight(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say what a page may send. The browser compares, and tells its developer what is not there."""
        request = Request(scope)
        await self._preflight(request)(scope, receive, send)

    def _preflight(self, request: Request) -> Response:
        if request.headers["origin"].encode("latin-1") not in self._headers:
            return problem(request, 403, "origin_not_allowed", "Pages of this origin may not call this server")
        return Response(
            status_code=204,
            headers={
                "Access-Control-Allow-Methods": ", ".join(METHODS),
                "Access-Control-Allow-Headers": ", ".join(REQUEST_HEADERS),
                "Access-Control-Max-Age": str(REMEMBERED),
            },
        )


def is_preflight(method: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser asks beforehand."""
    return method == HTTPMethod.OPTIONS and b"origin" in headers and b"access-control-request-method" in headers
