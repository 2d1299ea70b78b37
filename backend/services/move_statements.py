"""What has to be read to move a row: its neighbours there, and whether it may stand in what it is to stand in."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    ScalarSelect,
    Text,
    Uuid,
    bindparam,
    case,
    exists,
    func,
    literal,
    select,
)

from backend.database.fast_lane import Statement
from backend.domain.ordering import FARTHEST, LONGEST
from backend.services.owned import OWNER

DEEPEST = 10
"""How many rows of a table may stand in one another."""

_ID, _PARENT, _PROJECT = (bindparam(name, type_=Uuid()) for name in ("id", "parent_id", "project_id"))

type Conditions = Sequence[ColumnElement[bool]]


def around(table: FromClause, *, in_parent: bool, between: bool, project: FromClause | None = None) -> Statement:
    """The keys around a place in a list: of what stands in the parent, or else in the project, or in nothing.

    `after` and `before` are the keys of the siblings named so, `front` and `back` those next to the place. Where
    another key between them would be too long there are those of `FARTHEST` rows and one in front, and behind. If the
    place is between no siblings, `last` is the list's last key.
    """
    c = table.c
    if in_parent:
        of_list: dict[ColumnElement[Any], ColumnElement[Any] | None] = {c.parent_id: _PARENT}
    else:
        of_list = {c.project_id: None if project is None else _PROJECT} if "project_id" in c else {}
        of_list |= {c.parent_id: None} if "parent_id" in c else {}
    siblings = [c.user_id == OWNER, *(column == value for column, value in of_list.items()), c.id != _ID]
    # Columns that are null by which it is sorted too: PostgreSQL would not take their index for sorted otherwise.
    order = [*(column for column, value in of_list.items() if value is None), c.position]
    columns = _between(c, siblings, order) if between else [_one(c, siblings, order, last=True).label("last")]
    if in_parent:
        columns += _parent(table)
    if project is not None:
        # A column that no index but the table has: to look for it in an index alone may be to read all of the owner's.
        mine = (project.c.user_id == OWNER, project.c.id == _PROJECT, project.c.deleted_at.is_(None))
        columns.append(select(project.c.revision).where(*mine).scalar_subquery().label("project"))
    return Statement(select(*columns))


def _one(c: Any, siblings: Conditions, order: Conditions, *, last: bool = False) -> ScalarSelect[Any]:
    """The first key of the siblings, or the last."""
    by = [column.desc() for column in order] if last else order
    return select(c.position).where(*siblings).order_by(*by).limit(1).scalar_subquery()


def _between(c: Any, siblings: Conditions, order: Conditions) -> list[ColumnElement[Any]]:
    keys = select(_key_of(c, "after", siblings).label("after"), _key_of(c, "before", siblings).label("before"))
    asked = keys.cte("asked")
    after, before = select(asked.c.after).scalar_subquery(), select(asked.c.before).scalar_subquery()
    front = func.coalesce(after, _one(c, [*siblings, c.position < before], order, last=True))
    back = func.coalesce(_one(c, [*siblings, c.position > after], order), before)
    names = {"after": after, "before": before, "front": front, "back": back}
    found = select(*(value.label(name) for name, value in names.items())).cte("found")
    backwards = [column.desc() for column in order]
    return [
        *found.c,
        *_far(found, c, "in_front", [*siblings, c.position <= found.c.front], backwards),
        *_far(found, c, "behind", [*siblings, c.position >= found.c.back], order),
    ]


def _key_of(c: Any, name: str, siblings: Conditions) -> ScalarSelect[Any]:
    sibling = bindparam(name, type_=Uuid())
    # With a column that only the table has: an index of positions alone would be read from the owner's first on.
    there = (c.id == sibling, c.deleted_at.is_(None), c.revision > 0)
    return select(c.position).where(*siblings, *there).scalar_subquery()


def _far(
    found: CTE, c: Any, name: str, siblings: Conditions, order: Sequence[ColumnElement[Any]]
) -> list[ColumnElement[Any]]:
    """Ids and keys from the place on, if it has become narrow."""
    narrow = func.greatest(func.length(found.c.front), func.length(found.c.back)) >= LONGEST
    rows = {
        what: select(column).where(*siblings).order_by(*order).limit(FARTHEST + 1).scalar_subquery()
        for what, column in (("ids", c.id), ("keys", c.position))
    }
    return [
        case((narrow, func.array(rows[what], type_=ARRAY(kind)))).label(f"{what}_{name}")
        for what, kind in (("ids", Uuid), ("keys", Text))
    ]


def _parent(table: FromClause) -> list[ColumnElement[Any]]:
    """Whether the parent is there and where, how deep it stands, how deep the row itself is, and who is in whom."""
    c = table.c
    ups, downs = ancestors(table, _PARENT), subtree(table, _ID)
    columns: list[ColumnElement[Any]] = [
        select(func.max(ups.c.depth)).scalar_subquery().label("depth"),
        exists(select(1).where(ups.c.id == _ID)).label("in_itself"),
        select(func.max(downs.c.height)).scalar_subquery().label("height"),
    ]
    if "project_id" in c:
        project = select(c.project_id).where(c.user_id == OWNER, c.id == _PARENT).scalar_subquery()
        columns.append(project.label("parents_project"))
    return columns


# Whose the rows are is part of what is walked: PostgreSQL takes the owner for one with few rows, and would read them
# all, if it could, where it now looks up a few.


def ancestors(table: FromClause, row: ColumnElement[Any]) -> CTE:
    """A row and what it stands in, with the `depth` from there, up to `DEEPEST`; nothing, if it is not there."""
    c, above = table.c, table.alias("above")
    found = (
        select(c.user_id, c.id, c.parent_id, literal(1).label("depth"))
        .where(c.user_id == OWNER, c.id == row, c.deleted_at.is_(None))
        .cte("ancestors", recursive=True)
    )
    return found.union_all(
        select(above.c.user_id, above.c.id, above.c.parent_id, found.c.depth + 1).where(
            above.c.user_id == found.c.user_id,
            above.c.id == found.c.parent_id,
            above.c.deleted_at.is_(None),
            found.c.depth < DEEPEST,
        )
    )


def subtree(table: FromClause, row: ColumnElement[Any], *, trashed: bool = True) -> CTE:
    """The ids of a row and of what stands in it, with the `height` from there; what is trashed may come back."""
    below = table.alias("below")
    root = select(OWNER.label("user_id"), row.label("id"), literal(1).label("height"))
    found = root.cte("subtree", recursive=True)
    within = select(below.c.user_id, below.c.id, found.c.height + 1).where(
        below.c.user_id == found.c.user_id, below.c.parent_id == found.c.id, found.c.height < DEEPEST
    )
    return found.union_all(within if trashed else within.where(below.c.deleted_at.is_(None)))
