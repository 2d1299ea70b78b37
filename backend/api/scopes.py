"""Scopes: what a personal access token may be used for. Each router declares once which resource it is about.

Reading it asks for `tasks:read`, every other method for `tasks:write`. Which scopes there are follows from the routes.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.requests import Request

from backend.auth.principal import InsufficientScope, SessionRequired

type Declaration = Callable[[Request], Awaitable[None]]

_READING = ("GET", "HEAD")
_DECLARED: dict[Any, str | None] = {}


def scoped(resource: str) -> Declaration:
    """A dependency for a router: personal access tokens are good for its routes if they have the resource's scope."""

    async def declare(request: Request) -> None:
        request.scope["state"]["resource"] = resource

    _DECLARED[declare] = resource
    return declare


async def sessions_only() -> None:
    """A dependency for a router or a route: no personal access token is good here, whatever its scopes."""


_DECLARED[sessions_only] = None


def check(scopes: frozenset[str], request: Request) -> None:
    """Raises `InsufficientScope`, and `SessionRequired` where no scope is declared: what was forgotten is closed."""
    resource = request.scope["state"].get("resource")
    if resource is None:
        raise SessionRequired
    needed = _scope(resource, request.scope["method"])
    if needed not in scopes:
        raise InsufficientScope(needed)


def declared(route: RouteContext) -> list[str | None]:
    """Every declaration of a route: the resource that it is about, or None for `sessions_only`."""
    dependant: Dependant | None = getattr(route, "dependant", None)
    calls = [part.call for part in dependant.dependencies] if dependant is not None else []
    return [_DECLARED[call] for call in calls if call in _DECLARED]


def scope_of(route: RouteContext, method: str) -> str | None:
    """The scope that a method of a route asks for; None if no token may."""
    resource = next(iter(declared(route)), None)
    return resource and _scope(resource, method)


def offered(app: FastAPI) -> frozenset[str]:
    """Every scope that a token can have: those that some route asks for."""
    return frozenset(_asked(app))


def _asked(app: FastAPI) -> Iterator[str]:
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            if (scope := scope_of(route, method)) is not None:
                yield scope


def _scope(resource: str, method: str) -> str:
    return f"{resource}:{'read' if method in _READING else 'write'}"
