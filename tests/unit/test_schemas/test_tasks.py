"""Requests about tasks: what was sent is changed, what was not is untouched, and null clears only what can be empty."""

from datetime import UTC
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from backend.domain.errors import InvalidInput
from backend.domain.pagination import Position, encode_cursor
from backend.schemas.finding import TaskQuery
from backend.schemas.tasks import Completion, Priority, TaskChanges, TaskCreate
from tests.unit.strategies import NOT_NULLABLE, task_changes, task_states


@given(task_changes)
def test_changes_hold_exactly_what_was_sent(sent: dict[str, Any]) -> None:
    assert TaskChanges.model_validate(sent).model_dump(mode="json") == sent


@given(task_states)
def test_a_new_task_is_what_was_sent(state: dict[str, Any]) -> None:
    assert TaskCreate.model_validate(state).model_dump(mode="json", exclude_unset=True) == state


@given(task_changes, st.sampled_from(NOT_NULLABLE))
def test_null_is_refused_for_what_cannot_be_empty_whatever_else_is_sent(sent: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        TaskChanges.model_validate({**sent, name: None})

    assert [fault["loc"] for fault in refusal.value.errors()] == [(name,)]


@pytest.mark.parametrize("server_owned", ["user_id", "version", "created_at", "updated_at", "completed_at"])
@pytest.mark.parametrize("model", [TaskCreate, TaskChanges])
def test_what_the_server_owns_cannot_be_sent(model: type[BaseModel], server_owned: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        model.model_validate({"title": "x", server_owned: None})

    assert [(fault["loc"], fault["type"]) for fault in refusal.value.errors()] == [((server_owned,), "extra_forbidden")]


def test_a_new_task_needs_only_a_title_and_every_other_field_has_its_default() -> None:
    assert TaskCreate(title="x").model_dump() == {
        "title": "x",
        "description": None,
        "completed": False,
        "priority": "none",
        "start_date": None,
        "due_date": None,
        "due_time": None,
        "time_zone": None,
        "recurrence": None,
        "labels": [],
        "reminders": [],
    }


@pytest.mark.parametrize("value", [0, 1, "true", "yes", None, "", []])
@pytest.mark.parametrize("model", [TaskCreate, TaskChanges, Completion])
def test_completed_is_true_or_false_and_nothing_like_it(model: type[BaseModel], value: Any) -> None:
    with pytest.raises(ValidationError) as refusal:
        model.model_validate({"title": "x", "completed": value} if model is TaskCreate else {"completed": value})

    assert [fault["loc"] for fault in refusal.value.errors()] == [("completed",)]


def test_the_id_is_chosen_once() -> None:
    task_id = "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01"

    assert TaskCreate.model_validate({"title": "x", "id": task_id}).model_dump(mode="json")["id"] == task_id
    with pytest.raises(ValidationError):
        TaskChanges.model_validate({"id": task_id})


def test_an_empty_completion_completes() -> None:
    assert Completion.model_validate({}).completed is True


@pytest.mark.parametrize("value", get_args(Priority))
def test_a_priority_is_one_of_four(value: str) -> None:
    assert TaskChanges.model_validate({"priority": value}).priority == value


@pytest.mark.parametrize("value", ["urgent", "High", "", " low", 1, True])
def test_any_other_priority_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        TaskChanges.model_validate({"priority": value})


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1.5", "", "many", "1e2"])
def test_a_page_has_1_to_200_rows(limit: str) -> None:
    with pytest.raises(ValidationError):
        TaskQuery.model_validate({"limit": limit})


def test_a_list_begins_at_the_top_with_50_rows_of_any_kind() -> None:
    query = TaskQuery.model_validate({})

    assert (query.limit, query.position(), query.filters()) == (50, None, {})


def test_a_query_takes_what_a_url_can_say() -> None:
    query = TaskQuery.model_validate({"limit": "200", "completed": "false"})

    assert (query.limit, query.filters()) == (200, {"completed": False})


@given(st.builds(Position, st.datetimes(timezones=st.just(UTC)), st.uuids()))
def test_a_query_begins_where_its_cursor_says(position: Position) -> None:
    assert TaskQuery(cursor=encode_cursor(position)).position() == position


def test_a_cursor_of_somebody_elses_making_is_a_fault_of_the_input() -> None:
    with pytest.raises(InvalidInput):
        TaskQuery(cursor="page-2").position()
