"""Merge-patch on the real database: whatever a task is and whatever is sent, that and nothing else is changed."""

from typing import Any

from hypothesis import HealthCheck, given, settings

from backend.schemas.tasks import TaskChanges, TaskCreate
from backend.services.tasks import TaskService
from tests.unit.strategies import task_changes, task_states


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(state=task_states, sent=task_changes)
async def test_what_is_sent_is_changed_and_nothing_else(
    tasks: TaskService, state: dict[str, Any], sent: dict[str, Any]
) -> None:
    before, _ = await tasks.create(TaskCreate.model_validate(state))
    changes = TaskChanges.model_validate(sent)

    after = await tasks.change(before["id"], changes, None)

    assert dict(await tasks.get(before["id"])) == dict(after)
    if state | sent == state:
        assert dict(after) == dict(before)
        return
    stamps = {name: after[name] for name in ("version", "updated_at", "completed_at")}
    assert dict(after) == {**before, **changes.model_dump(), **stamps}
    assert after["version"] > before["version"]
    assert after["updated_at"] > before["updated_at"]
    expected = before["completed_at"] or after["updated_at"]
    assert after["completed_at"] == (expected if after["completed"] else None)
