"""The OpenAPI document: what FastAPI derives from the routes, completed with what holds for every one of them."""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic.json_schema import models_json_schema

from backend.api.dependencies import identity
from backend.api.problems import MEDIA_TYPE
from backend.schemas.problems import InputProblem, Problem, VersionProblem

type Responses = dict[int | str, dict[str, Any]]
type Document = dict[str, Any]

_SCHEMA = "#/components/schemas/"
_PROBLEM_SCHEMAS: Mapping[int, type[Problem]] = {400: InputProblem, 412: VersionProblem}

TAGS = [
    {"name": "Tasks", "description": "One's own tasks."},
    {"name": "Sign-in", "description": "Accounts, sessions and tokens."},
    {"name": "Users", "description": "One's own profile."},
    {"name": "Health", "description": "For load balancers and orchestrators."},
]

_SECURITY_SCHEMES = {
    "password": {
        "type": "oauth2",
        "description": "Sign in here with the e-mail address as the user name.",
        "flows": {
            "password": {"tokenUrl": "/api/v1/auth/token", "refreshUrl": "/api/v1/auth/token", "scopes": {}},
        },
    },
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}
_SECURITY: list[dict[str, list[str]]] = [{"password": []}, {"bearer": []}]

_HEADERS: Mapping[str, tuple[str, str]] = {
    "X-Request-ID": ("The id of this request, in the server's log too", "0192f3c1b2a47d10"),
    "ETag": ("The version, for `If-Match` and `If-None-Match`", '"42"'),
    "Link": ('The next page, as `rel="next"`, while there is one', '</api/v1/users/me/tasks?cursor=AAY…>; rel="next"'),
    "Location": ("The address of the new object", "/api/v1/users/me/tasks/0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01"),
    "Retry-After": ("Seconds after which to try again", "2"),
    "WWW-Authenticate": ("What to authenticate with (RFC 6750)", 'Bearer error="invalid_token"'),
}


def operation_id(route: APIRoute) -> str:
    """`create_task` becomes `createTask`: stable, whatever becomes of its path."""
    first, *others = route.name.split("_")
    return first + "".join(word.capitalize() for word in others)


def phase2_operation_id(route: APIRoute) -> str:
    """The same operation at the mission document's own path."""
    return operation_id(route) + "Phase2"


def problems(*statuses: int) -> Responses:
    """The `responses=` of a route that may answer these, besides 503, which any route that needs the database may."""
    return {status: _problem_response(status) for status in (*statuses, 503)}


def _problem_response(status: int) -> dict[str, Any]:
    schema = _PROBLEM_SCHEMAS.get(status, Problem)
    return {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMA + schema.__name__}, "example": _example(status)}},
    }


_EXAMPLES: Mapping[int, tuple[str, str, dict[str, Any]]] = {
    400: (
        "invalid_input",
        "The input is not valid",
        {"errors": [{"field": "title", "code": "missing", "message": "Field required"}]},
    ),
    401: ("token_expired", "The access token has expired; refresh it", {}),
    403: ("not_yours", "This path belongs to another user; use your own id or `me`", {}),
    404: ("task_not_found", "There is no such task", {}),
    409: ("id_in_trash", "An object with this id is in the trash", {}),
    412: (
        "version_mismatch",
        "The object has changed since the version you named",
        {"current": {"id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01", "version": 43}},
    ),
    413: ("content_too_large", "The request body is larger than 1 MiB", {}),
    415: ("unsupported_media_type", "The request body has another content type than this path takes", {}),
    500: ("internal_error", "Something went wrong on our side", {}),
    503: ("overloaded", "The server has more to do than it can; try again shortly", {}),
}


def _example(status: int) -> dict[str, Any]:
    code, title, extensions = _EXAMPLES[status]
    return {
        "type": f"urn:problem-type:donewell:{code}",
        "title": title,
        "status": status,
        "detail": title,
        "instance": "/api/v1/users/me/tasks",
        "code": code,
        "request_id": "0192f3c1b2a47d108000",
        **extensions,
    }


def document_of(app: FastAPI) -> Callable[[], Document]:
    """What to use as `app.openapi`: makes the document once."""

    def document() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(app)
        return app.openapi_schema

    return document


def _complete(app: FastAPI) -> Document:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        license_info=app.license_info,
        servers=[{"url": "/", "description": "This server"}],
    )
    components = document.setdefault("components", {})
    _, definitions = models_json_schema(
        [(model, "serialization") for model in (Problem, InputProblem, VersionProblem)],
        ref_template=_SCHEMA + "{model}",
    )
    components["schemas"] = dict(sorted({**components.get("schemas", {}), **definitions["$defs"]}.items()))
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["securitySchemes"] = _SECURITY_SCHEMES
    components["headers"] = {
        name: {"description": description, "schema": {"type": "string"}, "example": example}
        for name, (description, example) in _HEADERS.items()
    }
    protected = set(_protected(app))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if (path, method) in protected:
                operation["security"] = _SECURITY
            _complete_responses(operation, components["schemas"])
    return document


def _protected(app: FastAPI) -> Iterator[tuple[str, str]]:
    """The operations that ask who is asking."""
    for route in iter_route_contexts(app.routes):
        if (dependant := getattr(route, "dependant", None)) is not None and _asks_identity(dependant):
            yield from ((str(route.path_format), method.lower()) for method in route.methods or ())


def _asks_identity(dependant: Dependant) -> bool:
    return any(part.call is identity or _asks_identity(part) for part in dependant.dependencies)


def _complete_responses(operation: Document, schemas: Document) -> None:
    responses = operation["responses"]
    # FastAPI declares its own 422 wherever there is input; ours is the 400 that the route declares.
    responses.pop("422", None)
    responses["500"] = _problem_response(500)
    if any(parameter["name"] == "If-None-Match" for parameter in operation.get("parameters", ())):
        responses["304"] = {"description": "You have this version already"}
    for status, response in responses.items():
        names = ["X-Request-ID", *_header_names(status, response, schemas)]
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    operation["responses"] = dict(sorted(responses.items()))


def _header_names(status: str, response: Document, schemas: Document) -> Iterator[str]:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    named = schemas.get(schema.get("$ref", "").removeprefix(_SCHEMA), {})
    if "version" in named.get("properties", {}):
        yield "ETag"
        if status == "201":
            yield "Location"
    if status == "304":
        yield "ETag"
    if schema.get("type") == "array":
        yield "Link"
    if status == "401":
        yield "WWW-Authenticate"
    if status == "503":
        yield "Retry-After"
