"""Moving: a row of its owner's gets a place among others, and with it what stands in it.

It takes the owner's row in `revisions` first. So of many moves at once each finds the list as the one before has left
it: no two rows come to the same place, and none is lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CTE, ColumnElement, Table, Text, Uuid, bindparam, cast, func, update

from backend.database.fast_lane import FastLane, Row, Statement, Transaction
from backend.domain.errors import Conflict, Fault, InvalidInput
from backend.domain.ordering import LONGEST, between, end, make_room
from backend.domain.preconditions import Expected
from backend.models.base import metadata
from backend.services.move_statements import DEEPEST, around, subtree
from backend.services.owned import LONG, OWNER, OwnedRows, OwnedTable, named_new


class IntoItself(Conflict):
    code = "into_itself"
    title = "Nothing can stand in itself, nor in what stands in it"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is to stand: in which list, and between which siblings."""

    parent_id: UUID | None
    project_id: UUID | None
    after: UUID | None
    before: UUID | None

    @property
    def is_between(self) -> bool:
        """Whether it is next to a sibling, and not just behind all of them."""
        return self.after is not None or self.before is not None


class Moves:
    """The statements that move rows of a table."""

    def __init__(self, table: OwnedTable, name: str, *, thing: str) -> None:
        self.table = table
        self.thing = thing
        self._rows: Table = metadata.tables[name]
        self._scoping = [name for name in ("parent_id", "project_id") if name in self._rows.c]
        self.around = lru_cache(maxsize=None)(self._around)
        self.write = lru_cache(maxsize=None)(self._write)

    def scope(self, project_id: UUID | None, parent_id: UUID | None) -> Mapping[str, UUID | None]:
        given = {"parent_id": parent_id, "project_id": project_id}
        return {name: given[name] for name in self._scoping}

    def _around(self, *, in_parent: bool, in_project: bool, between: bool) -> Statement:
        project = metadata.tables["projects"] if in_project and not in_parent else None
        return around(self._rows, in_parent=in_parent, between=between, project=project)

    def _write(self, *, elsewhere: bool, spread: bool) -> Statement:
        """Gives the row its place. `elsewhere` takes what stands in it to its project, `spread` moves its siblings."""
        c = self._rows.c
        fields = ["position", *self._scoping]
        new = {field: bindparam(f"new_{field}", type_=c[field].type) for field in fields}

        def along(revision: CTE, _: CTE) -> Sequence[CTE]:
            stamp = {"revision": revision.c.revision, "updated_at": func.now()}
            return [
                *([self._taken_along(new["project_id"], stamp)] if elsewhere else []),
                *([self._spread(stamp)] if spread else []),
            ]

        return self.table.write(new, along=along)

    def _taken_along(self, project_id: ColumnElement[Any], stamp: Mapping[str, Any]) -> CTE:
        c = self._rows.c
        root = bindparam("id", type_=Uuid())
        found = subtree(self._rows, root)
        return (
            update(self._rows)
            .where(c.user_id == found.c.user_id, c.id == found.c.id, c.id != root)
            .values(project_id=project_id, **stamp)
            .cte("taken_along")
        )

    def _spread(self, stamp: Mapping[str, Any]) -> CTE:
        c = self._rows.c
        ids, keys = (cast(bindparam(f"new_{name}", type_=ARRAY(Text)), ARRAY(Text)) for name in ("ids", "keys"))
        spread = func.unnest(cast(ids, ARRAY(Uuid)), keys).table_valued("id", "key", name="spread").render_derived()
        return (
            update(self._rows)
            .where(c.user_id == OWNER, c.id == spread.c.id)
            .values(position=spread.c.key, **stamp)
            .cte("spread_anew")
        )


async def move(
    moves: Moves, lane: FastLane, owner: UUID, row_id: UUID, *, asked: Mapping[str, Any], expected: Expected
) -> tuple[Row, bool]:
    """The row at its new place, and whether it was not there already.

    Raises the resource's `NotFound`, `PreconditionFailed`, `IntoItself`, or `InvalidInput` naming what cannot be.
    """
    async with lane.transaction(LONG) as transaction:
        current = await OwnedRows(moves.table, transaction, owner).lock(row_id, expected)
        return await move_in(moves, transaction, owner, row_id, current=current, asked=asked)


async def move_in(
    moves: Moves, transaction: Transaction, owner: UUID, row_id: UUID, *, current: Row, asked: Mapping[str, Any]
) -> tuple[Row, bool]:
    """What `move` does, in a transaction that has locked the row, which gave `current`."""
    rows = OwnedRows(moves.table, transaction, owner)
    place = _asked(current, asked)
    statement = moves.around(
        in_parent=place.parent_id is not None, in_project=place.project_id is not None, between=place.is_between
    )
    values = {
        "owner": owner,
        "id": row_id,
        "parent_id": place.parent_id,
        "project_id": place.project_id,
        "after": place.after,
        "before": place.before,
    }
    found = await transaction.fetch_one(statement, values)
    if found is None:
        raise moves.table.missing
    project_id = _checked(moves, place, asked, found)
    scope = moves.scope(project_id, place.parent_id)
    same_list = all(current[name] == value for name, value in scope.items())
    if same_list and _is_there(current["position"], place, found):
        return await rows.get(row_id), False
    own = current["position"] if same_list else None
    position, spread = _position(found, end(current["revision"] + 1), own)
    elsewhere = "project_id" in scope and current["project_id"] != project_id
    write = moves.write(elsewhere=elsewhere, spread=bool(spread))
    new = named_new({"position": position, **scope, "ids": list(spread), "keys": list(spread.values())})
    row = await rows.write(write, row_id, None, new)
    if row is None:
        raise moves.table.missing
    return row, True


def _asked(current: Row, asked: Mapping[str, Any]) -> Place:
    """Where to: what is not said stays, but a task that goes to a project is no subtask there unless that is said."""
    parent_id = (
        asked["parent_id"] if "parent_id" in asked else None if "project_id" in asked else current.get("parent_id")
    )
    project_id = asked.get("project_id", current.get("project_id"))
    return Place(parent_id, project_id, asked["after"], asked["before"])


def _checked(moves: Moves, place: Place, asked: Mapping[str, Any], found: Row) -> UUID | None:
    """The project that it comes to. Raises what keeps it from standing there."""
    faults = []
    project_id = place.project_id
    if place.parent_id is not None:
        if found["depth"] is None:
            faults.append(Fault("parent_id", "not_found", f"There is no such {moves.thing}"))
        elif found["in_itself"]:
            raise IntoItself
        elif found["depth"] + found["height"] > DEEPEST:
            faults.append(Fault("parent_id", "too_deep", f"At most {DEEPEST} {moves.thing}s stand in one another"))
        project_id = found.get("parents_project")
        if asked.get("project_id", project_id) != project_id and found["depth"] is not None:
            faults.append(Fault("project_id", "not_of_parent", "A subtask is in the project of its parent"))
    elif project_id is not None and found["project"] is None:
        faults.append(Fault("project_id", "not_found", "There is no such project"))
    faults += [
        Fault(name, "not_found", "There is no such sibling there")
        for name in ("after", "before")
        if asked[name] is not None and found[name] is None
    ]
    if not faults and None not in (place.after, place.before) and found["before"] < found["after"]:
        faults.append(Fault("before", "not_in_order", "It stands in front of the one in `after`"))
    if faults:
        raise InvalidInput(faults)
    return project_id


def _is_there(position: str, place: Place, found: Row) -> bool:
    if not place.is_between:
        return found["last"] is None or bool(found["last"] < position)
    front, back = found["front"], found["back"]
    return (front is None or bool(front < position)) and (back is None or bool(position < back))


def _position(found: Row, last: str, own: str | None) -> tuple[str, Mapping[str, str]]:
    """The row's key, and new ones of its neighbours by their ids, if there is no short one between them."""
    front, back = found.get("front"), found.get("back")
    if back is None:
        return last, {}
    key = between(front, back)
    if len(key) <= LONGEST:
        return key, {}
    in_front, behind = found["keys_in_front"][::-1], found["keys_behind"]
    ids = [*found["ids_in_front"][::-1], *found["ids_behind"]]
    moved, keys = make_room(in_front, behind, last, () if own is None else (own,))
    first = len(in_front) - moved
    changed = ids[first : first + len(keys) - 1]
    return keys[moved], dict(zip(map(str, changed), [*keys[:moved], *keys[moved + 1 :]], strict=True))
