"""What every route of the API owes its readers: an id, a tag, a summary, its errors declared, and lists with an end."""

import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from backend.api.problems import MEDIA_TYPE
from tests.integration.test_architecture.operations import APP, OPERATIONS, Operation

DOCUMENT = APP.openapi()
API = [operation for operation in OPERATIONS if operation.path.startswith("/api/")]
LARGEST_PAGE = 200
PHASE2 = ("/api/v1/users/{user_id}/tasks", "/api/{user_id}/tasks")

every_api_operation = pytest.mark.parametrize("operation", API, ids=str)


def documented(operation: Operation) -> dict[str, Any]:
    """What the OpenAPI document says of the operation."""
    found: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


def resolved(response: dict[str, Any]) -> dict[str, Any]:
    """The response itself, where several operations share it."""
    name = response.get("$ref", "").removeprefix("#/components/responses/")
    return DOCUMENT["components"]["responses"][name] if name else response


def parameters(operation: Operation) -> dict[str, dict[str, Any]]:
    return {parameter["name"]: parameter for parameter in documented(operation).get("parameters", ())}


def possible_problems(operation: Operation) -> Iterator[int]:
    """The errors that follow from what an operation takes."""
    yield from (500, 503)
    if operation.protected:
        yield 401
    if "user_id" in operation.parameters:
        yield 403
    if operation.objects:
        yield 404
    if "if-match" in {name.lower() for name in parameters(operation)}:
        yield from (400, 412)
    if "requestBody" in documented(operation):
        yield from (400, 413, 415)
    if any(parameter["in"] in ("path", "query") for parameter in parameters(operation).values()):
        yield 400


def is_list(operation: Operation) -> bool:
    content = documented(operation)["responses"].get("200", {}).get("content", {})
    return bool(content.get("application/json", {}).get("schema", {}).get("type") == "array")


LISTS = [operation for operation in API if is_list(operation)]


def test_every_route_of_the_api_is_documented() -> None:
    served = {(operation.path, operation.method.lower()) for operation in API}
    described = {
        (path, method) for path, methods in DOCUMENT["paths"].items() if path.startswith("/api/") for method in methods
    }

    assert served == described
    assert served


@every_api_operation
def test_a_route_declares_every_problem_it_can_answer(operation: Operation) -> None:
    responses = documented(operation)["responses"]

    assert {str(status) for status in possible_problems(operation)} - responses.keys() == set()
    assert "422" not in responses
    for status, response in responses.items():
        if int(status) >= 400:
            content = resolved(response)["content"]
            assert list(content) == [MEDIA_TYPE], status
            assert content[MEDIA_TYPE]["schema"]["$ref"].endswith("Problem"), status


@every_api_operation
def test_a_route_has_one_known_tag_and_a_camel_case_id(operation: Operation) -> None:
    operation_document = documented(operation)

    assert re.fullmatch(r"[a-z]+([A-Z][a-z]*)*(Phase2)?", operation_document["operationId"])
    assert len(operation_document["tags"]) == 1
    assert operation_document["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}


def test_operation_ids_are_unique() -> None:
    ids = Counter(operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values())

    assert [name for name, times in ids.items() if times > 1] == []


@every_api_operation
def test_a_route_says_in_a_sentence_what_it_does(operation: Operation) -> None:
    assert operation.route.endpoint is not None
    promise = inspect.getdoc(operation.route.endpoint)

    assert promise, "Give the handler a docstring: it is what readers of the reference see"
    assert re.match(r"[A-Z][^\n]*[.`]$", promise.splitlines()[0])
    assert documented(operation)["description"] == promise
    assert documented(operation)["summary"]


@pytest.mark.parametrize("operation", LISTS, ids=str)
def test_a_list_has_a_bounded_limit_and_a_cursor(operation: Operation) -> None:
    limit = parameters(operation)["limit"]["schema"]

    assert limit["minimum"] == 1
    assert limit["default"] <= limit["maximum"] <= LARGEST_PAGE
    assert "cursor" in parameters(operation)
    assert "Link" in documented(operation)["responses"]["200"]["headers"]


def test_there_are_lists_at_both_base_paths() -> None:
    assert {operation.path for operation in LISTS} >= set(PHASE2)


def test_the_mission_documents_paths_take_the_same_methods_as_ours() -> None:
    ours, theirs = (
        {
            (operation.path.removeprefix(base), operation.method, operation.name)
            for operation in OPERATIONS
            if operation.path.startswith(base)
        }
        for base in PHASE2
    )

    assert theirs <= ours
    assert {(path, method) for path, method, _ in theirs} == {
        ("", "GET"),
        ("", "POST"),
        ("/{task_id}", "GET"),
        ("/{task_id}", "PUT"),
        ("/{task_id}", "PATCH"),
        ("/{task_id}", "DELETE"),
        ("/{task_id}/complete", "PATCH"),
    }


def test_the_mission_documents_paths_take_and_answer_the_same_as_ours() -> None:
    ours, theirs = (
        {
            (path.removeprefix(base), method): _but_for_names(operation)
            for path, methods in DOCUMENT["paths"].items()
            if path.startswith(base)
            for method, operation in methods.items()
        }
        for base in PHASE2
    )

    assert {at: ours.get(at) for at in theirs} == theirs


def _but_for_names(operation: dict[str, Any]) -> Any:
    return json.loads(re.sub("phase2", "", json.dumps(operation | {"tags": []}), flags=re.IGNORECASE))
