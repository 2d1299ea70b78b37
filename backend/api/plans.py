"""Plans: what FastAPI does for a route, laid out once as a list of calls and where their arguments come from."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from inspect import iscoroutinefunction, signature
from typing import Any

from fastapi import params
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext
from pydantic import BaseModel
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backend.api.bodies import parsed
from backend.api.queries import remembered

type Call = Callable[..., Awaitable[Any]]
type Reader = Callable[[Request], Any]

_KNOWN = {
    *("name", "call", "path", "scope", "dependencies", "request_param_name"),
    *("path_params", "query_params", "header_params", "body_params"),
}
"""What of a dependency a plan knows how to do."""


class NotPlain(Exception):
    """There is something about this request that FastAPI has to look at."""


class _Unknown(Exception):
    """There is something about this route that only FastAPI knows how to do."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A call. Its arguments are read from the request, or are results of earlier steps."""

    call: Call
    read: Sequence[tuple[str, Reader]]
    results: Sequence[tuple[str, int]]


class Plan:
    """A route's dependencies, the body, and at last the endpoint: each once, in the order in which FastAPI calls them.

    A dependency may be called again by FastAPI when the request turns out not to be plain: it must have no effects.
    """

    def __init__(self, path_format: str, dependant: Dependant) -> None:
        self.path_format = path_format
        self._steps: list[_Step] = []
        self._places: dict[Call, int] = {}
        self._add(dependant)

    async def answer(self, request: Request) -> Response:
        """The endpoint's response. Raises `NotPlain` before the endpoint is called, and whatever the calls raise."""
        results: list[Any] = []
        for step in self._steps:
            arguments = {name: read(request) for name, read in step.read}
            for name, place in step.results:
                arguments[name] = results[place]
            results.append(await step.call(**arguments))
        response: Response = results[-1]
        return response

    def _add(self, dependant: Dependant) -> int:
        call = dependant.call
        if call in self._places:
            return self._places[call]
        if not iscoroutinefunction(call) or _asks_for_more(dependant):
            raise _Unknown
        called = [(inner.name, self._add(inner)) for inner in dependant.dependencies]
        results = [(name, place) for name, place in called if name is not None]
        # Not before the dependencies: whoever may not ask is told so, whatever is wrong with the rest.
        results += [
            (field.name, self._append(_body(field), [("request", _itself)], ())) for field in dependant.body_params
        ]
        read = [
            *((field.name, _path(field)) for field in dependant.path_params),
            *((field.name, _header(field)) for field in dependant.header_params),
            *((field.name, _query(field)) for field in dependant.query_params),
        ]
        if dependant.request_param_name:
            read.append((dependant.request_param_name, _itself))
        self._places[call] = self._append(call, read, results)
        return self._places[call]

    def _append(self, call: Call, read: Sequence[tuple[str, Reader]], results: Sequence[tuple[str, int]]) -> int:
        self._steps.append(_Step(call, tuple(read), tuple(results)))
        return len(self._steps) - 1


def plan(route: RouteContext) -> Plan | None:
    """The plan of a route that makes its own response; None for what only FastAPI knows how to do.

    Neither `dependency_overrides` nor a `route_class` of one's own is looked at: nothing here has them.
    """
    dependant: Dependant | None = getattr(route, "dependant", None)
    if dependant is None or dependant.call is None or signature(dependant.call).return_annotation is not Response:
        return None
    parts = list(_parts(dependant))
    # Several share what FastAPI divides among them.
    if sum(len(part.body_params) for part in parts) > 1 or sum(len(part.query_params) for part in parts) > 1:
        return None
    try:
        return Plan(route.path_format or "", dependant)
    except _Unknown:
        return None


def _parts(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _parts(inner)


def _asks_for_more(dependant: Dependant) -> bool:
    others = [field for field in fields(Dependant) if field.name not in _KNOWN]
    return any(getattr(dependant, field.name) not in (field.default, []) for field in others)


def _itself(request: Request) -> Request:
    return request


def _path(field: ModelField) -> Reader:
    name = field.alias
    if field.field_info.annotation is str and not field.field_info.metadata:
        return lambda request: request.scope["path_params"][name]
    return lambda request: _valid(field, request.scope["path_params"][name])


def _header(field: ModelField) -> Reader:
    info = field.field_info
    if info.annotation != str | None or info.metadata or info.default is not None:
        raise _Unknown
    wanted = field.alias.lower().encode()

    def read(request: Request) -> str | None:
        return next((value.decode("latin-1") for name, value in request.scope["headers"] if name == wanted), None)

    return read


def _query(field: ModelField) -> Reader:
    model = field.field_info.annotation
    # Frozen, because requests share it.
    if not (isinstance(model, type) and issubclass(model, BaseModel) and model.model_config.get("frozen")):
        raise _Unknown

    @remembered
    def parse(raw: bytes) -> Any:
        items = QueryParams(raw).multi_items()
        values = dict(items)
        if len(values) < len(items):
            raise NotPlain
        return _valid(field, values)

    return lambda request: parse(request.scope["query_string"])


def _body(field: ModelField) -> Call:
    info = field.field_info
    if type(info) is not params.Body or info.embed:
        raise _Unknown

    async def read(request: Request) -> Any:
        try:
            raw = await _content(request)
        except HTTPException as error:
            raise NotPlain from error
        if not raw and not info.is_required():
            return info.get_default(call_default_factory=True)
        if not raw or _content_types(request) != [b"application/json"]:
            raise NotPlain
        return _valid(field, parsed(raw))

    return read


def _content_types(request: Request) -> list[bytes]:
    return [value for name, value in request.scope["headers"] if name == b"content-type"]


async def _content(request: Request) -> bytes:
    parts = []
    more = True
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise NotPlain
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _valid(field: ModelField, value: Any) -> Any:
    valid, faults = field.validate(value)
    if faults:
        raise NotPlain
    return valid
