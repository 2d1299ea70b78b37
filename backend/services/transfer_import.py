"""One import: a file's items are checked and written in batches. What is there already stays as it is."""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from itertools import batched
from typing import Any, BinaryIO, Protocol
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec
import structlog

from backend.auth.principal import TokenInvalid
from backend.database.fast_lane import FastLane, Lane
from backend.domain.errors import Fault
from backend.formats import Format
from backend.formats.batches import BATCH, Batches, Line, cut
from backend.formats.items import Item, Kind, Loss, Unreadable
from backend.services import audit
from backend.services import transfer_statements as sql
from backend.services.labels import ensure
from backend.services.move_statements import DEEPEST
from backend.services.owned import LONG, lock
from backend.services.transfer_report import Report
from backend.services.transfer_there import Place, There, only_name
from backend.services.transfer_values import Refused, values_of

log = structlog.get_logger()

type Values = dict[str, Any]
type Reference = tuple[Kind, str]
type Outcome = Values | Fault | None
"""What is to be stored of an item, or why it is left out; nothing if it is there."""


class Record(Protocol):
    """Tells the audit log, in a transaction, of what kind how many were created."""

    async def __call__(self, lane: Lane, created: Mapping[str, int], *, finished: bool) -> None: ...


_CANONICAL = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_encode = msgspec.json.Encoder().encode


class Import:
    """Takes one file in for one owner. A dry run goes the same way, and keeps in mind what it would have written."""

    def __init__(self, lane: FastLane, owner: UUID, form: Format, record: Record, *, dry_run: bool) -> None:
        self._lane = lane
        self._owner = owner
        self._form = form
        self._record = record
        self._dry_run = dry_run
        self._lines: dict[Kind, Line] = defaultdict(Line)
        # What the file's own ids stand for here; nothing where that was left out.
        self._ids: dict[Reference, UUID | None] = {}
        self._imagined = There()
        self.report = Report()
        # Of what kind how many have been written by now.
        self.created: Counter[str] = Counter()

    async def run(self, file: BinaryIO, progress: Callable[[int], object] = lambda _: None) -> Report:
        """Take the file in, telling how many items have been. Raises `Broken` when none of it can be read."""
        zone = await self._lane.fetch_one(sql.ZONE, {"owner": self._owner})
        if zone is None:
            # The account went away while its token was still good.
            raise TokenInvalid
        batches = Batches(self._form.read(file, datetime.now(ZoneInfo(zone["time_zone"]))))
        held: tuple[Kind, Sequence[Item]] | None = None
        async with aclosing(self._ready(batches, progress)) as parts:
            async for part in parts:
                if held:
                    await self._write(*held)
                held = part
        if (broken := batches.broken) is not None:
            self.report.finished = False
        # The last is told of in the audit log, with all before it.
        if held:
            await self._write(*held, last=True)
        if broken is not None:
            self.report.row(broken.row, None, "skipped", Fault("", broken.code, str(broken)))
        return self.report

    async def _ready(
        self, batches: Batches, progress: Callable[[int], object]
    ) -> AsyncGenerator[tuple[Kind, Sequence[Item]]]:
        """What of the file is to be written at once, one after another."""
        while not batches.ended:
            # Reading a file is work: others have their turn meanwhile.
            ready = await asyncio.to_thread(self._read, batches)
            if batches.defect is not None:
                log.error("tasks.unreadable", user_id=str(self._owner), error=batches.defect)
            if batches.broken is not None and batches.taken == 0:
                raise batches.broken
            for kind in sql.TABLES:
                for items in cut(ready[kind]):
                    yield kind, items
            progress(batches.taken)
        for kind in sql.TABLES:
            for items in await asyncio.to_thread(list, self._lines[kind].rest()):
                yield kind, items

    def _read(self, batches: Batches) -> Mapping[Kind, list[Item]]:
        """What may be written now of the next batch, and of those before."""
        ready: dict[Kind, list[Item]] = defaultdict(list)
        for found in batches.next():
            if isinstance(found, Loss):
                self.report.losses[found.name] += 1
            elif isinstance(found, Unreadable):
                self.report.row(found.row, found.kind, "skipped", Fault("", found.code, found.message))
            else:
                item = self._canonical(found)
                if item.kind != "project":
                    # Tasks are put into projects: those that wait for what does not come are written first.
                    for waited in self._lines["project"].rest():
                        ready["project"] += waited
                ready[item.kind] += self._lines[item.kind].ready(item)
        return ready

    def _canonical(self, item: Item) -> Item:
        """With ids that are UUIDs in small letters: in others they are the same."""
        if not self._form.keeps_ids:
            return item
        fields = item.fields
        if item.kind == "occurrence" and "task_id" in fields:
            fields = {**fields, "task_id": _small(str(fields["task_id"]))}
        parent, project = (name and _small(name) for name in (item.parent, item.project))
        return replace(item, source=_small(item.source), fields=fields, parent=parent, project=project)

    async def _write(self, kind: Kind, items: Sequence[Item], *, last: bool = False) -> None:
        """One transaction, in which nobody else writes the owner's rows: what is read in it still holds at its end."""
        async with self._lane.transaction(LONG) as transaction:
            if last:
                await audit.hold(transaction, self._owner)
            await lock(transaction, self._owner)
            there = self._imagined if self._dry_run else There()
            await self._look(transaction, there, kind, items)
            outcomes = await asyncio.to_thread(lambda: [self._outcome(item, there) for item in items])
            made = 0
            if kind == "label":
                outcomes = await self._once_a_name(transaction, there, outcomes)
            if kind == "task":
                made = await self._spell(transaction, there, [new for new in outcomes if isinstance(new, dict)])
            rows = [new for new in outcomes if isinstance(new, dict)]
            if rows and not self._dry_run:
                given = _encode([{**row, "place": place} for place, row in enumerate(rows)]).decode()
                await transaction.fetch(sql.INSERT[kind], {"owner": self._owner, "rows": given})
            created = self.created + Counter({f"{kind}s": len(rows)}) + Counter({"labels": made})
            if last and not self._dry_run:
                await self._record(transaction, created, finished=self.report.finished)
        if not self._dry_run:
            self.created = created
        self.report.counts["label"]["created"] += made
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Fault):
                self.report.item(item, "skipped", outcome)
            else:
                self.report.item(item, "exists" if outcome is None else "created")

    async def _look(self, transaction: Lane, there: There, kind: Kind, items: Sequence[Item]) -> None:
        """Find what the items are, if they are there, and what they refer to."""
        ids: dict[Kind, set[UUID]] = defaultdict(set)
        ids[kind] = {self._id(item) for item in items}
        for of, source in {reference for item in items for reference in _references(item)}:
            if found := self._ids.get((of, source)):
                ids[of].add(found)
        if kind == "project":
            names = [name for item in items if (name := only_name(item)) is not None]
            ids[kind] |= await there.find_projects(transaction, self._owner, names)
        for of, wanted in ids.items():
            await there.find(transaction, self._owner, of, wanted)

    def _outcome(self, item: Item, there: There) -> Outcome:
        try:
            return self._new(item, there)
        except Refused as refused:
            return refused.fault

    def _new(self, item: Item, there: There) -> Values | None:
        """What is to be stored of an item; nothing if it is there. Raises `Refused`."""
        kind, key = item.kind, (item.kind, item.source)
        if key in self._ids:
            raise Refused("id", "duplicate_id", f"The file has another {kind} of this id")
        self._ids[key] = None
        row_id = self._id(item)
        known = there.places.get((kind, row_id))
        if (known is None or known.trashed) and (namesake := there.project(only_name(item))) is not None:
            row_id, known = namesake.id, namesake
        if known is not None and not known.trashed:
            self._ids[key] = row_id
            return None
        if known is not None and kind == "occurrence":
            raise Refused("id", "undone", "This was undone since")
        if known is not None and kind not in sql.NO_TRASH:
            raise Refused("id", "in_trash", f"This {kind} is in the trash: restore it there")
        above = {of: self._above(item, of, source, there) for of, source in _references(item)}
        parent = above.get(kind)
        depth = 1 if parent is None else parent.depth + 1
        new = {**values_of(item), "id": row_id}
        if depth > DEEPEST:
            raise Refused("parent_id", "too_deep", f"At most {DEEPEST} {kind}s stand in one another")
        project_id: UUID | None = None
        if kind == "occurrence":
            new["task_id"] = above["task"] and above["task"].id
        elif kind == "project":
            new["parent_id"] = parent and parent.id
        elif kind == "task":
            project = above.get("project")
            # A subtask is where its parent is.
            project_id = parent.project_id if parent else project.id if project else None
            new |= {"parent_id": parent and parent.id, "project_id": project_id}
        self._ids[key] = row_id
        there.add(kind, Place(row_id, project_id, depth), new)
        return new

    def _above(self, item: Item, kind: Kind, source: str, there: There) -> Place | None:
        """What an item stands in; nothing if the file does not have it. Raises `Refused` when that is not there."""
        row_id = self._ids.get((kind, source))
        place = None if row_id is None else there.places.get((kind, row_id))
        if place is not None and not place.trashed:
            return place
        if item.kind == "occurrence":
            raise Refused("task_id", "left_out", "The task that was done is not there")
        if (kind, source) in self._ids:
            field = "parent_id" if kind == item.kind else f"{kind}_id"
            raise Refused(field, "left_out", f"The {kind} that this is in was left out")
        self.report.losses[kind] += 1
        return None

    def _id(self, item: Item) -> UUID:
        """The same each time that the file comes."""
        if self._form.keeps_ids and _CANONICAL.fullmatch(item.source):
            return UUID(item.source)
        return uuid5(self._owner, f"{self._form.family}/{item.kind}/{item.source}")

    async def _once_a_name(self, transaction: Lane, there: There, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """With nothing to store of labels whose name is there, also in capitals."""
        await there.find_labels(transaction, self._owner, [new["name"] for new in outcomes if isinstance(new, dict)])
        return [
            new if not isinstance(new, dict) or there.spell(new["name"]) == (new["name"], True) else None
            for new in outcomes
        ]

    async def _spell(self, transaction: Lane, there: There, rows: Sequence[Values]) -> int:
        """Have the tasks carry names as their labels spell them. Gives how many labels were made for that."""
        names = dict.fromkeys(name for row in rows for name in row["labels"])
        await there.find_labels(transaction, self._owner, list(names))
        missing = [name for name in names if there.spell(name)[1]]
        if not self._dry_run:
            for some in batched(missing, BATCH, strict=False):
                await ensure(transaction, self._owner, some)
        for row in rows:
            row["labels"] = list(dict.fromkeys(there.spell(name)[0] for name in row["labels"]))
        return len(missing)


def _small(source: str) -> str:
    return source.lower() if _CANONICAL.fullmatch(source) else source


def _references(item: Item) -> Iterator[Reference]:
    """What an item stands in: its parent, or else its project; of what was done, the task."""
    if item.kind == "occurrence":
        yield "task", str(item.fields.get("task_id"))
    elif item.parent is not None:
        yield item.kind, item.parent
    elif item.project is not None:
        yield "project", item.project
