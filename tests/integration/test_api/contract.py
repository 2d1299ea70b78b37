"""The committed OpenAPI document: its operations, and whether an answer is what it says."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from openapi_schema_validator import OAS31Validator, oas31_format_checker

CONTRACT = Path(__file__).parents[3] / "specs/001-phase2-backend-api/contracts/openapi.json"
DOCUMENT: dict[str, Any] = json.loads(CONTRACT.read_text(encoding="utf-8"))
PROBLEM = "application/problem+json"
REGENERATE = f"uv run donewell openapi > {CONTRACT.relative_to(CONTRACT.parents[3])}"


@dataclass(frozen=True, slots=True)
class Operation:
    """A method at a path, with what the document says of it."""

    method: str
    path: str
    definition: Mapping[str, Any]

    def __str__(self) -> str:
        return str(self.definition["operationId"])

    @property
    def protected(self) -> bool:
        return "security" in self.definition

    @property
    def parameters(self) -> list[Mapping[str, Any]]:
        return list(self.definition.get("parameters", ()))

    @property
    def objects(self) -> list[str]:
        """The parts of the path that name an object, and not whose it is."""
        return [name for name in re.findall(r"{(\w+)}", self.path) if name != "user_id"]

    @property
    def body(self) -> tuple[str, Mapping[str, Any]] | None:
        """The content type of the request body and its schema, references resolved."""
        content = self.definition.get("requestBody", {}).get("content", {})
        return next(((name, resolved(media["schema"])) for name, media in content.items()), None)

    @property
    def takes_an_id(self) -> bool:
        """Whether it makes an object whose id the client may choose."""
        return self.method == "POST" and self.body is not None and "id" in self.body[1]["properties"]

    @property
    def responses(self) -> dict[int, Mapping[str, Any]]:
        return {int(status): resolved(response) for status, response in self.definition["responses"].items()}


def address(template: str, **given: str) -> str:
    """One's own path, with the given ids; where none is given, with one that nothing has."""
    return template.format_map(
        defaultdict(lambda: str(uuid4()), {"user_id": "me", "secret": f"dwf_{'x' * 43}"} | given)
    )


def resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node that a reference stands for; any other node itself."""
    if "$ref" not in node:
        return node
    found: Any = DOCUMENT
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolved(found)


def nodes(node: Any, path: str = "#") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object in the document, with the JSON pointer to it."""
    if isinstance(node, dict):
        yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield from nodes(child, f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}")


def violations(schema: Mapping[str, Any], value: Any) -> list[str]:
    """What of the schema the value does not keep, formats included."""
    whole = {**schema, "components": DOCUMENT["components"]}
    validator = OAS31Validator(whole, format_checker=oas31_format_checker)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def assert_declared(operation: Operation, reply: httpx.Response) -> None:
    """The document declares this status of the operation, and of it this content, this code and these headers."""
    assert reply.status_code in operation.responses, f"{operation} does not declare this: {reply.text}"
    response = operation.responses[reply.status_code]
    _assert_content(response.get("content", {}), reply)
    declared = {name: resolved(header) for name, header in response.get("headers", {}).items()}
    # While there is more, and where it is a scope that is lacking; the other headers come always.
    sometimes = {"Link", "WWW-Authenticate"} if reply.status_code == 403 else {"Link"}
    assert declared.keys() - sometimes <= {name for name in declared if name in reply.headers}
    assert {name for name in DOCUMENT["components"]["headers"] if name in reply.headers} <= declared.keys()
    for name in declared.keys() & {"Link", *reply.headers}:
        assert violations(declared[name]["schema"], reply.headers.get(name, "")) == []


def _assert_content(content: Mapping[str, Any], reply: httpx.Response) -> None:
    if not content:
        assert reply.content == b""
        assert "content-type" not in reply.headers
        return
    media_type = reply.headers["content-type"].partition(";")[0]
    media = content[media_type]
    body: Any = reply.json() if media_type.endswith("json") else reply.text
    assert violations(media["schema"], body) == [], reply.text
    if reply.headers["content-type"] == PROBLEM:
        assert body["code"] in media["examples"], "the code of a refusal is one that the document names"


OPERATIONS = [
    Operation(method.upper(), path, definition)
    for path, methods in DOCUMENT["paths"].items()
    for method, definition in methods.items()
]
