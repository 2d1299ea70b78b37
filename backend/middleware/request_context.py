"""The outermost layer: gives each request its id, bounds its body, logs it, and answers for what nobody expected."""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from backend.api.problems import framework_problem, problem
from backend.auth.principal import Principal
from backend.utils.logging import REQUEST_ID

log = structlog.get_logger()

LARGEST_BODY = 1024 * 1024
# Taken over from the caller so that logs can be joined; anything else might forge lines in them.
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class RequestContext:
    """Wraps the application. One access line a request; the id is answered as `X-Request-ID`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        method = scope["method"]
        if method == "HEAD":
            # Answered like the GET it stands for, without the content (RFC 9110 section 9.3.2).
            scope = {**scope, "method": "GET"}
        # Of several with one name, the first.
        headers = dict(reversed(scope["headers"]))
        app = _too_large if _announces_too_much(headers) else self._app
        # The server itself holds a body to the length that it announces.
        receive = _counting(receive) if b"transfer-encoding" in headers else receive
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        id_header = (b"x-request-id", request_id.encode())
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append(id_header)
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


def _announces_too_much(headers: Mapping[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"")
    return length.isdigit() and int(length) > LARGEST_BODY


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    await framework_problem(Request(scope), 413)(scope, receive, send)


def _stopping(request: Request) -> Response:
    return problem(request, 503, "stopping", "The server is stopping; ask again", headers={"Retry-After": "1"})


def _counting(receive: Receive) -> Receive:
    """Counts what arrives of a body whose length was not announced, and stops reading where it becomes too much."""
    read = 0

    async def receive_bounded() -> Message:
        nonlocal read
        # Asked again after a refusal it refuses again: what it was asked for may never come.
        message = await receive() if read <= LARGEST_BODY else {}
        read += len(message.get("body", b""))
        if read > LARGEST_BODY:
            raise HTTPException(413)
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
