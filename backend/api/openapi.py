"""The OpenAPI document: what FastAPI derives from the routes, completed with what holds for every one of them."""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from inspect import getdoc, getmodule
from itertools import groupby
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic.json_schema import models_json_schema

from backend.api.dependencies import NotYours
from backend.api.headers import HEADERS
from backend.api.problems import FRAMEWORK_CODES, MEDIA_TYPE, status_of
from backend.api.scopes import offered
from backend.api.security import SCHEMES, protected_operations, requirements
from backend.auth.principal import (
    InsufficientScope,
    SessionRequired,
    TokenExpired,
    TokenForged,
    TokenInvalid,
    TokenMalformed,
    TokenMissing,
    TokenRevoked,
)
from backend.domain.errors import (
    DatabaseUnavailable,
    DonewellError,
    InvalidInput,
    Overloaded,
    PreconditionFailed,
    RateLimited,
)
from backend.schemas.problems import InputProblem, Problem, VersionProblem

type Refusal = int | type[DonewellError]
type Responses = dict[int | str, dict[str, Any]]
type Document = dict[str, Any]

_SCHEMA = "#/components/schemas/"
_RESPONSE = "#/components/responses/"
_PROBLEM_SCHEMAS: Mapping[int, type[Problem]] = {400: InputProblem, 412: VersionProblem}

# In the order in which the reference pages show them.
TAGS = [
    {"name": "Sign-in", "description": "Start here: register, then press Authorize and sign in."},
    {"name": "Tasks", "description": "Your own tasks."},
    {"name": "Users", "description": "Your own profile."},
    {"name": "Health", "description": "For load balancers and orchestrators."},
    {"name": "Phase II", "description": "The operations of Tasks once more, at the paths of the Phase II contract."},
]

# What a status stands for where no resource has refusals of its own.
_COMMON: Mapping[int, tuple[type[DonewellError], ...]] = {
    400: (InvalidInput,),
    401: (TokenMissing, TokenMalformed, TokenForged, TokenExpired, TokenInvalid, TokenRevoked),
    403: (NotYours,),
    412: (PreconditionFailed,),
    429: (RateLimited,),
    503: (Overloaded, DatabaseUnavailable),
}

_FILTER_FAULT = {"field": "filter", "code": "invalid_filter", "message": "At character 6: there is no day 2027-02-30"}
# By status, or by code.
_EXTENSIONS: Mapping[int | str, dict[str, Any]] = {
    400: {"errors": [{"field": "title", "code": "missing", "message": "Field required"}]},
    412: {"current": {"id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01", "title": "Water the plants", "version": 43}},
    InsufficientScope.code: {"scope": "tasks:write"},
    "invalid_filter": {"errors": [_FILTER_FAULT], "position": 6, "expected": []},
}


def operation_id(route: APIRoute) -> str:
    """`create_task` becomes `createTask`: stable, whatever becomes of its path."""
    first, *others = route.name.split("_")
    return first + "".join(word.capitalize() for word in others)


def phase2_operation_id(route: APIRoute) -> str:
    """The same operation at the mission document's own path."""
    return operation_id(route) + "Phase2"


def problems(*refusals: Refusal) -> Responses:
    """The `responses=` of a route that may refuse with these statuses, or with these errors of its resource.

    Some come by themselves: 503 with these, 413 and 415 wherever there is a body, 429 wherever requests are counted,
    and 500 everywhere.
    """
    by_status = sorted({*refusals, 503}, key=lambda refusal: (_status(refusal), _name(refusal)))
    return {status: _problem_response(status, *same) for status, same in groupby(by_status, _status)}


def _status(refusal: Refusal) -> int:
    return refusal if isinstance(refusal, int) else status_of(refusal)


def _name(refusal: Refusal) -> str:
    return HTTPStatus(refusal).phrase.title().replace(" ", "") if isinstance(refusal, int) else refusal.__name__


def _problem_response(status: int, *refusals: Refusal) -> dict[str, Any]:
    schema = _PROBLEM_SCHEMAS.get(status, Problem)
    examples = {
        code: {"summary": title, "value": _example(status, code, title)}
        for refusal in refusals
        for code, title in _codes(refusal)
    }
    return {
        # The finished document shares the response among its operations under this name.
        "x-name": "Or".join(map(_name, refusals)),
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMA + schema.__name__}, "examples": examples}},
    }


def _codes(refusal: Refusal) -> list[tuple[str, str]]:
    if not isinstance(refusal, int):
        return [(refusal.code, refusal.title)]
    common = [(error.code, error.title) for error in _COMMON.get(refusal, ())]
    return common or [FRAMEWORK_CODES[refusal]]


def _example(status: int, code: str, title: str) -> dict[str, Any]:
    return {
        "type": f"urn:problem-type:donewell:{code}",
        "title": title,
        "status": status,
        "detail": title,
        "instance": "/api/v1/users/me/tasks",
        "code": code,
        "request_id": "0192f3c1b2a47d108000",
        **_EXTENSIONS.get(status, {}),
        **_EXTENSIONS.get(code, {}),
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
        description=app.description.strip(),
        routes=app.routes,
        tags=app.openapi_tags,
        license_info=app.license_info,
        servers=[{"url": "/", "description": "This server"}],
    )
    components = document.setdefault("components", {})
    components["schemas"] = schemas = _schemas(components.get("schemas", {}))
    schemas["AccessTokenCreate"]["properties"]["scopes"]["items"]["enum"] = sorted(offered(app))
    protected = dict(protected_operations(app))
    shared: Document = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operation["summary"] = _first_sentence(operation["description"])
            if (path, method) in protected:
                _protect(operation, protected[path, method])
            _complete_input(operation, schemas)
            _complete_responses(operation, schemas)
            _share(operation["responses"], shared)
    components["responses"] = dict(sorted(shared.items()))
    document["tags"] = _tags(app)
    components["headers"] = {
        name: {"description": description, "schema": {"type": "string"}, "example": example}
        for name, (description, example) in HEADERS.items()
    }
    components["securitySchemes"] = SCHEMES
    return document


def _tags(app: FastAPI) -> list[Document]:
    """Those described above; before the last of them those of other resources, described by their route files."""
    known = {tag["name"] for tag in TAGS}
    others = {
        str(name): getdoc(getmodule(route.endpoint)) or ""
        for route in iter_route_contexts(app.routes)
        for name in getattr(route, "tags", None) or ()
        if name not in known
    }
    return [*TAGS[:-1], *({"name": name, "description": text} for name, text in others.items()), TAGS[-1]]


def _schemas(derived: Document) -> Document:
    """The schemas that FastAPI derived, and those of our problems in place of its own."""
    _, definitions = models_json_schema(
        [(model, "serialization") for model in (Problem, InputProblem, VersionProblem)],
        ref_template=_SCHEMA + "{model}",
    )
    schemas = {**derived, **definitions["$defs"]}
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    for schema in schemas.values():
        if "examples" in schema and "properties" in schema:
            # Pydantic sorts the members of an example, where an answer has the order of the fields.
            names = schema["properties"]
            # What is null, FastAPI has dropped.
            required = schema.get("required", ())
            schema["examples"] = [
                {name: one.get(name) for name in names if name in one or name in required} for one in schema["examples"]
            ]
    return dict(sorted(schemas.items()))


def _protect(operation: Document, scope: str | None) -> None:
    """Say who may ask: any session, and a personal access token with the scope if there is one."""
    operation["security"] = requirements(scope)
    refusal = _problem_response(403, InsufficientScope if scope else SessionRequired)
    declared = operation["responses"].setdefault("403", refusal)
    if declared is not refusal:
        declared["x-name"] += f"Or{refusal['x-name']}"
        declared["content"][MEDIA_TYPE]["examples"] |= refusal["content"][MEDIA_TYPE]["examples"]


def _first_sentence(text: str) -> str:
    return text.split("\n", 1)[0].split(". ", 1)[0].rstrip(".")


def _complete_input(operation: Document, schemas: Document) -> None:
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = schema = _without_null(parameter["schema"])
        if parameter["required"] and "examples" in schema:
            parameter["example"] = schema["examples"][0]
    if form := operation.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded"):
        fields = schemas[form["schema"]["$ref"].removeprefix(_SCHEMA)]["properties"]
        fields.update({name: _without_null(field) for name, field in fields.items()})


def _without_null(schema: Document) -> Document:
    """What text can say: None is how a handler sees that a parameter or a field of a form is absent."""
    match schema.get("anyOf"):
        case [some, {"type": "null"}]:
            return {**some, **{name: value for name, value in schema.items() if name != "anyOf"}}
        case [*some, {"type": "null"}]:
            return {**schema, "anyOf": some}
    return schema


def _complete_responses(operation: Document, schemas: Document) -> None:
    responses = operation["responses"]
    counted, creates = "Health" not in operation["tags"], "201" in responses
    # FastAPI declares its own 422 wherever there is input; ours is the 400 that the route declares.
    responses.pop("422", None)
    for status in (413, 415, 500) if "requestBody" in operation else (500,):
        responses[str(status)] = _problem_response(status, status)
    if counted:
        responses.setdefault("429", _problem_response(429, 429))
    if any(parameter["name"] == "If-None-Match" for parameter in operation.get("parameters", ())):
        responses["304"] = {"description": "You have this version already"}
    for status, response in responses.items():
        if response["description"] == "Successful Response":
            response["description"] = HTTPStatus(int(status)).phrase
        names = ["X-Request-ID", *_header_names(status, response, schemas, creates=creates)]
        if status == "200" and "304" in responses and "ETag" not in names:
            names.append("ETag")
        # A fault of ours is answered for by who does not count.
        if counted and status != "500":
            names += ["RateLimit", "RateLimit-Policy"]
        elif not counted and "x-name" in response:
            response["x-name"] += "Uncounted"
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    operation["responses"] = dict(sorted(responses.items()))


def _header_names(status: str, response: Document, schemas: Document, *, creates: bool) -> Iterator[str]:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    named = schemas.get(schema.get("$ref", "").removeprefix(_SCHEMA), {})
    versioned = "version" in named.get("properties", {})
    if versioned or status == "304":
        yield "ETag"
    if versioned and creates:
        yield "Location"
    if schema.get("type") == "array":
        yield "Link"
    if status == "401" or "InsufficientScope" in response.get("x-name", ""):
        yield "WWW-Authenticate"
    if status in ("429", "503"):
        yield "Retry-After"


def _share(responses: Document, shared: Document) -> None:
    for status, response in responses.items():
        if (name := response.pop("x-name", None)) is not None:
            shared[name] = response
            responses[status] = {"$ref": _RESPONSE + name}
