"""The outermost layer: gives each request its id and each answer its headers, bounds the body, logs, and answers for
what nobody expected.
"""

import asyncio
import math
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
from backend.middleware.cors import Cors
from backend.middleware.headers import AnswerHeaders, Header
from backend.middleware.hosts import TrustedHosts
from backend.middleware.rate_limit import Buckets
from backend.middleware.refusals import LARGEST_BODY, Refusals, largest_body
from backend.utils.logging import REQUEST_ID

log = structlog.get_logger()

LEAST_RATE = 35_000
"""Bytes a second, on average, for which a file may take longer than other bodies: 16 minutes at most. The largest of
the others, in their time, has to come as fast."""
# Taken over from the caller so that logs can be joined; anything else might forge lines in them.
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class RequestContext:
    """Wraps the application. One access line a request; the id is answered as `X-Request-ID`."""

    def __init__(
        self,
        app: ASGIApp,
        headers: AnswerHeaders,
        hosts: TrustedHosts | None = None,
        cors: Cors | None = None,
        buckets: Buckets | None = None,
    ) -> None:
        self._app = app
        self._headers = headers
        self._refusals = Refusals(hosts, cors, buckets)
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
        app = self._refusals.find(scope, headers) or self._app
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        added = self._added_headers(request_id, headers)
        started = time.perf_counter()
        receive = _bounded(receive, scope, started) if _has_body(headers) else receive
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


def _stopping(request: Request) -> Response:
    return problem(request, 503, "stopping", "The server is stopping; ask again", headers={"Retry-After": "1"})


def _has_body(headers: Mapping[bytes, bytes]) -> bool:
    return b"content-length" in headers or b"transfer-encoding" in headers


def _bounded(receive: Receive, scope: Scope, started: float) -> Receive:
    """Counts what arrives of a body, and stops reading where it becomes too much, or the server says it is too late."""
    read = 0
    largest, state = largest_body(scope), scope["state"]
    least_rate = LEAST_RATE if largest > LARGEST_BODY else math.inf

    async def receive_bounded() -> Message:
        nonlocal read
        # Asked again after a refusal it refuses again: what it was asked for may never come.
        message = await receive() if read <= largest else {}
        read += len(message.get("body", b""))
        if read > largest:
            raise HTTPException(413)
        if "late" in state and message.get("more_body", False) and read < least_rate * (time.perf_counter() - started):
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
