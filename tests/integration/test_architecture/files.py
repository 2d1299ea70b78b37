"""Files to import that name objects by their ids: one thing, and the id in one place of it."""

import json
from collections.abc import Mapping
from typing import Any

from tests.factories.canaries import CANARY
from tests.integration.test_architecture.operations import Operation
from tests.integration.test_architecture.places import ITEM, Place, places_of_ids

_WHEN = {"due_date": "2027-03-01"}
_DONE = {**_WHEN, "completed_at": "2027-03-01T08:00:00Z", "previous": _WHEN}
_THINGS: Mapping[str, Mapping[str, Any]] = {
    "projects": {"name": f"Attic {CANARY}"},
    "labels": {"name": f"attic-{CANARY}"},
    "filters": {"name": f"Dusty {CANARY}", "query": "overdue"},
    "tasks": {"title": f"Sweep the attic {CANARY}"},
    "occurrences": _DONE,
}
OCCURRENCE = Place("file", ("occurrences", ITEM, "id"))
_KINDS = {"projects": "project_id", "labels": "label_id", "filters": "filter_id", "tasks": "task_id"}

IN_FILES: Mapping[Place, str] = {
    **{Place("file", (things, ITEM, "id")): kind for things, kind in _KINDS.items()},
    Place("file", ("projects", ITEM, "parent_id")): "project_id",
    Place("file", ("tasks", ITEM, "parent_id")): "task_id",
    Place("file", ("tasks", ITEM, "project_id")): "project_id",
    OCCURRENCE: "recurring_task_id",
    Place("file", ("occurrences", ITEM, "task_id")): "recurring_task_id",
}
"""Every place where a file may name an object, and by which path parameter such objects go."""


def file_with(place: Place, value: str, mark: str = "") -> bytes:
    """A file with one thing, whose id or reference at this place is the value; of what was done, with the task."""
    things, _, name = place.way
    marked = {field: f"{text} {mark}" if CANARY in text else text for field, text in _texts(things).items()}
    thing = {**_THINGS[things], **marked, name: value}
    others: dict[str, Any] = {}
    if place == OCCURRENCE:
        thing["task_id"] = f"task {mark}"
        others["tasks"] = [{**_THINGS["tasks"], "id": thing["task_id"]}]
    return json.dumps({"format": "donewell", "version": 1, **others, things: [thing]}).encode()


def _texts(things: str) -> Mapping[str, str]:
    return {field: text for field, text in _THINGS[things].items() if isinstance(text, str)}


def all_places_of_ids(operation: Operation) -> list[Place]:
    """Those of the request, and for an import those of its file."""
    return [*places_of_ids(operation), *(IN_FILES if operation.name == "import_tasks" else ())]
