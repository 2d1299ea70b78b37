"""Statements on owned rows: each starts from the owner, and is compiled once."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from os import SEEK_END
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from backend.database.fast_lane import Statement
from backend.models.base import metadata
from backend.schemas.tasks import TaskChanges, TaskCreate
from backend.services.task_table import TASKS
from tests.factories.applications import running, settings_for
from tests.factories.canaries import CANARY
from tests.factories.clients import client_for, sign_up
from tests.factories.databases import clone, execute
from tests.factories.mailboxes import MailServer, settings_of
from tests.integration.test_architecture.operations import OPERATIONS, ids_of, send
from tests.integration.test_architecture.planted import plant

RECURRENCE = {"recurrence_rule", "recurrence_anchor", "recurrence_start", "recurrence_taken"}
NEW = frozenset(TaskCreate.model_fields) - {"id", "recurrence"} | RECURRENCE
CHANGED = frozenset(TaskChanges.model_fields) - {"recurrence"} | RECURRENCE

STATEMENTS: dict[str, Callable[[], Statement]] = {
    "get": lambda: TASKS.get,
    "find": lambda: TASKS.find,
    "trash": lambda: TASKS.trash,
    "insert": lambda: TASKS.insert(NEW),
    "change of everything": lambda: TASKS.change(CHANGED),
    "change that completes": lambda: TASKS.complete(CHANGED),
    "change of one field": lambda: TASKS.change(frozenset({"completed"})),
    "first page": lambda: TASKS.page(frozenset(), resumed=False),
    "next page": lambda: TASKS.page(frozenset(), resumed=True),
    "first page of some": lambda: TASKS.page(frozenset({"completed"}), resumed=False),
    "next page of some": lambda: TASKS.page(frozenset({"completed"}), resumed=True),
}
any_statement = pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())


class Names(Mapping[str, str]):
    """Gives every parameter its own name as its value."""

    def __getitem__(self, name: str) -> str:
        return name

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@any_statement
def test_every_condition_of_a_statement_begins_with_the_owner(statement: Callable[[], Statement]) -> None:
    sql, parameters = statement().sql, statement().arguments(Names())
    owner = f"${parameters.index('owner') + 1}::UUID"

    assert parameters.count("owner") == 1
    assert re.findall(r"\bWHERE \w+\.(\w+ = \S+)", sql) == [f"user_id = {owner}"] * len(re.findall(r"\bWHERE\b", sql))


def test_a_new_row_gets_the_owner_and_no_other() -> None:
    sql, parameters = TASKS.insert(NEW).sql, TASKS.insert(NEW).arguments(Names())
    columns = re.search(r"INSERT INTO tasks \((.*?)\) SELECT (\$\d+)", sql)

    assert columns is not None
    assert columns[1].startswith("user_id, id, ")
    assert parameters[int(columns[2][1:]) - 1] == "owner"


@any_statement
def test_a_statement_is_compiled_once(statement: Callable[[], Statement]) -> None:
    assert statement() is statement()


def test_fields_make_the_statement_whatever_their_order() -> None:
    assert TASKS.change(frozenset(["title", "priority"])) is TASKS.change(frozenset(["priority", "title"]))
    assert TASKS.change(frozenset(["title"])) is not TASKS.change(frozenset(["priority"]))


class Said(NamedTuple):
    """What PostgreSQL was sent, by its log, which leaves parameters out; and to whom connections were opened."""

    statements: str
    connected: set[str]


@pytest.fixture(scope="module")
async def said(server_url: str, mailboxes: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What came of every operation, search, file and refusal."""
    url, connected = await clone(server_url), set[str]()
    for name, value in {"log_statement": "all", "log_parameter_max_length": "0"}.items():
        await execute(url, f"ALTER DATABASE \"{urlsplit(url).path[1:]}\" SET {name} = '{value}'")
    with pytest.MonkeyPatch.context() as patch:
        for method in ("create_connection", "create_unix_connection", "getaddrinfo"):
            watch(patch, method, connected)
        log_path = tmp_path_factory.mktemp("statements") / "app.log"
        async with running(settings_for(url, **settings_of(mailboxes)), log_path) as app:
            [row] = await app.state.database.fast.run("SELECT pg_backend_pid() AS pid")
            with open(f"/proc/{row['pid']}/fd/2", "rb") as log:  # noqa: ASYNC230, PTH123  what it has as its stderr
                log.seek(0, SEEK_END)
                await send_everything(app)
                return Said(log.read().decode(errors="replace"), connected)


def watch(patch: pytest.MonkeyPatch, method: str, connected: set[str]) -> None:
    original = getattr(asyncio.get_running_loop(), method)

    async def watched(*arguments: Any, **named: Any) -> Any:
        told = [argument for argument in (*arguments, *named.values()) if isinstance(argument, str)]
        connected.update(told)
        return await original(*arguments, **named)

    patch.setattr(asyncio.get_running_loop(), method, watched)


def test_values_are_parameters_and_never_part_of_the_sql(said: Said) -> None:
    assert CANARY not in said.statements
    assert "'a literal'" in said.statements
    assert [name for name in metadata.tables if name not in said.statements] == []


def test_nobody_is_called_but_the_database_and_the_mail_server(said: Said) -> None:
    """Whatever addresses are in titles, files and names."""
    sockets = {name for name in said.connected if name.startswith("/")}

    assert sockets
    assert all(".s.PGSQL." in name for name in sockets)
    assert said.connected - sockets == {"127.0.0.1"}


async def send_everything(app: FastAPI) -> None:
    """Each operation with a canary in it, those of `planted`, and a statement that shows that the log has them."""
    async with AsyncExitStack() as stack:
        client = None
        for operation in OPERATIONS:
            if operation.is_ours:
                client = client or await sign_up(app, await stack.enter_async_context(client_for(app)))
                reply = await send(client, operation, await ids_of(client, operation), sender=client)
                assert reply.is_success, (operation, reply.text)
                if "/auth/" in operation.path or operation.name == "delete_me":
                    client = None  # may have ended its session
        someone = await sign_up(app, await stack.enter_async_context(client_for(app)))
        replies = await plant(someone)
    assert [(reply.url, reply.text) for reply in replies if reply.status_code >= 500] == []
    assert sum(reply.is_success for reply in replies) > 20
    await app.state.database.fast.run("SELECT 'a literal' AS shown")


def test_a_value_that_is_forgotten_is_not_taken_for_null() -> None:
    sent = {"owner": 1, "id": 2, "expected": None}

    with pytest.raises(KeyError, match="new_title"):
        TASKS.change(frozenset({"title"})).arguments(sent)


@pytest.mark.parametrize("name", ["nope", "", "version", "title; --", "Title"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(TASKS.insert, id="insert"),
        pytest.param(TASKS.change, id="change"),
        pytest.param(lambda fields: TASKS.page(fields, resumed=False), id="page"),
    ],
)
def test_a_field_that_the_table_does_not_have_is_refused(
    make: Callable[[frozenset[str]], Statement], name: str
) -> None:
    with pytest.raises(KeyError):
        make(frozenset({name}))
