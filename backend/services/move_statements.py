"""What has to be read to move a row: its neighbours there, and whether it may stand in what it is to stand in."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
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


def around(table: FromClause, *, in_parent: bool, project: FromClause | None = None) -> Statement:
    """The keys around a place in a list: of what stands in the parent, or else in the project, or in nothing.

    `after` and `before` are the keys of the siblings named so, `front` and `back` those next to the place; `last` is
    the list's. Where another key between them would be too long there are those of `FARTHEST` rows and one in front,
    and behind.
    """
    c = table.c
    if in_parent:
        of_list: list[ColumnElement[bool]] = [c.parent_id == _PARENT]
    else:
        of_list = [c.parent_id.is_(None)]
        if "project_id" in c:
            of_list.append(c.project_id.is_(None) if project is None else c.project_id == _PROJECT)
    siblings = [c.user_id == OWNER, *of_list, c.id != _ID]
    asked = select(_key_of(c, "after", siblings).label("after"), _key_of(c, "before", siblings).label("before"))
    keys = asked.cte("asked")
    after, before = select(keys.c.after).scalar_subquery(), select(keys.c.before).scalar_subquery()
    first = select(c.position).where(*siblings).order_by(c.position).limit(1)
    last = select(c.position).where(*siblings).order_by(c.position.desc()).limit(1)
    front = func.coalesce(after, last.where(c.position < before).scalar_subquery())
    back = func.coalesce(first.where(c.position > after).scalar_subquery(), before)
    found = select(
        after.label("after"),
        before.label("before"),
        front.label("front"),
        back.label("back"),
        last.scalar_subquery().label("last"),
    ).cte("found")
    columns: list[ColumnElement[Any]] = [
        *found.c,
        *_far(c, siblings, found.c.front, found.c.back, forwards=False),
        *_far(c, siblings, found.c.front, found.c.back, forwards=True),
    ]
    if in_parent:
        columns += _parent(table)
    if project is not None:
        there = select(1).where(project.c.user_id == OWNER, project.c.id == _PROJECT, project.c.deleted_at.is_(None))
        columns.append(exists(there).label("project_there"))
    return Statement(select(*columns).select_from(found))


def _key_of(c: Any, name: str, siblings: Conditions) -> ScalarSelect[Any]:
    sibling = bindparam(name, type_=Uuid())
    return select(c.position).where(*siblings, c.id == sibling, c.deleted_at.is_(None)).scalar_subquery()


def _far(
    c: Any, siblings: Conditions, front: ColumnElement[str], back: ColumnElement[str], *, forwards: bool
) -> list[ColumnElement[Any]]:
    """Ids and keys from the place on, if it has become narrow."""
    narrow = func.greatest(func.length(front), func.length(back)) >= LONGEST
    name, order = ("behind", c.position) if forwards else ("in_front", c.position.desc())
    where = c.position >= back if forwards else c.position <= front
    return [
        case(
            (
                narrow,
                func.array(
                    select(column).where(*siblings, where).order_by(order).limit(FARTHEST + 1).scalar_subquery(),
                    type_=ARRAY(kind),
                ),
            )
        ).label(f"{what}_{name}")
        for what, column, kind in (("ids", c.id, Uuid), ("keys", c.position, Text))
    ]


def _parent(table: FromClause) -> list[ColumnElement[Any]]:
    """Whether the parent is there and where, how deep it stands, how deep the row itself is, and who is in whom."""
    c = table.c
    there = select(1).where(c.user_id == OWNER, c.id == _PARENT, c.deleted_at.is_(None))
    up = select(c.id, c.parent_id, literal(1).label("depth")).where(c.user_id == OWNER, c.id == _PARENT)
    ups = up.cte("ancestors", recursive=True)
    above = table.alias("above")
    ups = ups.union_all(
        select(above.c.id, above.c.parent_id, ups.c.depth + 1).where(
            above.c.user_id == OWNER, above.c.id == ups.c.parent_id, ups.c.depth < DEEPEST
        )
    )
    # Also what is in the trash, since it may come back.
    downs = select(_ID.label("id"), literal(1).label("height")).cte("descendants", recursive=True)
    below = table.alias("below")
    downs = downs.union_all(
        select(below.c.id, downs.c.height + 1).where(
            below.c.user_id == OWNER, below.c.parent_id == downs.c.id, downs.c.height < DEEPEST
        )
    )
    columns: list[ColumnElement[Any]] = [
        exists(there).label("parent_there"),
        select(func.max(ups.c.depth)).scalar_subquery().label("depth"),
        exists(select(1).where(ups.c.id == _ID)).label("in_itself"),
        select(func.max(downs.c.height)).scalar_subquery().label("height"),
    ]
    if "project_id" in c:
        project = select(c.project_id).where(c.user_id == OWNER, c.id == _PARENT).scalar_subquery()
        columns.append(project.label("parents_project"))
    return columns
