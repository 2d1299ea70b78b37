"""Every statement that a route sends, with the indexes that serve it; and the requests that bring each about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from backend.schemas.tasks import TaskChanges
from tests.factories.clients import PASSWORD
from tests.integration.test_architecture.operations import a_file
from tests.integration.test_database.crowd import SMALL_PROJECT, TRASHED_TASK, Member, Places

HERE = "tests/integration/test_database/statements.py"

TASK_READ = "select tasks: tasks_pkey"
TASK_WRITTEN = "update tasks, update revisions: revisions_pkey, tasks_pkey"
TREE_WRITTEN = "update tasks, update revisions: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx"
TASK_STATE = "select tasks, select users: tasks_pkey, users_pkey"
ZONE = "select users: users_pkey"
"""Of the viewer, by which a trigger tells when a task is overdue."""

PROJECT_READ = "select projects: projects_pkey"
PROJECT_LOCKED = "lock revisions, lock projects: projects_pkey, revisions_pkey"
PROJECT_TRASHED = (
    "update revisions, update projects, update tasks: "
    "projects_pkey, projects_user_id_parent_id_position_key, revisions_pkey, tasks_place_key"
)
TREE_MOVED = "update revisions, update tasks: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx"
PROJECT_WRITTEN = "update projects, update revisions: projects_pkey, revisions_pkey"
FILTER_READ = "select filters: filters_pkey"
FILTER_WRITTEN = "update filters, update revisions: filters_pkey, revisions_pkey"
COUNTING = (
    "select users, select tasks, select task_occurrences:"
    " task_occurrences_completed_idx, tasks_statistics_idx, tasks_trash_idx, users_pkey"
)
LABEL_READ = "select labels: labels_pkey"
LABEL_WRITTEN = "update labels, update revisions: labels_pkey, revisions_pkey"
LABEL_LOCKED = "lock revisions, lock labels: labels_pkey, revisions_pkey"
LABEL_IN_TASKS = (
    "update revisions, update labels, update tasks: labels_pkey, revisions_pkey, tasks_search_idx, tasks_trash_idx"
)
LOCKED = "lock revisions: revisions_pkey"

AUDITED = {"insert audit_log", "lock users: users_pkey"}
REFUSED = {"insert audit_log: users_pkey", "lock users: users_pkey"}
SESSION_ENDED = {
    "lock sessions: sessions_pkey",
    "update sessions: sessions_pkey",
    "insert revocations",
    *AUDITED,
}

EXPORTS = {"export_tasks", "export_me"}
"""Operations that read all tasks, one after another, whatever is completed: of one user that is enough."""

WHOLE = {"read_feed", "list_tree", "get_statistics", *EXPORTS}
"""Operations that read all that there is, of somebody or below a task, or count it."""

LEAVING = {"delete_me"}
"""Operations that would leave nobody to ask again. What goes with a user is looked at apart."""
TOKEN_FOUND = "lock one_time_tokens, lock users: one_time_tokens_token_hash_key, users_pkey"
LINKS_WITHDRAWN = {"delete mails: mails_waiting_key", "delete one_time_tokens: one_time_tokens_pkey"}
PASSWORD_SET = {
    "update users: users_pkey",
    *LINKS_WITHDRAWN,
    "update sessions, delete access_tokens: access_tokens_listing_idx, identities_pkey, sessions_listing_idx",
    "insert revocations",
    "insert mails",
    *AUDITED,
}

BESIDES = {
    "select revocations: revocations_revoked_at_idx",
    "delete revocations: revocations_revoked_at_idx",
    "select alembic_version",
    "update access_tokens: access_tokens_token_hash_key",
}
"""What is asked every two seconds, whoever makes a request then, and removed now and then; what health asks once a
second at most; and what is asked of a personal token that was not seen lately."""

COUNTED = "insert rate_limits, delete rate_limits: rate_limits_expires_at_idx, rate_limits_pkey"
MAILING = {
    "update mails: mails_next_attempt_at_idx, mails_pkey",
    "lock mails: mails_pkey",
    "select users: users_lower_email_key",
    "select one_time_tokens: one_time_tokens_pkey",
    "insert one_time_tokens",
    "delete mails: mails_pkey",
    "select mails: mails_next_attempt_at_idx",
    *AUDITED,
}
"""What the sender of mail asks for a link to reset a password, outside of any request."""

ELSEWHERE = {
    "update tasks, update revisions: revisions_pkey, tasks_due_idx, tasks_trash_idx",
    "lock revisions: revisions_pkey",
    ZONE,
}
"""What a profile's new time zone does to all that is due in it."""

MAINTAINING = {
    "delete task_occurrences: task_occurrences_pkey, task_occurrences_trash_idx",
    "delete tasks: tasks_pkey, tasks_trash_idx",
    "delete projects: projects_pkey, projects_trash_idx",
    "delete labels: labels_pkey, labels_trash_idx",
    "delete filters: filters_pkey, filters_trash_idx",
    "delete sessions: sessions_pkey",
    "delete one_time_tokens: one_time_tokens_pkey",
    "delete task_occurrences: task_occurrences_user_id_task_id_idx",
    "update tasks: tasks_place_key",
    "update tasks: tasks_user_id_parent_id_idx",
    "update projects: projects_user_id_parent_id_position_key",
}
"""What maintenance asks, table by table, and what goes with a task or loses it."""

STATEMENTS: Mapping[str, set[str]] = {
    "list_tasks": {
        "select tasks: tasks_listing_idx",
        "select tasks: tasks_completed_idx",
        "select tasks: tasks_due_idx",
        "select tasks: tasks_open_due_idx",
        "select tasks: tasks_place_key",
        "select tasks: tasks_position_idx",
        "select tasks: tasks_priority_idx",
        "select tasks: tasks_search_idx",
        "select tasks: tasks_title_idx",
        "select tasks: tasks_updated_idx",
        "select tasks: tasks_user_id_parent_id_idx",
        "select tasks, select labels: labels_user_id_lower_name_key, tasks_search_idx",
        "select users, select filters: filters_pkey, users_pkey",
        "select users: users_pkey",
    },
    "get_task": {TASK_READ},
    "create_task": {
        "insert tasks, update revisions: projects_pkey, revisions_pkey, tasks_pkey",
        "insert tasks, update revisions: revisions_pkey, tasks_pkey",
        "lock revisions: revisions_pkey",
        "lock tasks: tasks_pkey",
        "lock users: users_pkey",
        ZONE,
        "select tasks, select projects: projects_pkey, tasks_pkey",
        "select tasks: tasks_pkey",
        "update revisions, insert labels: labels_user_id_lower_name_key, revisions_pkey",
    },
    "quick_add": {
        "insert tasks, update revisions: revisions_pkey, tasks_pkey",
        "lock projects, lock tasks, lock users, lock revisions: projects_name_idx, revisions_pkey, tasks_pkey, users_pkey",
        "lock revisions: revisions_pkey",
        "lock users: users_pkey",
        "select tasks: tasks_pkey",
        "select users: users_pkey",
        "update revisions, insert labels: labels_user_id_lower_name_key, revisions_pkey",
    },
    "put_task": {
        "lock revisions, lock tasks: revisions_pkey, tasks_pkey",
        "lock revisions: revisions_pkey",
        "lock tasks: tasks_pkey",
        "lock users: users_pkey",
        "select tasks, select users: tasks_pkey, users_pkey",
        "select tasks: tasks_pkey",
        "select users: users_pkey",
        "update revisions, insert labels: labels_user_id_lower_name_key, revisions_pkey",
        "update revisions, update tasks, insert task_occurrences: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx",
        "update revisions, update tasks: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx",
        "update tasks, update revisions: revisions_pkey, tasks_pkey",
    },
    "update_task": {
        "lock revisions, lock tasks: revisions_pkey, tasks_pkey",
        "lock revisions: revisions_pkey",
        "lock tasks: tasks_pkey",
        "lock users: users_pkey",
        "select tasks, select users: tasks_pkey, users_pkey",
        "select tasks: tasks_pkey",
        "select users: users_pkey",
        "update revisions, insert labels: labels_user_id_lower_name_key, revisions_pkey",
        "update revisions, update tasks, insert task_occurrences: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx",
        "update revisions, update tasks: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx",
        "update tasks, update revisions: revisions_pkey, tasks_pkey",
    },
    "complete_task": {
        "select tasks, select users: tasks_pkey, users_pkey",
        "select tasks: tasks_pkey",
        "update revisions, update tasks: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx",
        "update tasks, update revisions: revisions_pkey, tasks_pkey",
    },
    "delete_task": {
        "select tasks: tasks_pkey",
        "update revisions, update tasks: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx",
    },
    "move_task": {
        "lock projects: projects_pkey",
        "lock revisions, lock tasks: revisions_pkey, tasks_pkey",
        "lock tasks: tasks_pkey",
        "select tasks, select projects: projects_pkey, tasks_place_key",
        "select tasks: tasks_pkey, tasks_place_key",
        "select tasks: tasks_pkey, tasks_user_id_parent_id_idx",
        "select tasks: tasks_place_key",
        "update revisions, update tasks: revisions_pkey, tasks_pkey",
        TREE_MOVED,
        TASK_READ,
    },
    "list_projects": {"select projects: projects_archived_idx", "select projects: projects_listing_idx"},
    "get_project": {PROJECT_READ},
    "create_project": {
        "insert projects, update revisions: projects_pkey, revisions_pkey",
        "lock projects: projects_pkey",
        LOCKED,
        PROJECT_READ,
    },
    "put_project": {PROJECT_WRITTEN, PROJECT_READ},
    "update_project": {PROJECT_WRITTEN, PROJECT_READ},
    "move_project": {
        "lock projects: projects_pkey",
        PROJECT_LOCKED,
        "select projects: projects_pkey, projects_user_id_parent_id_position_key",
        "select projects: projects_user_id_parent_id_position_key",
        "update revisions, update projects: projects_pkey, revisions_pkey",
        PROJECT_READ,
    },
    "delete_project": {
        PROJECT_LOCKED,
        PROJECT_TRASHED,
        PROJECT_READ,
    },
    "list_filters": {"select filters: filters_listing_idx"},
    "get_filter": {FILTER_READ},
    "create_filter": {"insert filters, update revisions: filters_pkey, revisions_pkey", LOCKED},
    "put_filter": {FILTER_WRITTEN, FILTER_READ},
    "update_filter": {FILTER_WRITTEN, FILTER_READ},
    "delete_filter": {FILTER_WRITTEN, FILTER_READ},
    "list_feeds": {"select feeds: feeds_listing_idx"},
    "create_feed": {"lock feeds, lock users: feeds_listing_idx, users_pkey", "insert feeds", *AUDITED},
    "delete_feed": {"delete feeds: feeds_pkey", *AUDITED},
    "read_feed": {
        "select feeds, select users, select revisions: feeds_secret_hash_key, revisions_pkey, users_pkey",
        "select tasks: tasks_statistics_idx",
    },
    "get_statistics": {COUNTING},
    "list_labels": {"select labels: labels_listing_idx"},
    "get_label": {LABEL_READ},
    "create_label": {"insert labels, update revisions: labels_pkey, revisions_pkey", LOCKED},
    "put_label": {LABEL_WRITTEN, LABEL_LOCKED, LABEL_IN_TASKS, LABEL_READ},
    "update_label": {LABEL_WRITTEN, LABEL_LOCKED, LABEL_IN_TASKS, LABEL_READ},
    "merge_label": {LABEL_LOCKED, LABEL_IN_TASKS, LABEL_READ},
    "delete_label": {LABEL_LOCKED, LABEL_IN_TASKS, LABEL_READ},
    "list_tree": {"select tasks: tasks_pkey, tasks_user_id_parent_id_idx"},
    "get_me": {"select users: users_pkey"},
    "delete_me": {
        COUNTED,
        "select users: users_pkey",
        *REFUSED,
    },
    "export_me": {
        *AUDITED,
        "select access_tokens: access_tokens_pkey",
        "select audit_log: audit_log_pkey",
        "select identities: identities_pkey",
        "select mails: mails_waiting_key",
        "select one_time_tokens: one_time_tokens_pkey",
        "select feeds: feeds_pkey",
        "select filters: filters_pkey",
        "select labels: labels_pkey",
        "select projects: projects_pkey",
        "select revisions: revisions_pkey",
        "select sessions: sessions_pkey",
        "select task_occurrences: task_occurrences_pkey",
        "select tasks: tasks_pkey",
        "select users: users_pkey",
    },
    "export_tasks": {
        "select filters: filters_pkey",
        "select labels: labels_pkey",
        "select projects: projects_pkey",
        "select task_occurrences: task_occurrences_pkey",
        "select tasks: tasks_pkey",
    },
    "import_tasks": {
        "insert tasks, update revisions: revisions_pkey",
        "lock revisions: revisions_pkey",
        "select tasks: tasks_pkey",
        "select users: users_pkey",
    },
    "update_me": {"lock users: users_pkey", "update users: users_pkey", "select users: users_pkey"},
    "register_user": {COUNTED, "insert users", "insert revisions", "insert sessions", "insert mails", *AUDITED},
    "login": {
        COUNTED,
        "select users: users_lower_email_key",
        "insert sessions",
        *REFUSED,
        *AUDITED,
    },
    "issue_token": {
        COUNTED,
        "lock sessions: sessions_pkey",
        "update sessions: sessions_pkey",
        "select users: users_lower_email_key",
        "insert sessions",
        *AUDITED,
    },
    "logout": {*SESSION_ENDED},
    "list_sessions": {"select sessions: sessions_listing_idx"},
    "end_session": {*SESSION_ENDED},
    "forgot_password": {COUNTED, "insert mails"},
    "reset_password": {COUNTED, TOKEN_FOUND, *PASSWORD_SET},
    "change_password": {COUNTED, "select users: users_pkey", *PASSWORD_SET, *REFUSED},
    "verify_email": {
        TOKEN_FOUND,
        "delete one_time_tokens: one_time_tokens_token_hash_key",
        "update users: users_pkey",
        *LINKS_WITHDRAWN,
        "insert mails",
        *AUDITED,
    },
    "resend_verification": {COUNTED, "insert mails"},
    "change_email": {
        COUNTED,
        "select users: users_pkey",
        "delete mails: mails_waiting_key",
        "insert mails",
        *REFUSED,
    },
    "list_audit": {"select audit_log: audit_log_listing_idx"},
    "list_access_tokens": {"select access_tokens: access_tokens_listing_idx"},
    "create_access_token": {
        "lock users: users_pkey",
        "select revocations: revocations_pkey",
        "delete access_tokens: access_tokens_listing_idx",
        "insert access_tokens",
        *AUDITED,
    },
    "delete_access_token": {"delete access_tokens: access_tokens_pkey", "insert revocations", *AUDITED},
    "list_trash": {
        "select tasks, select projects: projects_trash_idx, tasks_trash_idx",
    },
    "undo_occurrence": {
        "select tasks, select users: tasks_pkey, users_pkey",
        "select users: users_pkey",
        "update revisions, update tasks, update task_occurrences: revisions_pkey, task_occurrences_listing_idx, task_occurrences_pkey, tasks_pkey",
    },
    "purge": {
        "delete task_occurrences: task_occurrences_user_id_task_id_idx",
        "update revisions, delete tasks, delete projects: projects_trash_idx, revisions_pkey, tasks_trash_idx",
        "update tasks: tasks_user_id_parent_id_idx",
    },
    "skip_occurrence": {
        "select tasks, select users: tasks_pkey, users_pkey",
        "select users: users_pkey",
        "update tasks, update revisions: revisions_pkey, tasks_pkey",
    },
    "restore": {
        "update revisions, update tasks, update projects: projects_pkey, projects_trash_idx, revisions_pkey, tasks_pkey, tasks_trash_idx",
    },
    "list_occurrences": {
        "select task_occurrences: task_occurrences_listing_idx",
        "select tasks, select users: tasks_pkey, users_pkey",
    },
}
"""What the route of a name does to which tables, and the indexes that lead to their rows; foreign keys' checks too."""


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
    "labels": ["garden"],
    "reminders": ["PT15M"],
}
MISMATCH = {"If-Match": '"999999999"'}


def _page(asked: Mapping[str, Any], *, deep: bool) -> Variant:
    return Variant(200, lambda member: {"params": {**asked, **({"cursor": member.places.cursor} if deep else {})}})


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


def _task_of(places: Places) -> UUID:
    return places.task_id


def _project_of(places: Places) -> UUID:
    return places.project_id


GONE = [Variant(404, ids=_nowhere), Variant(412, lambda _: {"headers": MISMATCH})]
PROJECT = {"name": "House", "color": "#123456", "archived": True}
FILTER = {"name": "Late", "color": "#123456", "query": "overdue"}

VARIANTS: Mapping[str, Sequence[Variant]] = {
    "export_tasks": [Variant(200, lambda _: {"params": {"format": "csv"}})],
    "import_tasks": [
        Variant(
            200,
            lambda _: {"params": {"format": "json", "dry_run": "true"}, "files": {"file": ("x", a_file())}},
        )
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
        _page({"limit": 2}, deep=True),
    ],
    "list_occurrences": [Variant(404, ids=_nowhere), _page({"limit": 2}, deep=False), _page({"limit": 2}, deep=True)],
    "skip_occurrence": [Variant(404, ids=_nowhere), Variant(412, lambda _: {"headers": MISMATCH})],
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
    "list_filters": [_page({"limit": 20}, deep=deep) for deep in (False, True)],
    "get_filter": [Variant(404, ids=_nowhere)],
    "create_filter": [Variant(201, lambda _: {"json": {**FILTER, "id": str(uuid7())}})],
    "put_filter": _changing(FILTER),
    "update_filter": _changing(FILTER),
    "delete_filter": GONE,
    "list_labels": [_page({"limit": 20}, deep=deep) for deep in (False, True)],
    "get_label": [Variant(404, ids=_nowhere)],
    "create_label": [Variant(201, lambda _: {"json": {"name": uuid4().hex, "id": str(uuid7())}})],
    "update_label": RENAMING,
    "put_label": RENAMING,
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
