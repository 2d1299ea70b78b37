"""Completing a task, and opening it again."""

import pytest

from tests.factories.clients import Client
from tests.integration.test_api.answers import PHASE_2_TASKS, TASKS, answered


@pytest.fixture(params=[TASKS, PHASE_2_TASKS])
def path(request: pytest.FixtureRequest) -> str:
    """Both paths at which the mission document's six routes answer."""
    return str(request.param)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"completed": true}'], ids=["empty", "object", "said"])
async def test_complete_completes(owner: Client, path: str, body: bytes) -> None:
    task = answered(await owner.post(path, json={"title": "x"}), 201)
    headers = {"Content-Type": "application/json"} if body else {}

    reply = await owner.patch(f"{path}/{task['id']}/complete", content=body, headers=headers)

    done = answered(reply)
    assert done["completed"] is True
    assert done["completed_at"] == done["updated_at"] > task["updated_at"]
    assert done["version"] == 2
    assert reply.headers["etag"] == '"2"'


async def test_complete_is_idempotent_and_no_toggle(owner: Client, path: str) -> None:
    task = answered(await owner.post(path, json={"title": "x"}), 201)
    address = f"{path}/{task['id']}/complete"
    first = await owner.patch(address)

    again = await owner.patch(address)
    by_update = await owner.patch(f"{path}/{task['id']}", json={"completed": True})

    assert again.content == by_update.content == first.content


async def test_completed_at_outlives_other_changes_and_ends_with_reopening(owner: Client, path: str) -> None:
    address = f"{path}/{answered(await owner.post(path, json={'title': 'x'}), 201)['id']}"
    done = answered(await owner.patch(f"{address}/complete"))

    renamed = answered(await owner.patch(address, json={"title": "y", "completed": True}))
    reopened = answered(await owner.patch(f"{address}/complete", json={"completed": False}))
    still_open = answered(await owner.patch(f"{address}/complete", json={"completed": False}))
    done_anew = answered(await owner.put(address, json={"completed": True}))

    assert renamed["completed_at"] == done["completed_at"]
    assert (reopened["completed"], reopened["completed_at"]) == (False, None)
    assert still_open == reopened
    assert done_anew["completed_at"] > done["completed_at"]
