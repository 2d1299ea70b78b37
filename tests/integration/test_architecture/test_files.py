"""Ids in a file to import: somebody else's is one that never existed, wherever it stands in the file."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from tests.factories.clients import Client
from tests.factories.rows import everything_of, ids_in
from tests.integration.test_api.answers import ME, TASKS, answered
from tests.integration.test_architecture.files import IN_FILES, OCCURRENCE, file_with
from tests.integration.test_architecture.operations import PARAMETERS
from tests.integration.test_architecture.places import Place


async def made(client: Client, place: Place, kind: str) -> str:
    """The id of a new object of the client's that may stand at the place."""
    row_id = await PARAMETERS[kind](client)
    if place != OCCURRENCE:
        return row_id
    return str(answered(await client.get(f"{TASKS}/{row_id}/occurrences"))[0]["id"])


async def imported(client: Client, place: Place, value: str, *, dry_run: bool) -> str:
    """What the import says of a file with the value at a place, but for the value."""
    file = {"file": ("tasks.json", file_with(place, value, str(uuid4())))}
    reply = await client.post(f"{ME}/import", params={"dry_run": dry_run}, files=file)
    report: dict[str, Any] = answered(reply)
    assert report["finished"], report
    return reply.text.replace(value, "<id>")


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "for good"])
@pytest.mark.parametrize(("place", "kind"), IN_FILES.items(), ids=str)
async def test_an_id_in_a_file_is_the_senders_own_or_nobodys(
    app: FastAPI, owner: Client, stranger: Client, place: Place, kind: str, *, dry_run: bool
) -> None:
    own, theirs = [await made(client, place, kind) for client in (owner, stranger)]
    before = await everything_of(app, stranger.user_id)

    said = {}
    for whose, value in {"theirs": theirs, "nobody's": str(uuid4()), "malformed": "not-an-id", "own": own}.items():
        said[whose] = await imported(owner, place, value, dry_run=dry_run)

    assert said["theirs"] == said["nobody's"] == said["malformed"]
    assert (said["own"] != said["theirs"]) == (place.way[-1] == "id")
    assert await everything_of(app, stranger.user_id) == before
    # An id that is somebody else's is free; what it stands for here is the sender's alone.
    assert ids_in(str(await everything_of(app, owner.user_id))) & ids_in(str(before)) <= {theirs}
