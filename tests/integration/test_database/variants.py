"""The requests that bring about every statement that a route sends."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from backend.domain.pagination import Place, encode_place
from backend.schemas.pagination import IN_ORDER
from backend.schemas.tasks import TaskChanges
from backend.schemas.trees import encode_way
from tests.factories.clients import PASSWORD
from tests.integration.test_architecture.operations import a_file
from tests.integration.test_database.crowd import SMALL_PROJECT, TRASHED_TASK, Member, Places


@dataclass(frozen=True, slots=True)
class Variant:
    """A request that may send other statements than others, and the status of its answer.

    `request` gives what of it is sent, and `ids` what stands in its path, if that is no object made for it.
    """

    status: int | None  # or success
    request: Callable[[Member], Mapping[str, Any]] = lambda _: {}
    ids: Callable[[Member], Mapping[str, Any]] | None = None
    finds: bool = False
    """Whether it may look at more than it answers, and sort: how much, test_finding_plans.py holds."""


def _nowhere(_: Member) -> Mapping[str, Any]:
    names = ("task_id", "recurring_task_id", "trashed_id", "label_id", "project_id", "filter_id")
    return dict.fromkeys(names, uuid7())


CHANGES: Mapping[str, Any] = {
    "title": "Feed the cat",
    "description": "Twice",
    "completed": True,
    "priority": "high",
    "start_date": "2027-02-28",
    "due_date": "2027-03-01",
    "due_time": "09:00",
    "time_zone": "Europe/Berlin",
    "recurrence": {"rule": "FREQ=DAILY"},
    "project_id": None,
    "parent_id": None,
    "labels": ["garden"],
    "reminders": ["PT15M"],
}
MISMATCH = {"If-Match": '"999999999"'}


def _page(asked: Mapping[str, Any], *, deep: bool) -> Variant:
    return Variant(200, lambda member: {"params": {**asked, **({"cursor": member.places.cursor} if deep else {})}})


def _in_order(asked: Mapping[str, Any], *, deep: bool) -> Variant:
    """A page in the order of positions, from the beginning or from half-way down."""
    cursor = {"cursor": encode_place(IN_ORDER, Place(f"l{20_000:012x}", UUID(int=0)))} if deep else {}
    return Variant(200, lambda _: {"params": {**asked, "sort": "position", **cursor}})


def _finding(asked: Mapping[str, str]) -> Variant:
    return Variant(200, lambda _: {"params": {"limit": 20, **asked}}, finds=True)


def _change(changes: Mapping[str, Any]) -> Variant:
    return Variant(200, lambda _: {"json": changes})


PAGES = [
    _page({"limit": 20, **filters}, deep=deep)
    for filters in ({}, {"completed": "true"}, {"completed": "false"})
    for deep in (False, True)
]
"""The first page and one half-way down, of all, of the completed and of the open."""


FINDING = [
    _finding(asked)
    for asked in (
        *({"sort": order} for order in ("position", "-due", "priority", "-updated", "title")),
        {"completed": "false", "sort": "due"},
        {"q": "xylophone"},
        {"project_id": str(SMALL_PROJECT)},
        {"parent_id": str(uuid7())},
        {"label": "rare"},
        {"priority": "medium"},
        {"due_after": "2027-01-01", "due_before": "2027-01-03", "sort": "due"},
        {"overdue": "true", "sort": "due"},
        {"updated_since": "2100-01-01T00:00:00Z"},
        {"filter": 'title ~ "xylo"'},
        {"filter_id": str(SMALL_PROJECT), "sort": "due"},
    )
]
"""What else a list may be asked for."""


def _needed_for(name: str) -> Mapping[str, Any]:
    """What has to be sent with a field."""
    if name in {"recurrence", "due_time"}:
        return {"due_date": CHANGES["due_date"]}
    return {"due_date": CHANGES["due_date"], "due_time": CHANGES["due_time"]} if name == "time_zone" else {}


CHANGING = [
    Variant(200, lambda member: {"json": {"project_id": str(member.places.project_id)}}),
    Variant(200, lambda member: {"json": {"parent_id": str(member.places.task_id)}}),
    *(_change({**_needed_for(name), name: CHANGES[name]}) for name in TaskChanges.model_fields),
    _change({"due_date": None, "completed": False}),
    _change(CHANGES),
    _change({}),
    Variant(404, lambda _: {"json": CHANGES}, _nowhere),
    Variant(412, lambda _: {"json": CHANGES, "headers": MISMATCH}),
]

RENAMING = [
    Variant(200, lambda _: {"json": {"name": uuid4().hex}}),
    Variant(200, lambda _: {"json": {"name": uuid4().hex, "color": "#123456"}}),
    Variant(200, lambda _: {"json": {"color": "#123456"}}),
    Variant(200, lambda _: {"json": {}}),
    Variant(404, lambda _: {"json": {"name": "balcony"}}, _nowhere),
    Variant(412, lambda _: {"json": {"name": "balcony"}, "headers": MISMATCH}),
]


def _changing(changes: Mapping[str, Any]) -> Sequence[Variant]:
    """Changes of each field and of all, of nothing, and of what is not there or not of this version."""
    return [
        *(_change({name: value}) for name, value in changes.items()),
        _change(changes),
        _change({}),
        Variant(404, lambda _: {"json": changes}, _nowhere),
        Variant(412, lambda _: {"json": changes, "headers": MISMATCH}),
    ]


def _moving(named: Mapping[str, Callable[[Places], UUID]]) -> Sequence[Variant]:
    """Moves to each place that a field may name, of what is there, and of what is not."""

    def to(field: str, place: Callable[[Places], UUID]) -> Variant:
        return Variant(200, lambda member: {"json": {field: str(place(member.places))}})

    return [
        *(to(field, place) for field, place in named.items()),
        Variant(400, lambda _: {"json": {"after": str(uuid7())}}),
        Variant(404, lambda _: {"json": {}}, _nowhere),
        Variant(412, lambda _: {"json": {}, "headers": MISMATCH}),
    ]


def _among(place: Callable[[Places], UUID]) -> Sequence[Variant]:
    """Moves behind and in front of what is there, and of what is not, and of what is not there."""
    return [
        Variant(200, lambda member: {"json": {"after": str(place(member.places))}}),
        Variant(200, lambda member: {"json": {"before": str(place(member.places))}}),
        Variant(400, lambda _: {"json": {"after": str(uuid7())}}),
        Variant(404, lambda _: {"json": {}}, _nowhere),
        Variant(412, lambda _: {"json": {}, "headers": MISMATCH}),
    ]


def _task_of(places: Places) -> UUID:
    return places.task_id


def _project_of(places: Places) -> UUID:
    return places.project_id


GONE = [Variant(404, ids=_nowhere), Variant(412, lambda _: {"headers": MISMATCH})]
PROJECT = {"name": "House", "color": "#123456", "archived": True}
FILTER = {"name": "Late", "color": "#123456", "query": "overdue"}

A_TABLE = "TYPE,CONTENT,INDENT,PROJECT\ntask,Water @garden,1,Home\ntask,The fern,2,Home\n"


def a_whole_file() -> bytes:
    """One of everything, that stands in one another."""
    project, task = str(uuid7()), str(uuid7())
    done = {"due_date": "2027-03-01", "completed_at": "2027-03-01T09:00:00Z", "previous": {"due_date": "2027-03-01"}}
    return json.dumps(
        {
            "format": "donewell",
            "version": 1,
            "projects": [{"id": project, "name": "Home"}, {"id": str(uuid7()), "name": "Garden", "parent_id": project}],
            "labels": [{"id": str(uuid7()), "name": f"plants {project}"}],
            "filters": [{"id": str(uuid7()), "name": "Late", "query": "overdue"}],
            "tasks": [{"id": task, "title": "Water", "project_id": project, "labels": [f"new {task}"]}],
            "occurrences": [{"id": str(uuid7()), "task_id": task, **done}],
        }
    ).encode()


VARIANTS: Mapping[str, Sequence[Variant]] = {
    "import_tasks": [
        Variant(
            200,
            lambda _: {"params": {"format": "json", "dry_run": "true"}, "files": {"file": ("x", a_file())}},
        ),
        Variant(200, lambda _: {"params": {"format": "csv"}, "files": {"file": ("x", A_TABLE)}}),
        Variant(200, lambda _: {"files": {"file": ("x", a_whole_file())}}),
    ],
    "list_tasks": [*PAGES, *FINDING],
    "get_task": [Variant(404, ids=_nowhere)],
    "create_task": [
        Variant(201, lambda _: {"json": {**CHANGES, "id": str(uuid7())}}),
        Variant(201, lambda _: {"json": {"title": "Feed the cat", "due_date": "2027-03-01"}}),
        Variant(200, lambda member: {"json": {"title": "Again", "id": str(member.places.task_id)}}),
        Variant(201, lambda member: {"json": {"title": "Below", "parent_id": str(member.places.task_id)}}),
        Variant(400, lambda _: {"json": {"title": "Nowhere", "parent_id": str(uuid7())}}),
        Variant(400, lambda _: {"json": {"title": "Nowhere", "project_id": str(uuid7())}}),
        Variant(409, lambda _: {"json": {"title": "Again", "id": str(TRASHED_TASK)}}),
    ],
    "quick_add": [
        Variant(201, lambda _: {"json": {"text": "Feed the cat tomorrow @pets", "id": str(uuid7())}}),
        Variant(200, lambda member: {"json": {"text": "Again", "id": str(member.places.task_id)}}),
        Variant(200, lambda _: {"json": {"text": "Feed the cat", "dry_run": True}}),
        Variant(400, lambda _: {"json": {"text": "Feed the cat #nowhere"}}),
    ],
    "update_task": CHANGING,
    "put_task": CHANGING,
    "complete_task": [
        Variant(200),
        Variant(200, lambda _: {"json": {"completed": False}}),
        Variant(200, lambda _: {"json": {"due_date": "2027-03-01"}}),
        Variant(404, ids=_nowhere),
        Variant(412, lambda _: {"headers": MISMATCH}),
    ],
    "list_tree": [
        Variant(404, ids=_nowhere),
        _page({"limit": 2}, deep=False),
        Variant(200, lambda _: {"params": {"limit": 2, "cursor": encode_way([], UUID(int=0))}}),
        Variant(200, lambda _: {"params": {"limit": 2, "cursor": encode_way(["z"], UUID(int=0))}}),
    ],
    "list_occurrences": [Variant(404, ids=_nowhere), _page({"limit": 2}, deep=False), _page({"limit": 2}, deep=True)],
    "skip_occurrence": [
        Variant(409, lambda _: {"json": {"due_date": "2000-01-01"}}),
        Variant(404, ids=_nowhere),
        Variant(412, lambda _: {"headers": MISMATCH}),
    ],
    "undo_occurrence": [Variant(404, ids=_nowhere), Variant(412, lambda _: {"headers": MISMATCH})],
    "list_trash": [_page({"limit": 2}, deep=False), _page({"limit": 2}, deep=True)],
    "restore": [Variant(404, ids=_nowhere)],
    "purge": [Variant(404, ids=_nowhere)],
    "delete_task": [Variant(404, ids=_nowhere), Variant(412, lambda _: {"headers": MISMATCH})],
    "move_task": _moving(dict.fromkeys(("after", "before", "parent_id"), _task_of) | {"project_id": _project_of}),
    "list_projects": [
        _page({"limit": 20, **filters}, deep=deep)
        for filters in ({}, {"archived": "true"}, {"archived": "false"})
        for deep in (False, True)
    ]
    + [
        _in_order({"limit": 20, **filters}, deep=deep)
        for filters in ({}, {"archived": "true"}, {"archived": "false"})
        for deep in (False, True)
    ],
    "get_project": [Variant(404, ids=_nowhere)],
    "create_project": [
        Variant(201, lambda _: {"json": {**PROJECT, "id": str(uuid7())}}),
        Variant(201, lambda member: {"json": {**PROJECT, "parent_id": str(member.places.project_id)}}),
    ],
    "put_project": _changing(PROJECT),
    "update_project": _changing(PROJECT),
    "move_project": _moving(dict.fromkeys(("after", "before", "parent_id"), _project_of)),
    "delete_project": GONE,
    "list_filters": [each({"limit": 20}, deep=deep) for each in (_page, _in_order) for deep in (False, True)],
    "get_filter": [Variant(404, ids=_nowhere)],
    "create_filter": [Variant(201, lambda _: {"json": {**FILTER, "id": str(uuid7())}})],
    "put_filter": _changing(FILTER),
    "update_filter": _changing(FILTER),
    "move_filter": _among(lambda places: places.filter_id),
    "delete_filter": GONE,
    "list_labels": [each({"limit": 20}, deep=deep) for each in (_page, _in_order) for deep in (False, True)],
    "get_label": [Variant(404, ids=_nowhere)],
    "create_label": [Variant(201, lambda _: {"json": {"name": uuid4().hex, "id": str(uuid7())}})],
    "update_label": RENAMING,
    "put_label": RENAMING,
    "move_label": _among(lambda places: places.label_id),
    "merge_label": [
        Variant(400, lambda _: {"json": {"into": str(uuid7())}}),
        Variant(404, lambda _: {"json": {"into": str(uuid7())}}, _nowhere),
    ],
    "delete_label": [Variant(404, ids=_nowhere), Variant(412, lambda _: {"headers": MISMATCH})],
    "delete_me": [Variant(403, lambda _: {"json": {"password": "a wrong guess"}})],
    "update_me": [
        Variant(200, lambda _: {"json": {"name": uuid4().hex}}),
        Variant(200, lambda _: {"json": {}}),
        Variant(412, lambda _: {"json": {"name": "Eve"}, "headers": MISMATCH}),
    ],
    "login": [Variant(401, lambda _: {"json": {"email": "nobody@example.com", "password": PASSWORD}})],
    "issue_token": [
        Variant(
            200,
            lambda member: {"data": {"grant_type": "password", "username": member.client.email, "password": PASSWORD}},
        ),
        Variant(
            200, lambda member: {"data": {"grant_type": "refresh_token", "refresh_token": member.client.refresh_token}}
        ),
    ],
    "reset_password": [Variant(400, lambda _: {"json": {"token": "dwm_made-up", "password": PASSWORD}})],
    "change_password": [
        Variant(403, lambda _: {"json": {"current_password": "not this one", "new_password": PASSWORD}})
    ],
    "verify_email": [
        Variant(204, lambda member: {"json": {"token": member.client.change_token}}),
        Variant(400, lambda _: {"json": {"token": "dwm_made-up"}}),
    ],
    "change_email": [Variant(403, lambda _: {"json": {"email": "new@example.com", "password": "not this one"}})],
    "list_audit": [_page({"limit": 20}, deep=deep) for deep in (False, True)],
    "list_sessions": [_page({"limit": 20}, deep=deep) for deep in (False, True)],
    "list_access_tokens": [_page({"limit": 20}, deep=deep) for deep in (False, True)],
    "list_feeds": [_page({"limit": 20}, deep=deep) for deep in (False, True)],
    "delete_feed": [Variant(404, ids=lambda _: {"feed_id": uuid7()})],
    "read_feed": [Variant(404, ids=lambda _: {"secret": f"dwf_{'x' * 43}"})],
    "delete_access_token": [Variant(404, ids=lambda _: {"token_id": uuid7()})],
    "end_session": [Variant(404, ids=lambda _: {"session_id": uuid7()})],
}
"""By the name of the route, sent after the request in `REQUESTS` and in this order."""
