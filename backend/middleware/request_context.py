"""The outermost layer: gives each request its id and each answer its headers, bounds the body, logs, refuses what is
for nobody here, and answers for what nobody expected.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from backend.api.problems import framework_problem, problem
from backend.auth.principal import Principal
from backend.middleware.cors import Cors, is_preflight
from backend.middleware.headers import AnswerHeaders, Header
from backend.middleware.hosts import HEALTH, TrustedHosts
from backend.utils.logging import REQUEST_ID

log = structlog.get_logger()

LARGEST_BODY = 1024 * 1024
LARGEST_UPLOAD = 32 * 1024 * 1024
"""Of a file that is to be imported, which goes to disk. What is larger than other bodies is only read once it is known
who sends it."""
MOST_HEADERS = 100
# Taken over from the caller so that logs can be joined; anything else might forge lines in them.
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class RequestContext:
    """Wraps the application. One access line a request; the id is answered as `X-Request-ID`."""

    def __init__(
        self, app: ASGIApp, headers: AnswerHeaders, hosts: TrustedHosts | None = None, cors: Cors | None = None
    ) -> None:
        self._app = app
        self._headers = headers
        self._hosts = hosts
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        method = scope["method"]
        if method == "HEAD":
            # Answered like the GET it stands for, without the content (RFC 9110 section 9.3.2).
            scope = {**scope, "method": "GET", "state": {**scope.get("state", {}), "head": True}}
        # Of several with one name, the first.
        headers = dict(reversed(scope["headers"]))
        app = self._refusal(scope, headers) or self._app
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        receive = _bounded(receive, scope) if _has_body(headers) else receive
        added = self._added_headers(request_id, headers)
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] += self._headers.beside(message["headers"])
                message["headers"] += added
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        in_request = REQUEST_ID.set(request_id)
        try:
            await app(scope, receive, send_with_id)
        except asyncio.CancelledError:
            # Only the server's own stopping cancels a request. What it wrote may be there: a retry must be safe.
            if not status:
                await _stopping(Request(scope))(scope, receive, send_with_id)
            raise
        except Exception:
            log.exception("request.failed", method=method, route=_route(scope))
            if status:
                raise  # the answer has begun: all that is left is to break the connection off
            await framework_problem(Request(scope), 500)(scope, receive, send_with_id)
        finally:
            log.info(
                "request",
                method=method,
                route=_route(scope),
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
                user_id=_user(scope),
            )
            REQUEST_ID.reset(in_request)

    def _added_headers(self, request_id: str, headers: Mapping[bytes, bytes]) -> Sequence[Header]:
        """What the answer to this request carries, and no other."""
        id_header = (b"x-request-id", request_id.encode())
        return (id_header, *self._cors.headers(headers.get(b"origin"))) if self._cors else (id_header,)

    def _refusal(self, scope: Scope, headers: Mapping[bytes, bytes]) -> ASGIApp | None:
        """What answers in the application's place, if anything does."""
        # Some header came twice: seldom, and cheaper to find than which one.
        if (b"host" not in headers or len(headers) < len(scope["headers"])) and not _names_one_host(scope):
            return _malformed
        if len(scope["headers"]) > MOST_HEADERS:
            return _too_many_headers
        if b"transfer-encoding" in headers and not _is_chunked(scope, headers):
            return _malformed
        if self._hosts is not None and not self._hosts.include(headers.get(b"host", b"")) and not _asks_health(scope):
            return _other_host
        if self._cors is not None and is_preflight(scope["method"], headers):
            return self._cors.preflight
        return _too_large if _announces_too_much(scope, headers) else None


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


def _announces_too_much(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"")
    return length.isdigit() and int(length) > LARGEST_BODY and int(length) > _largest(scope)


def _largest(scope: Scope) -> int:
    return LARGEST_UPLOAD if scope["method"] == "POST" and scope["path"].endswith("/import") else LARGEST_BODY


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    await framework_problem(Request(scope), 413)(scope, receive, send)


def _stopping(request: Request) -> Response:
    return problem(request, 503, "stopping", "The server is stopping; ask again", headers={"Retry-After": "1"})


def _has_body(headers: Mapping[bytes, bytes]) -> bool:
    return b"content-length" in headers or b"transfer-encoding" in headers


def _bounded(receive: Receive, scope: Scope) -> Receive:
    """Counts what arrives of a body, and stops reading where it becomes too much, or the server says it is too late."""
    read = 0
    largest, state = _largest(scope), scope["state"]

    async def receive_bounded() -> Message:
        nonlocal read
        # Asked again after a refusal it refuses again: what it was asked for may never come.
        message = await receive() if read <= largest else {}
        read += len(message.get("body", b""))
        if read > largest:
            raise HTTPException(413)
        if "late" in state and message.get("more_body", False):
            raise HTTPException(408, headers={"Connection": "close"})
        return message

    return receive_bounded


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _ACCEPTABLE_ID.fullmatch(given) else uuid7().hex


def _route(scope: Scope) -> str | None:
    """The template of the matched path, which names no ids; None where nothing matched."""
    context: Any = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(context, "path_format", None)


def _user(scope: Scope) -> str | None:
    identity = scope["state"].get("identity")
    return identity.subject if isinstance(identity, Principal) else None
