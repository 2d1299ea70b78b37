"""The one place that turns errors into answers: RFC 9457 problem details, for whatever goes wrong anywhere.

It alone knows which status each family of domain errors has.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.routing import iter_route_contexts
from pydantic.fields import FieldInfo
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backend.api.bodies import UnacceptableBody, is_json
from backend.auth.principal import InsufficientScope, TokenRefused
from backend.domain.errors import (
    Conflict,
    DonewellError,
    Fault,
    Forbidden,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from backend.domain.filters import InvalidFilter
from backend.schemas.sessions import TokenRequest
from backend.services.sessions import InvalidTokenRequest, UnsupportedGrantType

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

MOST_FAULTS = 100
"""How many faults an answer names: a megabyte of unknown fields would make eight of it."""

STATUS: Mapping[type[DonewellError], int] = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    PreconditionFailed: 412,
    TooManyRequests: 429,
    Unavailable: 503,
}

# What the framework refuses on its own, before any of our code runs.
FRAMEWORK_CODES: Mapping[int, tuple[str, str]] = {
    400: ("malformed_request", "The request cannot be read"),
    404: ("not_found", "There is nothing at this path"),
    405: ("method_not_allowed", "This path does not take this method"),
    408: ("request_timeout", "The request took too long to arrive"),
    413: ("content_too_large", "The request body is larger than 1 MiB"),
    415: ("unsupported_media_type", "The request body has another content type than this path takes"),
    431: ("headers_too_large", "The request line and the headers are larger than 32 KiB, or more than 100"),
    500: ("internal_error", "Something went wrong on our side; the log has the details under the request id"),
    503: ("too_many_connections", "There are more connections than can be served"),
}


def problem(
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    extensions: Mapping[str, Any] | None = None,
) -> Response:
    """An answer that says what went wrong."""
    body = {
        "type": f"urn:problem-type:donewell:{code}",
        "title": title,
        "status": status,
        "detail": detail or title,
        "instance": quote(request.scope["path"], safe="/:@!$&'()*+,;="),
        "code": code,
        "request_id": getattr(request.state, "request_id", ""),
        **(extensions or {}),
    }
    return Response(msgspec.json.encode(body), status, headers, media_type=_media_type(request))


def _media_type(request: Request) -> str:
    # RFC 6749 section 5.2 has JSON for a refused grant: OAuth 2 libraries ask for that alone, and read nothing else.
    accepted = request.headers.get("accept", "*/*")
    if _is_of_tokens(request) and "application/json" in accepted and not ("*/*" in accepted or MEDIA_TYPE in accepted):
        return "application/json"
    return MEDIA_TYPE


def framework_problem(request: Request, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The problem for a status that no code of ours decided on."""
    phrase = HTTPStatus(status).phrase
    code, title = FRAMEWORK_CODES.get(status, (phrase.lower().replace(" ", "_"), phrase))
    errors = {"errors": [{"field": "body", "code": code, "message": title}]} if status == HTTPStatus.BAD_REQUEST else {}
    return problem(request, status, code, title, headers=headers, extensions=errors)


def status_of(error: type[DonewellError]) -> int:
    """The status with which an error answers."""
    return next(status for family, status in STATUS.items() if issubclass(error, family))


def install(app: FastAPI) -> None:
    """Let every error of the application end here. Unexpected ones reach the request context middleware first."""
    app.exception_handler(DonewellError)(domain_problem)
    app.exception_handler(RequestValidationError)(_validation_error)
    app.exception_handler(HTTPException)(http_problem)


async def domain_problem(request: Request, error: DonewellError) -> Response:
    status = status_of(type(error))
    if isinstance(error, Unavailable):
        log.warning("request.refused", code=error.code, cause=_cause(error))
    return problem(
        request, status, error.code, error.title, error.detail, headers=_headers(error), extensions=_extensions(error)
    )


def _cause(error: DonewellError) -> str | None:
    # The driver's message may name hosts and users; its class says enough.
    return type(error.__cause__).__name__ if error.__cause__ else None


def _headers(error: DonewellError) -> dict[str, str]:
    if isinstance(error, TokenRefused):
        return {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{error.title}"'}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}  # RFC 6750 section 3.1: no error code where no token was sent
    if isinstance(error, InsufficientScope):
        return {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{error.scope}"'}
    if isinstance(error, TooManyRequests | Unavailable):
        return {"Retry-After": str(error.retry_after)}
    return {}


def _extensions(error: DonewellError) -> dict[str, Any]:
    if isinstance(error, PreconditionFailed):
        return {"current": dict(error.current)}
    if isinstance(error, InsufficientScope):
        return {"scope": error.scope}
    if isinstance(error, InvalidInput):
        faults = [{"field": fault.field, "code": fault.code, "message": fault.message} for fault in error.faults]
        place = {"position": error.position, "expected": error.expected} if isinstance(error, InvalidFilter) else {}
        return {"errors": faults, **error.extensions, **place}
    return dict(error.extensions)


async def _validation_error(request: Request, error: RequestValidationError) -> Response:
    if any(fault["loc"][0] == "body" for fault in error.errors()) and not _readable(request):
        return framework_problem(request, 415)
    faults = [_fault(fault) for fault in error.errors()[:MOST_FAULTS]]
    kind = _token_refusal(faults) if _is_of_tokens(request) else InvalidInput
    return await domain_problem(request, kind(faults))


def _token_refusal(faults: Sequence[Fault]) -> type[InvalidInput]:
    unsupported = any(fault.field == "grant_type" and fault.code == "literal_error" for fault in faults)
    return UnsupportedGrantType if unsupported else InvalidTokenRequest


def _body_info(request: Request) -> FieldInfo:
    """What the matched route declares of its body."""
    body_field = getattr(request.scope.get("route"), "body_field", None)
    return body_field.field_info if body_field is not None else FieldInfo()


def _is_of_tokens(request: Request) -> bool:
    return _body_info(request).annotation is TokenRequest


def _readable(request: Request) -> bool:
    """Whether the body has a content type that the route takes. One that is missing has none to be wrong."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not content_type and not _has_body(request):
        return True
    if isinstance(_body_info(request), Form):
        return content_type in ("application/x-www-form-urlencoded", "multipart/form-data")
    return is_json(content_type)


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def _fault(fault: Mapping[str, Any]) -> Fault:
    # The first part says where the field is (body, query, path, header), which its name tells well enough.
    path = [str(part) for part in fault["loc"][1:]]
    return Fault(".".join(path) or str(fault["loc"][0]), fault["type"], fault["msg"])


async def http_problem(request: Request, error: HTTPException) -> Response:
    if isinstance(error, UnacceptableBody):
        return await domain_problem(request, InvalidInput([error.fault]))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_allowed(request) or {"GET", "HEAD"}))
    return framework_problem(request, error.status_code, headers)


def _allowed(request: Request) -> set[str]:
    """Every method that the path takes: the router names those of the first route alone."""
    path = request.scope["path"]
    methods = {
        method
        for route in iter_route_contexts(request.app.routes)
        if (regex := getattr(route, "path_regex", None)) is not None and regex.match(path)
        for method in route.methods or ()
    }
    return methods | {"HEAD"} if "GET" in methods else methods
