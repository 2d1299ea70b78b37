"""Every operation, everybody, everybody's ids, wherever they may be: what is somebody else's does not exist.

The cells come from the route table and the OpenAPI document, and what is expected of each from one rule.
"""

import re

import httpx
import pytest
from fastapi import FastAPI

from tests.factories.clients import Client, Person
from tests.factories.queries import CountQueries
from tests.factories.rows import Rows, everything_of_each, ids_in
from tests.integration.test_api.answers import headers_of
from tests.integration.test_architecture.matrix import OBJECTS, OWNERS, SENDERS, STRANGERS, Cell, World, cells, send
from tests.integration.test_architecture.operations import OPERATIONS, PROTECTED, Operation
from tests.integration.test_architecture.places import (
    ITEM,
    parameter_of,
    places_of_ids,
    places_that_sound_like_ids,
)

MATRIX = {operation: list(cells(operation)) for operation in OPERATIONS}

FOR_ANYONE = {"read_feed"}
"""Operations that show what is somebody's to whoever knows a secret of theirs: they change nothing."""

LIKE_NO_OTHER = {"create_task", "create_project", "create_filter"}
"""Operations that make what there may be any number of, by the same name."""

ANSWERS = re.compile(r'"(?:version|created_at|updated_at|completed_at|position)":("[^"]*"|\d+)')
"""What two objects differ in that were made one after the other."""

MADE_ANEW = ("etag", "content-length")

type Answer = tuple[int, str, list[tuple[str, str]], int]
"""What a caller can tell two refusals apart by: status, body, headers, and the statements that they take."""


type Heading = tuple[int, list[tuple[str, str]]]
"""What HEAD tells: as much as GET, but for the body."""


class Trial:
    """Tries cells on one pair of users and their objects for as long as nothing has changed, and on new ones then.

    Where the operation is on an object, or makes one that is like no other, new objects will do.
    """

    def __init__(self, app: FastAPI, person: Person, client: Client, operation: Operation) -> None:
        self._app = app
        self._person = person
        self._client = client
        self._people_stay = bool(operation.objects) or operation.name in LIKE_NO_OTHER
        self._operation = operation
        self._world: World | None = None
        self._changed = True
        self._before: dict[str, Rows] = {}

    async def answer(self, cell: Cell, count_queries: CountQueries) -> Answer:
        """The answer to the cell's request, when it is the one that the rule tells and changes nobody else's."""
        world = await self._unchanged()
        with count_queries() as queries:
            reply, sent = await send(self._client, world, cell)
        if cell.operation.method == "GET" and cell.operation.is_ours:
            assert _but_for_the_body(reply) == await self._head(world, cell)
        after = await self._rows(world)

        if cell.expected is None and cell.is_of_ones_own:
            assert reply.is_success, reply.text
        elif cell.expected is None:
            assert reply.status_code < 500, reply.text
        else:
            status, code = cell.expected
            assert reply.status_code == status, reply.text
            assert reply.json()["code"].endswith(code), reply.text
        for whose, rows in after.items():
            if whose != cell.acting and (told := ids_in(reply.text + str(reply.headers)) - {*map(str.lower, sent)}):
                assert told & (ids_in(str(rows)) - ids_in(str(after.get(cell.acting or "")))) == set(), reply.text
            if whose != cell.acting or cell.operation.name in FOR_ANYONE:
                assert rows == self._before[whose], f"{whose} rows have changed"
            elif not reply.is_success:
                assert _but_for_the_audit(rows) == _but_for_the_audit(self._before[whose])
        self._changed = after != self._before or (reply.is_success and cell.operation.method != "GET")
        return reply.status_code, *_without(sent, reply.text, headers_of(reply)), len(queries)

    async def _unchanged(self) -> World:
        if self._world is None or (self._changed and not self._people_stay):
            self._world = await World.make(self._person, self._operation)
        elif self._changed:
            self._world = await self._world.with_new_objects(self._operation)
        if self._changed:
            self._before = await self._rows(self._world)
            self._changed = False
        return self._world

    async def _head(self, world: World, cell: Cell) -> Heading:
        reply, _ = await send(self._client, world, cell, "HEAD")
        assert reply.content == b""
        return _but_for_the_body(reply)

    async def _rows(self, world: World) -> dict[str, Rows]:
        people = {OWNERS: world.owner.user_id, STRANGERS: world.stranger.user_id}
        found = await everything_of_each(self._app, *people.values())
        return {whose: found[user_id] for whose, user_id in people.items()}


def _but_for_the_body(reply: httpx.Response) -> Heading:
    return reply.status_code, [header for header in headers_of(reply) if header[0] not in MADE_ANEW]


def _but_for_the_audit(rows: Rows) -> Rows:
    """A refusal may be recorded, and when one was there last."""
    return {name: rows for name, rows in rows.items() if name != "audit_log"}


def _without(sent: list[str], body: str, headers: list[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
    """Body and headers without what was sent, and without what no two answers share."""
    for number, value in enumerate(sent):
        body = body.replace(value, f"<{number}>")
        headers = [(name, text.replace(value, f"<{number}>")) for name, text in headers]
    return ANSWERS.sub("", body), sorted(header for header in headers if header[0] not in MADE_ANEW)


@pytest.mark.usefixtures("uncounted")
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_what_is_somebody_elses_does_not_exist(
    app: FastAPI, person: Person, anonymous: Client, operation: Operation, count_queries: CountQueries
) -> None:
    trial, answers, wrong = Trial(app, person, anonymous, operation), dict[Cell, Answer](), list[str]()
    # What nobody has first: the others are compared with it.
    for cell in sorted(MATRIX[operation], key=lambda cell: cell != cell.unknowing):
        try:
            answers[cell] = await trial.answer(cell, count_queries)
            assert answers[cell] == answers[cell.unknowing]
        except AssertionError as error:
            wrong.append(f"{cell}: {error}")

    assert wrong == [], f"{len(wrong)} of {len(MATRIX[operation])} cells"


@pytest.mark.parametrize(
    "every", [[cell for some in MATRIX.values() for cell in some]], ids=lambda every: f"{len(every)} cells"
)
def test_the_cells_have_every_operation_everybody_and_every_id_everywhere(every: list[Cell]) -> None:
    asked = {(operation, sender) for operation in OPERATIONS for sender in SENDERS}

    assert {(cell.operation, cell.sender) for cell in every} == asked
    assert len(set(every)) == len(every)
    for operation in OPERATIONS:
        for place in places_of_ids(operation):
            found = {(cell.sender, whose) for cell in MATRIX[operation] for at, whose in cell.ids if at == place}
            assert found == {(sender, whose) for sender in SENDERS for whose in OBJECTS}, place
    places = {(operation.name, str(place)) for operation in OPERATIONS for place in places_of_ids(operation)}
    assert places >= {("get_task", "path task_id"), ("create_task", "body id"), ("read_feed", "path secret")}


@pytest.mark.parametrize("operation", PROTECTED, ids=str)
def test_no_id_can_be_missed(operation: Operation) -> None:
    found = {place.way for place in places_of_ids(operation) if place.where != "path"}

    assert places_that_sound_like_ids(operation) <= found, "Declare it as an `Id`: the matrix is made of these"
    for place in places_of_ids(operation):
        assert parameter_of(operation, place) != ITEM
