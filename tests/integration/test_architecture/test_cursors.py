"""A cursor says where a list goes on, and not whose: every list, in every order, from a cursor of somebody else's."""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI

from backend.services.sessions import open_session
from tests.factories.clients import Client
from tests.factories.rows import everything_of, ids_in
from tests.integration.test_api.answers import TASKS, answered, headers_of
from tests.integration.test_architecture.operations import OPERATIONS, PARAMETERS, Operation, ids_of
from tests.integration.test_architecture.places import choices_of, is_below

LISTS = [operation for operation in OPERATIONS if choices_of(operation, "cursor") is not None]

KINDS = {"list_audit": "token_id"}
"""What to make for a list to have more, where no operation is on a single object of it."""

type Query = Mapping[str, str | int]


def orders(operation: Operation) -> Iterator[Query]:
    """What a list can be asked for, for each order that it has."""
    yield {}
    yield from ({"sort": order} for order in choices_of(operation, "sort") or ())
    if choices_of(operation, "q") is not None:
        yield {"q": "water"}


async def two_more(client: Client, operation: Operation, ids: Mapping[str, str]) -> None:
    """Let the list be of two things more."""
    for number in range(2):
        if operation.name == "list_occurrences":
            answered(await client.patch(f"{TASKS}/{ids['recurring_task_id']}/complete"))
        elif operation.name == "list_sessions":
            # To sign in would be to hash a password.
            async with client.app.state.database.begin() as session:
                open_session(session, client.user_id, None)
        elif operation.name in ("list_tree", "list_tasks"):
            due = {"due_date": f"2027-03-0{number + 1}", "priority": ("low", "high")[number]}
            answered(await client.post(TASKS, json={"title": "Water it", "parent_id": ids.get("task_id"), **due}), 201)
        else:
            below = (other.objects[-1] for other in OPERATIONS if is_below(operation, other))
            await PARAMETERS[KINDS.get(operation.name) or next(below)](client)


@pytest.mark.parametrize("operation", LISTS, ids=str)
async def test_a_cursor_of_somebody_elses_list_leads_to_nothing_of_theirs(
    app: FastAPI, owner: Client, stranger: Client, operation: Operation
) -> None:
    ids = {client: await ids_of(client, operation) for client in (owner, stranger)}
    # The stranger's lie between the owner's: a page that forgot whose it is would have some wherever it begins.
    for client in (owner, stranger, owner):
        await two_more(client, operation, ids[client])
    here, there = (operation.path.format(user_id="me", **ids[client]) for client in (stranger, owner))
    theirs = ids_in(str(await everything_of(app, owner.user_id))) | {owner.mark}

    for order in orders(operation):
        first = await owner.get(there, params={**order, "limit": 1})
        cursor = parse_qs(urlsplit(first.links["next"]["url"]).query)["cursor"][0]
        query = {**order, "cursor": cursor, "limit": 200}
        own, reply = await stranger.get(here, params={**order, "limit": 200}), await stranger.get(here, params=query)

        assert len(answered(await owner.get(there, params=query))) >= 3, order
        assert [row for row in answered(reply) if row not in answered(own)] == [], order
        assert not [known for known in theirs if known in reply.text + str(headers_of(reply))], order


def test_every_list_has_a_cursor_and_every_order_is_tried() -> None:
    names = {operation.name for operation in LISTS}

    assert names == {operation.name for operation in OPERATIONS if operation.name.startswith("list_")}
    assert len(names) >= 11
    assert {order["sort"] for operation in LISTS for order in orders(operation) if "sort" in order} >= {
        "position",
        "-due",
    }
