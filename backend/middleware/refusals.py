"""What is answered before the application is asked: what is no request, or not for us, or too large."""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.api.problems import domain_problem, framework_problem, problem
from backend.domain.errors import Fault, InvalidInput
from backend.middleware.cors import Cors, is_preflight
from backend.middleware.hosts import HEALTH, TrustedHosts
from backend.middleware.rate_limit import Buckets, RateLimits

LARGEST_BODY = 1024 * 1024
LARGEST_UPLOAD = 32 * 1024 * 1024
"""Of a file that is to be imported, which goes to disk. What is larger than other bodies is only read once it is known
who sends it."""
MOST_HEADERS = 100

# A number, for which bytes are searched ten times as fast as for other bytes.
_PERCENT = ord("%")


class Refusals:
    """Finds what answers in the application's place."""

    def __init__(self, hosts: TrustedHosts | None, cors: Cors | None, buckets: Buckets | None) -> None:
        self._hosts = hosts
        self._cors = cors
        self._buckets = buckets

    def find(self, scope: Scope, headers: Mapping[bytes, bytes]) -> ASGIApp | None:
        """What answers in the application's place, if anything does."""
        refusal: ASGIApp
        path, query = scope.get("raw_path") or b"", scope["query_string"]
        # Some header came twice: seldom, and cheaper to find than which one.
        if (b"host" not in headers or len(headers) < len(scope["headers"])) and not _names_one_host(scope):
            refusal = _malformed
        elif len(scope["headers"]) > MOST_HEADERS:
            refusal = _too_many_headers
        elif b"transfer-encoding" in headers and not _is_chunked(scope, headers):
            refusal = _malformed
        elif self._hosts is not None and not self._hosts.include(headers.get(b"host", b"")) and not _asks_health(scope):
            refusal = _other_host
        elif (_PERCENT in path or _PERCENT in query) and (misread := _misread(path, query)):
            refusal = misread
        elif b"content-length" in headers and _announces_too_much(scope, headers[b"content-length"]):
            refusal = _too_large
        elif self._cors is not None and is_preflight(scope["method"], headers):
            return self._cors.preflight
        else:
            return None
        # Counted like what the application refuses; by address, for nobody has looked who it is.
        return RateLimits(refusal, self._buckets) if self._buckets is not None else refusal


def _names_one_host(scope: Scope) -> bool:
    """HTTP/1.1 wants one Host header, no more and no less (RFC 9112 section 3.2)."""
    hosts = sum(name == b"host" for name, _ in scope["headers"])
    return hosts == 1 or (hosts == 0 and scope.get("http_version") not in ("0.9", "1.1"))


def _is_chunked(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """What else there is, a proxy in front of us may understand otherwise (RFC 9112 section 6.1)."""
    return headers[b"transfer-encoding"].strip().lower() == b"chunked" and scope.get("http_version") != "1.0"


def _asks_health(scope: Scope) -> bool:
    return bool(scope["path"].startswith(HEALTH))


async def _malformed(scope: Scope, receive: Receive, send: Send) -> None:
    await framework_problem(Request(scope), 400)(scope, receive, send)


async def _too_many_headers(scope: Scope, receive: Receive, send: Send) -> None:
    await framework_problem(Request(scope), 431)(scope, receive, send)


async def _other_host(scope: Scope, receive: Receive, send: Send) -> None:
    fault = {"field": "Host", "code": "host_not_trusted", "message": "Ask for a name that this server knows"}
    title = "The Host header names another server"
    answer = problem(Request(scope), 400, "host_not_trusted", title, extensions={"errors": [fault]})
    await answer(scope, receive, send)


def _misread(path: bytes, query: bytes) -> ASGIApp | None:
    """What answers where the address would be taken for another one."""
    # Whoever decodes it later takes U+FFFD for what is not UTF-8, like surrogates.
    if not _is_text(query):
        return _no_text("query")
    if _PERCENT not in path:
        return None
    if not _is_text(path):
        return _no_text("path")
    # The patterns of routes end with `$`, before which a line feed may stand: it would be another path for a proxy.
    return _nowhere if path[-3:].lower() == b"%0a" else None


def _is_text(encoded: bytes) -> bool:
    try:
        unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        return False
    return True


def _no_text(where: str) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        fault = Fault(where, "text_form", "What is percent-encoded has to be UTF-8")
        await (await domain_problem(Request(scope), InvalidInput([fault])))(scope, receive, send)

    return answer


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    await framework_problem(Request(scope), 404)(scope, receive, send)


def _announces_too_much(scope: Scope, length: bytes) -> bool:
    return length.isdigit() and int(length) > LARGEST_BODY and int(length) > largest_body(scope)


def largest_body(scope: Scope) -> int:
    """How many bytes the body of a request may have."""
    return LARGEST_UPLOAD if scope["method"] == "POST" and scope["path"].endswith("/import") else LARGEST_BODY


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    await framework_problem(Request(scope), 413)(scope, receive, send)
