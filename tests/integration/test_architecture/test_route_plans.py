"""Which routes have a plan, and which are left to FastAPI."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Body, Cookie, Depends, FastAPI, Query
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backend.api.fast_path import FastPath
from backend.api.plans import plan
from tests.integration.test_architecture.bare_server import asked


class Wanted(BaseModel):
    model_config = ConfigDict(frozen=True)

    limit: int = 1


async def nothing_more() -> None:
    raise HTTPException(418)


async def opened() -> AsyncIterator[int]:
    yield 1


def waited() -> int:
    return 1


async def plain(wanted: Annotated[Wanted, Query()], body: Wanted) -> Response:
    return Response(f"{wanted.limit} {body.limit}")


async def embedded(body: Annotated[Wanted, Body(embed=True)]) -> Response:
    return Response(str(body.limit))


async def two_bodies(one: Wanted, two: Wanted) -> Response:
    return Response(f"{one.limit} {two.limit}")


async def with_yield(one: Annotated[int, Depends(opened)]) -> Response:
    return Response(str(one))


async def with_a_thread(one: Annotated[int, Depends(waited)]) -> Response:
    return Response(str(one))


async def with_a_cookie(one: Annotated[str, Cookie()]) -> Response:
    return Response(one)


async def with_a_number(one: int) -> Response:
    return Response(str(one))


async def shaped(body: Wanted) -> Wanted:
    return body


def with_routes() -> FastAPI:
    app = FastAPI()
    for endpoint in (plain, embedded, two_bodies, with_yield, with_a_thread, with_a_cookie, with_a_number, shaped):
        app.post(f"/{endpoint.__name__}", response_model=None)(endpoint)
    app.post("/guarded", dependencies=[Depends(nothing_more)])(plain)
    return app


def test_only_what_a_plan_knows_how_to_do_has_one() -> None:
    planned = {route.path for route in iter_route_contexts(with_routes().routes) if plan(route) is not None}

    assert planned == {"/plain", "/guarded"}


async def test_a_dependency_without_a_name_is_called_and_may_refuse() -> None:
    app = FastPath(with_routes(), with_routes())
    headers = [(b"content-type", b"application/json")]

    assert await asked(app, "/plain", body=b"{}", headers=headers) == 200
    assert await asked(app, "/guarded", body=b"{}", headers=headers) == 418
