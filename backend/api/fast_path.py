"""The fast path: a plain request gets its answer from the same route, without FastAPI's general machinery around it.

FastAPI walks a route's tree of dependencies anew for each request, and asks of every parameter what kind it is; with
the search for the route that is two fifths of what a request costs (docs/decisions/0009). Here the tree that it made of
the route is followed as a plan. What is out of the ordinary (a value that is not valid, a content type that needs a
second look) goes on to FastAPI, which sees the request as it came and says what is wrong with it.
"""

from re import Pattern

from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.convertors import StringConvertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.plans import NotPlain, Plan, plan
from backend.api.problems import domain_problem, http_problem
from backend.domain.errors import DonewellError


class FastPath:
    """Answers plain requests to routes that have a plan, and passes all others on."""

    def __init__(self, app: ASGIApp, application: FastAPI) -> None:
        self._app = app
        self._routes: dict[tuple[str, int], list[tuple[Pattern[str], Plan | None]]] = {}
        spanning = False
        for route in iter_route_contexts(application.routes):
            # As in FastAPI, the first route that matches is the one. Routes without a plan are here for that alone, and
            # behind one whose parameter takes in slashes, which may match anything, there are no plans.
            spanning = spanning or _spans_slashes(route)
            way = None if spanning else plan(route)
            for method in route.methods or ():
                at = (method, (route.path_format or "").count("/"))
                self._routes.setdefault(at, []).append((route.path_regex, way))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or let the rest of the application do so."""
        found = self._find(scope) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        recorded = _Recorded(receive)
        request = Request(scope, recorded)
        try:
            response = await found.answer(request)
        except NotPlain:
            await self._app(scope, recorded.again, send)
            return
        except DonewellError as error:
            response = await domain_problem(request, error)
        except HTTPException as error:
            response = await http_problem(request, error)
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> Plan | None:
        """The plan for a request, which then has its route and the parameters of its path as FastAPI leaves them."""
        if scope.get("root_path"):
            return None
        path = scope["path"]
        for regex, way in self._routes.get((scope["method"], path.count("/")), ()):
            match = regex.match(path)
            if match is None:
                continue
            if way is not None:
                scope["route"] = way
                scope["path_params"] = match.groupdict()
            return way
        return None


def _spans_slashes(route: RouteContext) -> bool:
    convertors = getattr(route, "param_convertors", {}).values()
    return not all(isinstance(convertor, StringConvertor) for convertor in convertors)


class _Recorded:
    """Keeps what was received, so that it can be received again."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []

    async def __call__(self) -> Message:
        message = await self._receive()
        self._messages.append(message)
        return message

    async def again(self) -> Message:
        return self._messages.pop(0) if self._messages else await self._receive()
