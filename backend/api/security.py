"""Who may ask for what, as the OpenAPI document says it."""

from collections.abc import Iterator, Mapping, Sequence

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from backend.api.dependencies import identity
from backend.api.scopes import scope_of

SCHEMES = {
    # Before the other, so that the dialog of /docs opens at the other.
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "dwp_…",
        "description": "A personal access token, which has the scope that is named with the operation.",
    },
    "password": {
        "type": "oauth2",
        "description": "Sign in with your e-mail address as the user name. The client fields stay empty.",
        "flows": {
            "password": {"tokenUrl": "/api/v1/auth/token", "refreshUrl": "/api/v1/auth/token", "scopes": {}},
        },
    },
}
_SESSION: list[dict[str, list[str]]] = [{"password": []}, {"bearer": []}]


def requirements(scope: str | None) -> Sequence[Mapping[str, Sequence[str]]]:
    """Any session may, and a personal access token with the scope if there is one."""
    return [*_SESSION, {"token": [scope]}] if scope else _SESSION


def protected_operations(app: FastAPI) -> Iterator[tuple[tuple[str, str], str | None]]:
    """The operations that ask who is asking, and the scope that a personal access token needs for each."""
    for route in iter_route_contexts(app.routes):
        if (dependant := getattr(route, "dependant", None)) is not None and _asks_identity(dependant):
            for method in route.methods or ():
                yield (str(route.path_format), method.lower()), scope_of(route, method)


def _asks_identity(dependant: Dependant) -> bool:
    return any(part.call is identity or _asks_identity(part) for part in dependant.dependencies)
