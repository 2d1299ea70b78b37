"""Labels: the rules, for one owner. A name is the same label in capitals, and tasks hold it as the label spells it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    ScalarSelect,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import array
from uuid_utils.compat import uuid7

from backend.database.fast_lane import FastLane, Lane, Row, Statement
from backend.domain.errors import Conflict, Fault, InvalidInput, NotFound
from backend.domain.pagination import Page
from backend.domain.preconditions import Expected
from backend.models.base import metadata
from backend.models.labels import ONE_LABEL_A_NAME, Label
from backend.schemas.labels import LabelChanges, LabelCreate, LabelMerge, LabelRead
from backend.schemas.moves import MoveAmong
from backend.schemas.pagination import OrderedPageQuery
from backend.services.moves import Moves, move
from backend.services.owned import LONG, OWNER, Along, OwnedRows, OwnedTable, named_new

log = structlog.get_logger()


class LabelNotFound(NotFound):
    code = "label_not_found"
    title = "There is no such label"


class LabelExists(Conflict):
    code = "label_exists"
    title = "There is a label of this name, perhaps in other capitals; to make one of two, merge them"


_L, _T = metadata.tables["labels"].c, metadata.tables["tasks"].c
_STRINGS = ARRAY(Text)
# What is known is only read. What is not is put in order by the owner's row in `revisions`: whoever comes second finds
# what the first has made, which a statement does not see that began before, by the conflict.
_ENSURE = Statement(
    text("""
    WITH given AS (
        SELECT place, name, id
        FROM unnest(CAST(:names AS text[]), CAST(:ids AS text[])::uuid[]) WITH ORDINALITY AS given (name, id, place)
    ),
    known AS (
        SELECT place, labels.name FROM given
        CROSS JOIN LATERAL (
            SELECT name FROM labels
            WHERE user_id = :owner AND lower(labels.name) = lower(given.name) AND deleted_at IS NULL
            LIMIT 1  -- there is no other; and so each is looked up, whatever the plan thinks of how many are given
        ) AS labels
    ),
    missing AS (
        SELECT place, name, id FROM given
        WHERE NOT EXISTS (SELECT FROM known WHERE known.place = given.place)
          AND NOT EXISTS (
              SELECT FROM given AS earlier WHERE earlier.place < given.place AND lower(earlier.name) = lower(given.name)
          )
    ),
    next_revision AS (
        UPDATE revisions SET revision = revision + 1 WHERE user_id = :owner AND EXISTS (SELECT FROM missing)
        RETURNING revision
    ),
    made AS (
        INSERT INTO labels (user_id, id, revision, name, position)
        SELECT :owner, id, revision, name, 'l' || lpad(to_hex(revision), 12, '0') || lpad(to_hex(place), 3, '0') || 'V'
        FROM missing CROSS JOIN next_revision
        ON CONFLICT (user_id, lower(name)) WHERE deleted_at IS NULL DO UPDATE SET name = labels.name
        RETURNING name
    )
    SELECT place, name FROM known
    UNION ALL
    SELECT place, made.name FROM made JOIN given ON lower(given.name) = lower(made.name)
    """).bindparams(OWNER, bindparam("names", type_=_STRINGS), bindparam("ids", type_=_STRINGS))
)


async def ensure(lane: Lane, owner: UUID, names: Sequence[str]) -> list[str]:
    """The names as their labels spell them, each once and in this order; labels that were missing are there now.

    One statement, or none without names. In a transaction that has the owner's row in `revisions`, the names hold
    until it ends; otherwise a label may be renamed as soon as this returns.
    """
    if not names:
        return []
    ids = [str(uuid7()) for _ in names]
    rows = await lane.fetch(_ENSURE, {"owner": owner, "names": list(names), "ids": ids})
    return list(dict.fromkeys(row["name"] for row in sorted(rows, key=lambda row: row["place"])))


def _name_of(parameter: str) -> ScalarSelect[Any]:
    """The name of a label, as it was before the statement."""
    label = bindparam(parameter, type_=_L.id.type)
    return select(cast(_L.name, Text)).where(_L.user_id == OWNER, _L.id == label).scalar_subquery()


_DELETED = {"deleted_at": func.now()}
_WITHOUT = func.array_remove(_T.labels, _name_of("id"))


class LabelTable(OwnedTable):
    """The statements of the table `labels`: those that change or remove a name do so in every task that carries it."""

    def __init__(self) -> None:
        super().__init__(Label, LabelRead, LabelNotFound)
        self.merge = self._merge()

    def _change(self, fields: frozenset[str]) -> Statement:
        if "name" not in fields:
            return super()._change(fields)
        new = self._named(fields)
        renamed = func.array_replace(_T.labels, _name_of("id"), cast(new["name"], Text))
        return self.write(new, self._differs(new), along=_in_tasks(renamed))

    def _trash(self) -> Statement:
        return self.write(_DELETED, along=_in_tasks(_WITHOUT))

    def _merge(self) -> Statement:
        into = _name_of("new_into")
        replaced = func.array_replace(_T.labels, _name_of("id"), into)
        labels = case((_T.labels.contains(array([into])), _WITHOUT), else_=replaced)
        return self.write(_DELETED, along=_in_tasks(labels))


def _in_tasks(labels: ColumnElement[Any]) -> Along:
    """Has other labels in every task that carries this one, also in the trash."""

    def along(revision: CTE, written: CTE) -> Sequence[CTE]:
        carries = _T.labels.contains(array([_name_of("id")]))
        # Whose they are is said as each of two indexes has it: of what carries the label, and of the trash.
        live = and_(array([_T.user_id]).contains(array([OWNER])), _T.deleted_at.is_(None), carries)
        anywhere = or_(live, and_(_T.user_id == OWNER, _T.deleted_at.is_not(None), carries))
        changed = {"labels": labels, "revision": revision.c.revision, "updated_at": func.now()}
        there = exists(select(1).select_from(written))
        return [update(_T.id.table).where(anywhere, there).values(changed).cte("in_tasks")]

    return along


LABELS = LabelTable()

_MOVES = Moves(LABELS, "labels", thing="label")


class LabelService:
    """One owner's labels."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner
        self._labels = OwnedRows(LABELS, lane, owner)

    async def list(self, query: OrderedPageQuery) -> Page:
        """A page of the labels."""
        return await self._labels.list(query)

    async def get(self, label_id: UUID) -> Row:
        """The label. Raises `LabelNotFound`."""
        return await self._labels.get(label_id)

    async def create(self, label: LabelCreate) -> tuple[Row, bool]:
        """The label, and whether this call made it. Raises `LabelExists` or `IdInTrash`."""
        fields = label.model_dump()
        with _one_label_a_name():
            row, created = await self._labels.insert(fields.pop("id", None) or uuid7(), fields)
        if created:
            log.info("label.created", label_id=str(row["id"]))
        return row, created

    async def change(self, label_id: UUID, changes: LabelChanges, expected: Expected) -> Row:
        """The label after the change; a new name is in every task that carries it.

        Raises `LabelNotFound`, `PreconditionFailed`, or `LabelExists`.
        """
        fields = changes.model_dump()
        if "name" in fields:
            with _one_label_a_name():
                async with self._lane.transaction(LONG) as transaction:
                    labels = OwnedRows(LABELS, transaction, self._owner)
                    await labels.lock(label_id, expected)
                    row, changed = await labels.change(label_id, fields, expected)
        else:
            row, changed = await self._labels.change(label_id, fields, expected)
        if changed:
            log.info("label.updated", label_id=str(label_id), fields=sorted(fields))
        return row

    async def merge(self, label_id: UUID, merge: LabelMerge, expected: Expected) -> Row:
        """The label that stays: whatever carried either of the two carries it, once; the other is in the trash.

        Raises `LabelNotFound`, `PreconditionFailed`, or `InvalidInput` when there is no other label of that id.
        """
        if merge.into == label_id:
            raise InvalidInput([Fault("into", "same_label", "Name another label")])
        async with self._lane.transaction(LONG) as transaction:
            labels = OwnedRows(LABELS, transaction, self._owner)
            await labels.lock(label_id, expected)
            try:
                into = await labels.get(merge.into)
            except LabelNotFound as error:
                raise InvalidInput([Fault("into", "not_found", "There is no such label")]) from error
            await labels.write(LABELS.merge, label_id, expected, named_new({"into": merge.into}))
        log.info("label.merged", label_id=str(label_id), into=str(merge.into))
        return into

    async def move(self, label_id: UUID, asked: MoveAmong, expected: Expected) -> Row:
        """The label at its new place. Raises `LabelNotFound`, `PreconditionFailed`, or `InvalidInput`."""
        row, moved = await move(_MOVES, self._lane, self._owner, label_id, asked=asked.model_dump(), expected=expected)
        if moved:
            log.info("label.moved", label_id=str(label_id))
        return row

    async def trash(self, label_id: UUID, expected: Expected) -> None:
        """Put the label into the trash, and its name off every task. Raises `LabelNotFound` or `PreconditionFailed`."""
        async with self._lane.transaction(LONG) as transaction:
            labels = OwnedRows(LABELS, transaction, self._owner)
            await labels.lock(label_id, expected)
            await labels.trash(label_id, expected)
        log.info("label.deleted", label_id=str(label_id))


@contextmanager
def _one_label_a_name() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != ONE_LABEL_A_NAME:
            raise
        raise LabelExists from error
