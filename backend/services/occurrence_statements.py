"""The statements of recurring tasks."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, Date, bindparam, cast, exists, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, insert
from sqlalchemy.types import Text, Time

from backend.database.fast_lane import Statement
from backend.models.base import metadata
from backend.services.listing import Listing
from backend.services.owned import OWNER, Expressions
from backend.services.task_table import TASKS, TaskTable, subtasks_of, write_subtasks

_T = metadata.tables["tasks"].c
_O = metadata.tables["task_occurrences"].c
_REVISIONS = metadata.tables["revisions"].c
_USERS = metadata.tables["users"].c
_ID = bindparam("id", type_=_T.id.type)

COMPLETED = Listing(
    _O.id.table,
    [_O.id, _O.task_id, _O.due_date, _O.due_time, _O.time_zone, _O.completed_at, _O.created_at],
    _O.task_id == bindparam("task", type_=_O.task_id.type),
    _O.deleted_at.is_(None),
)
"""What was done of a task."""

COMPLETED_ON = Statement(
    select(_O.id)
    .where(
        _O.user_id == OWNER,
        _O.task_id == _ID,
        _O.deleted_at.is_(None),
        _O.due_date == bindparam("due_date", type_=Date()),
    )
    .limit(1)
)
"""An occurrence of a task that was due on a day."""

LOCK = Statement(
    select(
        *TASKS.read,
        _T.recurrence_rule,
        _T.recurrence_anchor,
        _T.recurrence_start,
        _T.recurrence_taken,
        _USERS.time_zone.label("viewer_zone"),
    )
    .select_from(_REVISIONS.user_id.table)
    .join(_T.id.table, _T.user_id == _REVISIONS.user_id)
    .join(_USERS.id.table, _USERS.id == _REVISIONS.user_id)
    .where(_REVISIONS.user_id == OWNER, _T.id == _ID, _T.deleted_at.is_(None))
    # The owner's row first: the task is then read as those who had that row before have left it.
    .with_for_update(key_share=True, of=[_REVISIONS.user_id.table, _T.id.table])
)
"""The task, with what tells when it is due next; nobody else writes it until the transaction ends."""

ONCE = TASKS.complete(frozenset({"completed"}))
"""A task that does not recur is completed, and with it what is open of its subtasks."""


def _new(*names: str) -> Expressions:
    return {name: bindparam(f"new_{name}", type_=_T[name].type) for name in names}


def _recorded(revision: CTE, written: CTE, subtasks: CTE) -> CTE:
    """The occurrence that is completed, with what undoing it brings back: what was seen of the task before."""
    is_open = _T.completed_at.is_(None)
    done = func.jsonb_object_agg(cast(_T.id, Text), _T.completed_at).filter(~is_open)
    still_open = func.jsonb_agg(_T.id).filter(is_open)
    subtasks_before = (
        select(
            func.jsonb_build_object(
                literal("subtasks"),
                func.coalesce(done, literal("{}").cast(JSONB)),
                literal("open_subtasks"),
                func.coalesce(still_open, literal("[]").cast(JSONB)),
            )
        )
        .where(_T.user_id == OWNER, _T.id.in_(select(subtasks.c.id)))
        .scalar_subquery()
    )
    values: dict[str, ColumnElement[Any]] = {
        "user_id": OWNER,
        "id": bindparam("occurrence", type_=_O.id.type),
        "revision": revision.c.revision,
        "task_id": written.c.id,
        **{name: bindparam(f"seen_{name}", type_=_O[name].type) for name in ("due_date", "due_time", "time_zone")},
        "completed_at": func.now(),
        # The transaction may have begun before another that was done first.
        "created_at": func.clock_timestamp(),
        "previous": bindparam("seen", type_=JSONB()).op("||")(subtasks_before),
    }
    return (
        insert(_O.id.table)
        .from_select(list(values), select(*values.values()), include_defaults=False)
        .returning(_O.id)
        .cte("recorded")
    )


def _completing(table: TaskTable) -> Statement:
    """On to the next occurrence: what was completed of the subtasks is open again."""
    subtasks = subtasks_of(_ID)

    def along(revision: CTE, written: CTE) -> Sequence[CTE]:
        reopened = write_subtasks(revision, written, subtasks, {"completed_at": None}, _T.completed_at.is_not(None))
        return [_recorded(revision, written, subtasks), reopened]

    return table.write(_new("due_date", "recurrence_taken", "reminders"), _T.completed_at.is_(None), along=along)


def _completing_the_last(table: TaskTable) -> Statement:
    """There is no next one: the task is completed, and with it what is open of its subtasks."""
    subtasks = subtasks_of(_ID)
    done: Expressions = {"completed_at": func.now()}

    def along(revision: CTE, written: CTE) -> Sequence[CTE]:
        return [
            _recorded(revision, written, subtasks),
            write_subtasks(revision, written, subtasks, done, _T.completed_at.is_(None)),
        ]

    return table.write({**done, **_new("recurrence_taken")}, _T.completed_at.is_(None), along=along)


def _undoing(table: TaskTable) -> Statement:
    latest = (
        select(_O.id, _O.previous)
        .where(_O.user_id == OWNER, _O.task_id == _ID, _O.deleted_at.is_(None))
        # Many may have been imported with one revision: their ids are in the order of time.
        .order_by(_O.revision.desc(), _O.id.desc())
        .limit(1)
        .cte("latest")
    )
    previous = latest.c.previous

    def before(name: str, kind: Any) -> ColumnElement[Any]:
        return cast(select(previous[name].astext).scalar_subquery(), kind)

    def recurred(name: str) -> ColumnElement[Any]:
        column = _T[f"recurrence_{name}"]
        return func.coalesce(cast(select(previous["recurrence"][name].astext).scalar_subquery(), column.type), column)

    texts = func.jsonb_array_elements_text(previous["reminders"]).table_valued("value").lateral("texts")
    values: Expressions = {
        "due_date": before("due_date", Date()),
        "due_time": before("due_time", Time()),
        "time_zone": before("time_zone", Text()),
        **{f"recurrence_{name}": recurred(name) for name in ("rule", "anchor", "start", "taken")},
        "reminders": func.array(
            select(cast(texts.c.value, Text)).select_from(latest.join(texts, literal(True))).scalar_subquery()
        ),
        "completed_at": null(),
    }

    def along(revision: CTE, written: CTE) -> Sequence[CTE]:
        undone = (
            update(_O.id.table)
            .where(_O.user_id == OWNER, _O.id == latest.c.id, exists(select(1).select_from(written)))
            .values(deleted_at=func.now(), revision=revision.c.revision, updated_at=func.now())
            .returning(_O.id)
            .cte("undone")
        )
        return [undone, _as_they_were(latest, revision, written)]

    return table.write(values, exists(select(1).select_from(latest)), along=along)


def _as_they_were(latest: CTE, revision: CTE, written: CTE) -> CTE:
    """The subtasks that were there, and still are, are open or completed as before."""
    each = func.jsonb_each_text(latest.c.previous["subtasks"]).table_valued("key", "value").lateral("each")
    done = select(
        cast(each.c.key, _T.id.type).label("id"), cast(each.c.value, TIMESTAMP(timezone=True)).label("at")
    ).select_from(latest.join(each, literal(True)))
    ids = func.jsonb_array_elements_text(latest.c.previous["open_subtasks"]).table_valued("value").lateral("ids")
    still_open = select(cast(ids.c.value, _T.id.type), cast(null(), TIMESTAMP(timezone=True))).select_from(
        latest.join(ids, literal(True))
    )
    were = done.union_all(still_open).cte("were")
    return (
        update(_T.id.table)
        .where(
            _T.user_id == OWNER,
            _T.id == were.c.id,
            _T.id.in_(select(subtasks_of(_ID).c.id)),
            _T.completed_at.is_distinct_from(were.c.at),
            exists(select(1).select_from(written)),
        )
        .values(completed_at=were.c.at, revision=revision.c.revision, updated_at=func.now())
        .returning(_T.id)
        .cte("subtasks_written")
    )


COMPLETE = _completing(TASKS)
LAST = _completing_the_last(TASKS)
SKIP = TASKS.write(_new("due_date", "recurrence_taken", "reminders"), _T.completed_at.is_(None))
UNDO = _undoing(TASKS)
