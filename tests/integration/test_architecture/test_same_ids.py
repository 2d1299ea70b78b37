"""Two users whose objects have the same ids: whatever either does, it is done to their own, and tells of their own."""

from typing import get_args

import pytest
from fastapi import FastAPI

from backend.models.base import OwnedRow, metadata
from backend.schemas.transfer import Written
from tests.factories.clients import Client
from tests.factories.rows import everything_of
from tests.integration.test_api.answers import TASKS
from tests.integration.test_architecture.calls import takes_ids
from tests.integration.test_architecture.operations import NAMED, OPERATIONS, PARAMETERS, Operation, send

SHARED = ("project_id", "filter_id", "label_id", "task_id", "trashed_id", "recurring_task_id")
"""What both may have by the same id, for it was chosen by them: path parameters."""

TABLES = [table for table in metadata.sorted_tables if set(OwnedRow.model_fields) <= set(table.c.keys())]
TEXTS = {"projects": "name", "filters": "name", "labels": "name", "tasks": "title"}


async def share(app: FastAPI, owner: Client, other: Client) -> None:
    """Let the other have the same as the owner has, and each one's be known by a mark."""
    run = app.state.database.fast.run
    for table in TABLES:
        names = [column.name for column in table.c if column.computed is None]
        values = ", ".join("$2" if name == "user_id" else name for name in names)
        copied = f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} FROM {table.name} WHERE user_id = $1"
        await run(copied, owner.user_id, other.user_id)
        if text := TEXTS.get(table.name):
            for client in (owner, other):
                marked = f"UPDATE {table.name} SET {text} = {text} || $2 WHERE user_id = $1"
                await run(marked, client.user_id, client.mark)
    await run("UPDATE revisions SET revision = 1000 WHERE user_id = $1", other.user_id)


# Signing in and out is not about anything that has such an id.
@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if takes_ids(one) and "/auth/" not in one.path], ids=str
)
async def test_an_object_of_the_same_id_is_another_one(
    app: FastAPI, owner: Client, stranger: Client, operation: Operation
) -> None:
    named = {*operation.objects, *NAMED.get(operation.name, {}).values()}
    made = {name: await PARAMETERS[name](stranger) for name in named if name.removeprefix("another ") not in SHARED}
    for name in {*SHARED, *named} if operation.method == "GET" else named:
        if name not in made:
            made[name] = await PARAMETERS[name](owner)
    await share(app, owner, stranger)
    before = await everything_of(app, owner.user_id)

    reply = await send(stranger, operation, made, sender=stranger)

    assert reply.is_success, reply.text
    assert owner.mark not in reply.text + str(reply.headers)
    assert await everything_of(app, owner.user_id) == before


@pytest.mark.parametrize("form", get_args(Written))
async def test_an_export_is_of_ones_own_in_every_form(app: FastAPI, owner: Client, stranger: Client, form: str) -> None:
    for name in SHARED:
        await PARAMETERS[name](owner)
    await share(app, owner, stranger)

    said = {client: (await client.get(f"{TASKS}/export", params={"format": form})).text for client in (owner, stranger)}

    assert [client.mark in said[client] for client in (owner, stranger)] == [True, True]
    assert [owner.mark in said[stranger], stranger.mark in said[owner]] == [False, False]


def test_what_has_an_id_of_the_users_choice_is_shared() -> None:
    assert {table.name for table in TABLES} == {*TEXTS, "task_occurrences"}
