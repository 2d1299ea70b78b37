"""One import: a file's items are checked and written in batches. What is there already stays as it is."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec
import structlog
from uuid_utils.compat import uuid7

from backend.auth.principal import TokenInvalid
from backend.database.fast_lane import FastLane
from backend.domain.errors import Fault
from backend.formats import Format
from backend.formats.batches import Batches, Line, cut
from backend.formats.items import Found, Item, Kind, Loss, Unreadable
from backend.services import transfer_statements as sql
from backend.services.move_statements import DEEPEST
from backend.services.transfer_report import Report
from backend.services.transfer_values import Refused, values_of

log = structlog.get_logger()

type Values = dict[str, Any]

_CANONICAL = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an item of the file is now: its id here, the project that it is in, and how deep it stands."""

    id: UUID
    project_id: UUID | None = None
    depth: int = 1


class Import:
    """Takes one file in for one owner. Nothing is written in a dry run."""

    def __init__(self, lane: FastLane, owner: UUID, form: Format, *, dry_run: bool) -> None:
        self._lane = lane
        self._owner = owner
        self._form = form
        self._dry_run = dry_run
        self._line = Line()
        self._places: dict[tuple[Kind, str], _Place | None] = {}
        self._spellings: dict[str, str] = {}
        self.report = Report()

    async def run(self, file: BinaryIO, progress: Callable[[int], object] = lambda _: None) -> Report:
        """Take the file in, telling how many items have been. Raises `Broken` when none of it can be read."""
        zone = await self._lane.fetch_one(sql.ZONE, {"owner": self._owner})
        if zone is None:
            # The account went away while its token was still good.
            raise TokenInvalid
        batches = Batches(self._form.read(file, datetime.now(ZoneInfo(zone["time_zone"]))))
        while not batches.ended:
            # Reading a file is work: others have their turn meanwhile.
            found = await asyncio.to_thread(batches.next)
            if batches.defect is not None:
                log.error("tasks.unreadable", user_id=str(self._owner), error=batches.defect)
            if batches.broken is not None and batches.taken == 0:
                raise batches.broken
            await self._take(found)
            progress(batches.taken)
        for items in self._line.rest():
            await self._write(items[0].kind, items)
        if (broken := batches.broken) is not None:
            self.report.finished = False
            self.report.row(broken.row, None, "skipped", Fault("", broken.code, str(broken)))
        return self.report

    async def _take(self, found: Sequence[Found]) -> None:
        by_kind: dict[Kind, list[Item]] = defaultdict(list)
        for one in found:
            if isinstance(one, Loss):
                self.report.losses[one.name] += 1
            elif isinstance(one, Unreadable):
                self.report.row(one.row, one.kind, "skipped", Fault("", one.code, one.message))
            else:
                by_kind[one.kind] += self._line.ready(one)
        for kind in sql.TABLES:
            for items in cut(by_kind[kind]):
                await self._write(kind, items)

    async def _write(self, kind: Kind, items: Sequence[Item]) -> None:
        ids = [self._id(item) for item in items]
        values = {"owner": self._owner, "ids": list(map(str, ids))}
        known = {row["id"]: row for row in await self._lane.fetch(sql.KNOWN[kind], values)}
        rows: list[tuple[Item, Values]] = []
        for item, row_id in zip(items, ids, strict=True):
            try:
                new = self._new(item, row_id, known.get(row_id))
            except Refused as refused:
                self.report.item(item, "skipped", refused.fault)
            else:
                if new is None:
                    self.report.item(item, "exists")
                else:
                    rows.append((item, new))
        await self._store(kind, rows)

    def _new(self, item: Item, row_id: UUID, known: Mapping[str, Any] | None) -> Values | None:
        """What is to be stored of an item; nothing if it is there. Raises `Refused`."""
        key = (item.kind, item.source)
        if key in self._places:
            raise Refused("id", "duplicate_id", f"The file has another {item.kind} of this id")
        self._places[key] = None
        if known is not None and known["trashed"]:
            raise Refused("id", "in_trash", f"This {item.kind} is in the trash: restore it there")
        parent = None if item.parent is None else self._above(item, item.kind, item.parent)
        depth = 1 if parent is None else parent.depth + 1
        if known is not None:
            self._places[key] = _Place(row_id, known["project_id"], depth)
            return None
        new = {**values_of(item), "id": row_id}
        project_id: UUID | None = None
        if item.kind == "occurrence":
            new["task_id"] = self._task_of(item)
        elif item.kind == "project":
            new["parent_id"] = parent and parent.id
        elif item.kind == "task":
            if depth > DEEPEST:
                raise Refused("parent_id", "too_deep", f"At most {DEEPEST} tasks stand in one another")
            project = None if parent or item.project is None else self._above(item, "project", item.project)
            # A subtask is where its parent is.
            project_id = parent.project_id if parent else project.id if project else None
            new |= {"parent_id": parent and parent.id, "project_id": project_id}
        self._places[key] = _Place(row_id, project_id, depth)
        return new

    def _above(self, item: Item, kind: Kind, source: str) -> _Place | None:
        """What an item stands in; nothing if the file does not have it. Raises `Refused` when that was left out."""
        place = self._places.get((kind, source))
        if place is None:
            field = "parent_id" if kind == item.kind else f"{kind}_id"
            if (kind, source) in self._places:
                raise Refused(field, "left_out", f"The {kind} that this is in was left out")
            self.report.losses[kind] += 1
        return place

    def _task_of(self, item: Item) -> UUID:
        place = self._places.get(("task", str(item.fields.get("task_id"))))
        if place is None:
            raise Refused("task_id", "left_out", "The task that was done is not there")
        return place.id

    def _id(self, item: Item) -> UUID:
        """The same each time that the file comes."""
        if self._form.keeps_ids and _CANONICAL.fullmatch(item.source):
            return UUID(item.source)
        return uuid5(self._owner, f"{self._form.family}/{item.kind}/{item.source}")

    async def _store(self, kind: Kind, rows: Sequence[tuple[Item, Values]]) -> None:
        if kind == "task":
            await self._spell([values for _, values in rows])
        if kind == "label":
            await self._find_labels([values["name"] for _, values in rows])
        made = {values["id"] for _, values in rows if kind != "label" or values["name"] not in self._spellings}
        if made and not self._dry_run:
            made = await self._insert(kind, [values for _, values in rows])
        for item, values in rows:
            # What has come meanwhile is there, and so is a label of the same name.
            self.report.item(item, "created" if values["id"] in made else "exists")

    async def _insert(self, kind: Kind, rows: Sequence[Values]) -> set[UUID]:
        """Gives the ids of those that were not there."""
        given = _encode([{**values, "place": place} for place, values in enumerate(rows)]).decode()
        return {row["id"] for row in await self._lane.fetch(sql.INSERT[kind], {"owner": self._owner, "rows": given})}

    async def _spell(self, rows: Sequence[Values]) -> None:
        """Have labels for all names that the tasks carry, and the names as the labels spell them."""
        names = {name.casefold(): name for values in rows for name in values["labels"]}
        await self._find_labels([name for values in rows for name in values["labels"]])
        missing = [name for name in names.values() if name not in self._spellings]
        if missing and not self._dry_run:
            await self._insert("label", [{"id": uuid7(), "name": name, "created_at": None} for name in missing])
            await self._find_labels([name for values in rows for name in values["labels"]])
        self.report.counts["label"]["created"] += len(missing)
        for values in rows:
            spelled = (self._spellings.setdefault(name, names[name.casefold()]) for name in values["labels"])
            values["labels"] = list(dict.fromkeys(spelled))

    async def _find_labels(self, names: Sequence[str]) -> None:
        unknown = sorted({name for name in names if name not in self._spellings})
        if unknown:
            found = await self._lane.fetch(sql.LABELS_NAMED, {"owner": self._owner, "names": unknown})
            self._spellings |= {row["given"]: row["name"] for row in found}
