"""Where the requests of an operation name objects, and where they carry text: read off its OpenAPI document."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.integration.test_architecture.operations import APP, OPERATIONS, Operation

DOCUMENT: Mapping[str, Any] = APP.openapi()
_OF_THE_SAME_KIND = ("into", "after", "before", "parent_id")
"""Names in a body for another object of the kind that the operation is about."""

ITEM = "[]"
"""In the way to a place: any item of an array."""

_OF_A_FORM = {"query", "email"}
"""Texts that would no longer be good with a mark in them."""

_BODY_KEYS = {"application/json": "json", "application/x-www-form-urlencoded": "data"}

type Request = dict[str, Any]
type Way = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a request: `where` is path, query or body; `way` are the names that lead to it there."""

    where: str
    way: Way

    def __str__(self) -> str:
        return f"{self.where} {'.'.join(self.way)}"


def places_of_ids(operation: Operation) -> list[Place]:
    """Every place where a request may name an object: in the path, in the query string, and anywhere in the body."""
    definition = _definition(operation)
    queried = [parameter for parameter in definition.get("parameters", ()) if parameter["in"] == "query"]
    return [
        *(Place("path", (name,)) for name in operation.objects),
        *(Place("query", (it["name"],)) for it in queried if any(map(_is_id, _leaves_of(it["schema"])))),
        *(Place("body", way) for way, schema in _body(definition) if _is_id(schema)),
    ]


def choices_of(operation: Operation, name: str) -> list[str] | None:
    """What a parameter of the query string may be, if that is one of a few; nothing if there is no such parameter."""
    for parameter in _definition(operation).get("parameters", ()):
        if (parameter["in"], parameter["name"]) == ("query", name):
            leaves = _leaves_of(parameter["schema"])
            return [
                choice for leaf in leaves for choice in leaf.get("enum", [leaf["const"]] if "const" in leaf else [])
            ]
    return None


def parameter_of(operation: Operation, place: Place) -> str:
    """The path parameter by which the objects go that may be named at a place."""
    name = next(name for name in reversed(place.way) if name != ITEM)
    if name in ("id", *_OF_THE_SAME_KIND):
        own = next((below.objects[-1] for below in OPERATIONS if is_below(operation, below)), "")
        return own if name == "id" else f"another {operation.objects[-1] if operation.objects else own}"
    return name if place.where == "path" else name.removesuffix("s")


def is_below(collection: Operation, operation: Operation) -> bool:
    """Whether the operation is on a single object of the collection. Quick add makes one of another's."""
    path = collection.path.removesuffix("/quick")
    return bool(operation.objects) and operation.path == f"{path}/{{{operation.objects[-1]}}}"


def places_that_sound_like_ids(operation: Operation) -> set[Way]:
    """What of the query string and of the body is called an id, whatever it is declared to be."""
    definition = _definition(operation)
    ways: list[Way] = [
        (parameter["name"],) for parameter in definition.get("parameters", ()) if parameter["in"] == "query"
    ]
    ways += [way for way, _ in _body(definition)]
    names = {way: [name for name in way if name != ITEM][-1:] for way in ways}
    return {way for way, last in names.items() if last and _sounds_like_an_id(last[0])}


def with_mark(operation: Operation, request: Request, mark: str) -> Request:
    """The request with a mark in every text that can be read back, like titles and names."""
    read = {way[-1] for way, _ in _answers(operation) if way} - _OF_A_FORM
    body = request.get("json")
    if not isinstance(body, dict):
        return request
    texts = {way[0] for way, schema in _body(_definition(operation)) if len(way) == 1 and _is_text(schema)} & read
    marked = {name: f"{value} {mark}" if name in texts and value else value for name, value in body.items()}
    return {**request, "json": marked}


def with_id(operation: Operation, request: Request, place: Place, value: str) -> Request:
    """The request with this id at a place in the query string or in the body."""
    request = deepcopy(request)
    key = "params" if place.where == "query" else _body_key(operation)
    request[key] = _put(request.get(key), place.way, value)
    return request


def _put(holder: Any, way: Way, value: str) -> Any:
    if not way:
        return value
    if way[0] == ITEM:
        items = list(holder or [None])
        return [_put(items[0], way[1:], value), *items[1:]]
    return {**(holder or {}), way[0]: _put((holder or {}).get(way[0]), way[1:], value)}


def _definition(operation: Operation) -> Mapping[str, Any]:
    found: Mapping[str, Any] = DOCUMENT["paths"].get(operation.path, {}).get(operation.method.lower(), {})
    return found


def _body_key(operation: Operation) -> str:
    content = _definition(operation)["requestBody"]["content"]
    return next(key for media, key in _BODY_KEYS.items() if media in content)


def _body(definition: Mapping[str, Any]) -> Iterator[tuple[Way, Mapping[str, Any]]]:
    for media in definition.get("requestBody", {}).get("content", {}).values():
        yield from _leaves(media["schema"])


def _answers(operation: Operation) -> Iterator[tuple[Way, Mapping[str, Any]]]:
    for status, response in _definition(operation).get("responses", {}).items():
        if status.startswith("2"):
            for media in response.get("content", {}).values():
                yield from _leaves(media.get("schema", {}))


def _leaves_of(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (leaf for _, leaf in _leaves(schema))


def _leaves(
    schema: Mapping[str, Any], way: Way = (), within: tuple[str, ...] = ()
) -> Iterator[tuple[Way, Mapping[str, Any]]]:
    """What a schema is made of in the end, and the way to each; a schema within itself is not entered again."""
    if (reference := schema.get("$ref", "")) in within:
        return
    if reference:
        name = reference.removeprefix("#/components/schemas/")
        yield from _leaves(DOCUMENT["components"]["schemas"][name], way, (*within, reference))
        return
    inner = [(way, part) for kind in ("anyOf", "oneOf", "allOf") for part in schema.get(kind, ())]
    inner += [((*way, name), part) for name, part in schema.get("properties", {}).items()]
    inner += [((*way, ITEM), schema["items"])] if "items" in schema else []
    inner += [(way, values)] if isinstance(values := schema.get("additionalProperties"), dict) else []
    if not inner:
        yield way, schema
    for further, part in inner:
        yield from _leaves(part, further, within)


def _is_id(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "uuid"


def _sounds_like_an_id(name: str) -> bool:
    return name in ("id", "ids") or name.endswith(("_id", "_ids"))


def _is_text(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "string" and not {"format", "enum", "const"} & schema.keys() and "maxLength" in schema
