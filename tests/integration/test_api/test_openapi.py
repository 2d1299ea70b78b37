"""The OpenAPI document: valid, complete, with examples that hold, and the one that is committed."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.factories.clients import Client
from tests.integration.test_api.contract import (
    CONTRACT,
    DOCUMENT,
    OPERATIONS,
    PROBLEM,
    REGENERATE,
    Operation,
    address,
    nodes,
    resolved,
    violations,
)

# The reference pages, what they load, and the document itself: for people's eyes, not part of the API.
NOT_API = ("/docs", "/redoc", "/openapi.json")

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


def contents(operation: Operation) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Every content of the operation: where it is, its type, and what is declared of it."""
    for media_type, media in operation.definition.get("requestBody", {}).get("content", {}).items():
        yield "request", media_type, media
    for status, response in operation.responses.items():
        for media_type, media in response.get("content", {}).items():
            yield str(status), media_type, media


def examples(node: Mapping[str, Any]) -> Iterator[Any]:
    """The examples of a schema, a parameter, a header or a content."""
    if "example" in node:
        yield node["example"]
    named = node.get("examples", ())
    yield from (one["value"] for one in named.values()) if isinstance(named, dict) else named


def has_example(schema: Mapping[str, Any]) -> bool:
    schema = resolved(schema)
    return "examples" in schema or ("items" in schema and has_example(schema["items"]))


async def test_the_committed_document_is_the_one_that_is_served(anonymous: Client, app: FastAPI) -> None:
    served = (await anonymous.get("/openapi.json")).json()
    printed = json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"

    assert served == app.openapi()
    assert CONTRACT.read_text(encoding="utf-8") == printed, f"If the change is meant, run: {REGENERATE}"


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_every_route_is_documented(app: FastAPI) -> None:
    routes = {
        (method, str(route.path_format))
        for route in iter_route_contexts(app.routes)
        if not str(route.path_format).startswith(NOT_API)
        for method in route.methods or ()
    }
    documented = {(operation.method, operation.path) for operation in OPERATIONS}

    assert {route for route in routes if route[0] != "HEAD"} == documented, f"Run: {REGENERATE}"


def test_operation_ids_are_unique_names() -> None:
    names = [operation.definition["operationId"] for operation in OPERATIONS]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]*)*[0-9]?", name)] == []
    assert {"createTask", "createTaskPhase2", "registerUser", "getMe"} <= set(names)


@every_operation
def test_an_operation_says_what_it_is(operation: Operation) -> None:
    definition = operation.definition
    described = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    assert len(definition["tags"]) == 1
    assert described[definition["tags"][0]]
    assert definition["description"].startswith(definition["summary"])
    assert 0 < len(definition["summary"]) <= 80
    assert all(parameter["description"] for parameter in operation.parameters)


@every_operation
def test_every_answer_is_declared_with_a_schema_and_an_example(operation: Operation) -> None:
    assert 500 in operation.responses
    assert 422 not in operation.responses
    assert (401 in operation.responses) or not operation.protected
    for status, response in operation.responses.items():
        assert response["description"] not in ("", "Successful Response", "Additional Response")
        assert ("content" in response) == (status not in (202, 204, 304))
        assert (PROBLEM in response.get("content", {})) == (status >= 400)
        assert "X-Request-ID" in response["headers"]
    for where, media_type, media in contents(operation):
        assert "schema" in media, (where, media_type)
        assert list(examples(media)) or has_example(media["schema"]), (where, media_type)


@every_operation
async def test_security_is_declared_where_an_identity_is_asked_for(operation: Operation, anonymous: Client) -> None:
    reply = await anonymous.request(operation.method, address(operation.path))

    asked = reply.status_code == 401 and reply.json()["code"] == "token_missing"
    assert asked == operation.protected
    for requirement in operation.definition.get("security", ()):
        assert requirement.keys() <= DOCUMENT["components"]["securitySchemes"].keys()


def test_everything_that_is_defined_is_used() -> None:
    used = {node["$ref"] for _, node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)}
    defined = {
        f"#/components/{kind}/{name}"
        for kind, components in DOCUMENT["components"].items()
        if kind != "securitySchemes"
        for name in components
    }
    assert used == defined


def test_every_example_is_valid_in_its_place() -> None:
    checked = 0
    for path, node in nodes(DOCUMENT):
        # Where a schema is beside the examples, they are of that schema; else they are in the schema they are of.
        schema = node.get("schema", node)
        if "/properties/examples" in path or not (isinstance(schema, dict) and {"type", "$ref", "anyOf"} & set(schema)):
            continue
        for example in examples(node):
            checked += 1
            assert violations(schema, example) == [], path
    assert checked > 50


def test_no_parameter_and_no_form_field_can_be_null() -> None:
    """Text cannot say null: only JSON can."""
    fields = [parameter["schema"] for operation in OPERATIONS for parameter in operation.parameters]
    for operation in OPERATIONS:
        if operation.body is not None and operation.body[0] != "application/json":
            fields += operation.body[1]["properties"].values()
    assert [field for field in fields if violations(field, None) == []] == []


def test_sign_in_of_the_reference_pages_is_described(app: FastAPI) -> None:
    flow = DOCUMENT["components"]["securitySchemes"]["password"]["flows"]["password"]
    paths = {operation.path for operation in OPERATIONS}
    assert flow["tokenUrl"] in paths
    assert flow["refreshUrl"] in paths
    assert app.openapi()["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
