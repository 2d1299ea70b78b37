"""The application's own route table, and a valid request for each operation in it: what the tests here walk."""

import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import uuid4

import httpx
import jwt
import pytest
import structlog
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from backend.api.dependencies import identity
from backend.main import describe
from tests.factories.canaries import CANARY
from tests.factories.clients import PASSWORD, Client

HERE = "tests/integration/test_architecture/operations.py"


type Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A method at a path template. `name` is the route's, which is the same at every base path."""

    name: str
    method: str
    path: str
    protected: bool
    route: RouteContext

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        """What stands in braces in the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def objects(self) -> list[str]:
        """The parameters that name an object, and not whose it is."""
        return [name for name in self.parameters if name != "user_id"]

    @property
    def is_ours(self) -> bool:
        """Whether a handler of ours answers it, and not the framework on its own."""
        return getattr(self.route, "dependant", None) is not None


class Table[Entry](dict[str, Entry]):
    """Entries by name. A test that needs one more fails, and says what to add where."""

    def __init__(self, name: str, entry: str, entries: Mapping[str, Entry]) -> None:
        super().__init__(entries)
        self._advice = f"to {name} in {HERE}: {entry}"

    def __missing__(self, key: str) -> NoReturn:
        pytest.fail(f'Add "{key}" {self._advice}', pytrace=False)


def _made_at(
    path: str, body: Mapping[str, Any] | Callable[[], Mapping[str, Any]]
) -> Callable[[Client], Awaitable[str]]:
    async def make(client: Client) -> str:
        reply = await client.post(path, json=body() if callable(body) else body)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    return make


async def _signed_in(client: Client) -> str:
    """Another session of the client's."""
    reply = await client.post("/api/v1/auth/login", json={"email": client.email, "password": PASSWORD})
    claims = jwt.decode(reply.json()["access_token"], options={"verify_signature": False})
    return str(claims["sid"])


async def _recurring(client: Client) -> str:
    """A task of the client's that recurs and was done once."""
    body = {"title": f"Feed the fish {CANARY}", "due_date": "2027-03-01", "recurrence": {"rule": "FREQ=DAILY"}}
    task_id = await _made_at("/api/v1/users/me/tasks", body)(client)
    assert (await client.patch(f"/api/v1/users/me/tasks/{task_id}/complete")).status_code == 200
    return task_id


async def _trashed(client: Client) -> str:
    """A task in the trash of the client's."""
    task_id = await _made_at("/api/v1/users/me/tasks", {"title": f"Mow the lawn {CANARY}"})(client)
    assert (await client.delete(f"/api/v1/users/me/tasks/{task_id}")).status_code == 204
    return task_id


async def _feed(client: Client) -> str:
    """The secret in the address of a feed of the client's."""
    reply = await client.post("/api/v1/users/me/feeds", json={"name": f"Phone {CANARY}"})
    return str(reply.json()["path"]).removeprefix("/feeds/").removesuffix(".ics")


async def _asset(_: Client) -> str:
    return "swagger-ui.css"


def a_file() -> bytes:
    """One that can be imported, each time with another task."""
    return f'{{"format": "donewell", "version": 1, "tasks": [{{"title": "Water {CANARY} {uuid4()}"}}]}}'.encode()


PARAMETERS: Mapping[str, Callable[[Client], Awaitable[str]]] = Table(
    "PARAMETERS",
    'what makes an object, like _made_at("/api/v1/users/me/tasks", {"title": f"Water {CANARY}"})',
    {
        "task_id": _made_at("/api/v1/users/me/tasks", {"title": f"Water the plants {CANARY}"}),
        "project_id": _made_at("/api/v1/users/me/projects", {"name": f"Home {CANARY}"}),
        "another project_id": _made_at("/api/v1/users/me/projects", {"name": f"Garden {CANARY}"}),
        "filter_id": _made_at("/api/v1/users/me/filters", {"name": f"Soon {CANARY}", "query": "due < tomorrow"}),
        "another filter_id": _made_at("/api/v1/users/me/filters", {"name": f"Later {CANARY}", "query": "overdue"}),
        "label_id": _made_at("/api/v1/users/me/labels", lambda: {"name": f"garden {uuid4()} {CANARY}"}),
        "another task_id": _made_at("/api/v1/users/me/tasks", {"title": f"Water the garden {CANARY}"}),
        "another label_id": _made_at("/api/v1/users/me/labels", lambda: {"name": f"home {uuid4()} {CANARY}"}),
        "session_id": _signed_in,
        "token_id": _made_at("/api/v1/auth/tokens", {"name": f"Backup {CANARY}", "scopes": ["tasks:read"]}),
        "trashed_id": _trashed,
        "recurring_task_id": _recurring,
        "feed_id": _made_at("/api/v1/users/me/feeds", {"name": f"Phone {CANARY}"}),
        "secret": _feed,
        "path": _asset,
    },
)
"""For each path parameter, and each other object that a body may name: makes one of the client's and gives its id."""


NAMED: Mapping[str, Mapping[str, str]] = {
    "merge_label": {"into": "another label_id"},
}
"""For each operation whose body has to name other objects: the fields, and what makes them, of `PARAMETERS`."""

REQUESTS: Mapping[str, Callable[[Client], Request]] = Table(
    "REQUESTS",
    'what of a request succeeds, like lambda _: {"json": {"title": f"Feed {CANARY}"}}, or lambda _: {} without a body',
    {
        "list_tasks": lambda _: {"params": {"limit": 20, "completed": False}},
        "create_task": lambda _: {"json": {"title": f"Feed the cat {CANARY}", "priority": "high"}},
        "quick_add": lambda _: {"json": {"text": f"Feed the cat {CANARY} tomorrow @pets !high"}},
        "get_task": lambda _: {},
        "put_task": lambda _: {"json": {"title": f"Feed the dog {CANARY}"}},
        "update_task": lambda _: {"json": {"description": f"Twice {CANARY}", "due_date": "2027-03-01"}},
        "complete_task": lambda _: {"json": {"completed": True}},
        "delete_task": lambda _: {},
        "list_tree": lambda _: {"params": {"limit": 20}},
        "list_occurrences": lambda _: {},
        "skip_occurrence": lambda _: {},
        "undo_occurrence": lambda _: {},
        "list_feeds": lambda _: {},
        "create_feed": lambda _: {"json": {"name": f"Phone {CANARY}"}},
        "delete_feed": lambda _: {},
        "read_feed": lambda _: {},
        "get_statistics": lambda _: {"params": {"days": 7}},
        "list_trash": lambda _: {},
        "restore": lambda _: {},
        "purge": lambda _: {},
        "move_task": lambda _: {"json": {}},
        "list_projects": lambda _: {"params": {"limit": 20, "archived": False}},
        "create_project": lambda _: {"json": {"name": f"Work {CANARY}", "color": "#2e86de", "archived": False}},
        "get_project": lambda _: {},
        "put_project": lambda _: {"json": {"color": "#000000"}},
        "update_project": lambda _: {"json": {"name": f"House {CANARY}", "archived": True}},
        "move_project": lambda _: {"json": {}},
        "delete_project": lambda _: {},
        "list_filters": lambda _: {},
        "create_filter": lambda _: {"json": {"name": f"Urgent {CANARY}", "query": f'title ~ "{CANARY}"'}},
        "get_filter": lambda _: {},
        "put_filter": lambda _: {"json": {"color": "#000000"}},
        "update_filter": lambda _: {"json": {"name": f"Late {CANARY}", "query": "overdue"}},
        "move_filter": lambda _: {"json": {}},
        "delete_filter": lambda _: {},
        "list_labels": lambda _: {},
        "create_label": lambda _: {"json": {"name": f"spring {CANARY}", "color": "#2e86de"}},
        "get_label": lambda _: {},
        "put_label": lambda _: {"json": {"color": "#000000"}},
        "update_label": lambda _: {"json": {"name": f"balcony {uuid4()} {CANARY}"}},
        "merge_label": lambda _: {"json": {}},
        "move_label": lambda _: {"json": {}},
        "delete_label": lambda _: {},
        "export_tasks": lambda _: {"params": {"format": "json"}},
        "import_tasks": lambda _: {"files": {"file": ("tasks.json", a_file())}},
        "get_me": lambda _: {},
        "delete_me": lambda _: {"json": {"password": PASSWORD}},
        "export_me": lambda _: {},
        "update_me": lambda _: {"json": {"name": f"Grace {CANARY}", "time_zone": "Europe/Berlin"}},
        "register_user": lambda client: {
            "json": {"email": f"new.{client.email}", "name": f"Eve {CANARY}", "password": PASSWORD}
        },
        "login": lambda client: {"json": {"email": client.email, "password": PASSWORD}},
        "issue_token": lambda client: {"data": {"grant_type": "refresh_token", "refresh_token": client.refresh_token}},
        "logout": lambda _: {},
        "list_sessions": lambda _: {},
        "end_other_sessions": lambda _: {},
        "end_session": lambda _: {},
        "list_audit": lambda _: {},
        "get_key_set": lambda _: {},
        "list_access_tokens": lambda _: {},
        "create_access_token": lambda _: {
            "json": {"name": f"Backup {CANARY}", "scopes": ["tasks:read"], "expires_in_days": 30}
        },
        "delete_access_token": lambda _: {},
        "forgot_password": lambda client: {"json": {"email": client.email}},
        "reset_password": lambda client: {"json": {"token": client.reset_token, "password": PASSWORD}},
        "change_password": lambda _: {"json": {"current_password": PASSWORD, "new_password": PASSWORD}},
        "verify_email": lambda client: {"json": {"token": client.verify_token}},
        "resend_verification": lambda client: {"json": {"email": client.email}},
        "change_email": lambda client: {"json": {"email": f"new.{client.email}", "password": PASSWORD}},
        "get_liveness": lambda _: {},
        "get_readiness": lambda _: {},
        "get_health": lambda _: {},
        "openapi": lambda _: {},
        "docs": lambda _: {},
        "redoc": lambda _: {},
        "redoc_script": lambda _: {},
        "assets": lambda _: {},
    },
)
"""For each operation, by the name of its route: what of a request succeeds, sent by this client."""


def operations(app: FastAPI) -> Iterator[Operation]:
    """Every method at every path that the application answers, HEAD aside, which follows GET."""
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        protected = dependant is not None and _asks_identity(dependant)
        for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
            yield Operation(str(route.name), method, str(route.path_format), protected, route)


def request_of(operation: Operation, client: Client, ids: Mapping[str, str]) -> Request:
    """What of a request to the operation succeeds, sent by the client whose objects these are."""
    request = REQUESTS[operation.name](client)
    named = {field: ids[parameter] for field, parameter in NAMED.get(operation.name, {}).items()}
    return {**request, "json": {**request["json"], **named}} if named else request


async def ids_of(client: Client, operation: Operation) -> dict[str, str]:
    """Objects of the client's own for the operation's path, and for its body."""
    names = [*operation.objects, *NAMED.get(operation.name, {}).values()]
    return {name: await PARAMETERS[name](client) for name in names}


async def send(
    client: httpx.AsyncClient,
    operation: Operation,
    ids: Mapping[str, str],
    *,
    sender: Client,
    user_id: str = "me",
    headers: Mapping[str, Any] | None = None,
) -> httpx.Response:
    """The reply to a request that is valid for `sender`, whoever `client` is."""
    path = operation.path.format(user_id=user_id, **ids)
    return await client.request(operation.method, path, headers=headers, **request_of(operation, sender, ids))


def _asks_identity(dependant: Dependant) -> bool:
    return any(part.call is identity or _asks_identity(part) for part in dependant.dependencies)


def _application() -> FastAPI:
    """The application without a database. Building it configures logging, which collecting tests should not."""
    config, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    try:
        return describe()
    finally:
        structlog.configure(**config)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)


APP = _application()
OPERATIONS = list(operations(APP))
PROTECTED = [operation for operation in OPERATIONS if operation.protected]
