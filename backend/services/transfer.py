"""Taking tasks along, and bringing them: exports and imports in the formats of `backend.formats`."""

from asyncio import to_thread
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager
from itertools import batched, islice
from operator import itemgetter
from typing import Any, BinaryIO
from uuid import UUID

import structlog

from backend.auth.principal import Caller
from backend.database.fast_lane import FastLane, Lane, Row, Statement
from backend.database.session import Database
from backend.domain.errors import Fault, InvalidInput, TooManyRequests
from backend.formats import FORMATS, Writer
from backend.formats.items import Broken, Kind
from backend.services import audit
from backend.services import transfer_statements as sql
from backend.services.transfer_import import Import
from backend.services.turns import Turns

log = structlog.get_logger()

PAGE = 100
"""Rows that are in memory at a time of what is exported: of the widest, tasks of 64 KiB, that is 6.4 MiB."""

PLACES = 5_000
"""Tasks of which it is read at a time where they stand."""

_LAST = UUID("ffffffff-ffff-ffff-ffff-ffffffffffff")


_OPERATOR = Caller()


class TransferInProgress(TooManyRequests):
    code = "transfer_in_progress"
    title = "Another import or export of yours is not finished; wait for it, or break it off"


class Transfers:
    """Exports and imports. A worker does one of either for a user at a time."""

    def __init__(self, database: Database) -> None:
        self._lane = database.fast
        self._turns = Turns(TransferInProgress)
        self._uploads = Turns(TransferInProgress)

    def upload(self, owner: UUID) -> ExitStack:
        """Around the arrival of a file: one of a user, for it may come slowly, and is on disk until it is taken in.

        Raises `TransferInProgress`.
        """
        return self._uploads.take(owner)

    @asynccontextmanager
    async def export(
        self, owner: UUID, name: str, caller: Caller, grant_id: UUID
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The owner's tasks in a format, in pieces, until the block ends.

        Raises `TransferInProgress`, or `TokenInvalid` when the account has gone.
        """
        writer = FORMATS[name].writer
        if writer is None:
            raise ValueError(f"Nothing is written as {name}")
        with self._turns.take(owner) as turn:
            await audit.write(self._lane, "tasks.exported", owner, caller, grant_id, format=name)
            log.info("tasks.exported", user_id=str(owner), format=name)
            async with aclosing(_pieces(self._lane, owner, writer(), ended=turn.close)) as pieces:
                yield pieces

    async def take_in(
        self,
        owner: UUID,
        name: str,
        file: BinaryIO,
        progress: Callable[[int], object] = lambda _: None,
        *,
        dry_run: bool,
        caller: Caller = _OPERATOR,
        grant_id: UUID | None = None,
    ) -> Mapping[str, Any]:
        """What became of a file. Raises `TransferInProgress`, or `InvalidInput` when none of it can be read."""

        async def record(lane: Lane, created: Mapping[str, int], *, finished: bool) -> None:
            details = {"format": name, "finished": finished, "created": created}
            await audit.write(lane, "tasks.imported", owner, caller, grant_id, **details)

        with self._turns.take(owner):
            work = Import(self._lane, owner, FORMATS[name], record, dry_run=dry_run)
            try:
                report = await work.run(file, progress)
            except Broken as broken:
                raise InvalidInput([Fault("file", broken.code, str(broken))]) from broken
            except BaseException:
                # What was written until then stays.
                if work.created:
                    await record(self._lane, work.created, finished=False)
                raise
        outcomes = report.outcomes()
        if not dry_run:
            tasks = outcomes["tasks"]
            log.info(
                "tasks.imported",
                user_id=str(owner),
                format=name,
                created=tasks["created"],
                exists=tasks["exists"],
                skipped=tasks["skipped"],
                finished=report.finished,
            )
        return {
            "format": name,
            "dry_run": dry_run,
            "finished": report.finished,
            **outcomes,
            "losses": dict(report.losses),
            "rows": report.rows,
            "problems": report.problems,
        }


async def _pieces(lane: FastLane, owner: UUID, writer: Writer, ended: Callable[[], object]) -> AsyncGenerator[bytes]:
    """The file. It is no snapshot: what changes while it is read may be in it or not."""
    for kind in sql.TABLES:
        async with aclosing(_tasks(lane, owner) if kind == "task" else _rows(lane, owner, kind)) as batches:
            async for rows in batches:
                # Some formats take their time: others have their turn meanwhile.
                if piece := await to_thread(writer.write, kind, rows):
                    yield piece
    # Before the last piece goes out: whoever has read it may come again at once.
    ended()
    yield writer.end()


async def _rows(lane: FastLane, owner: UUID, kind: Kind) -> AsyncGenerator[Sequence[Mapping[str, Any]]]:
    pages = _pages(lane, owner, sql.PAGE[kind], PAGE)
    if kind == "occurrence":
        async for rows in pages:
            yield rows
        return
    # Of these there are few, and where they stand is for all of them to say.
    placed = sorted([row async for rows in pages for row in rows], key=itemgetter("position", "id"))
    for rows in batched(placed, PAGE, strict=False):
        yield rows


async def _tasks(lane: FastLane, owner: UUID) -> AsyncGenerator[Sequence[Mapping[str, Any]]]:
    # Where they stand is a few hundred bytes of each; the tasks themselves come a page at a time.
    places = [row async for rows in _pages(lane, owner, sql.OUTLINE, PLACES) for row in rows if not row["trashed"]]
    outline = _outline(sorted(places, key=itemgetter("position", "id")))
    del places
    while page := dict(islice(outline, PAGE)):
        rows = await lane.fetch(sql.TASKS, {"owner": owner, "ids": list(map(str, page))})
        if rows:
            yield [{**row, "depth": page[row["id"]]} for row in rows]


async def _pages(lane: FastLane, owner: UUID, statement: Statement, size: int) -> AsyncGenerator[Sequence[Row]]:
    values: dict[str, Any] = {"owner": owner, "id": UUID(int=0), "rows": size}
    while rows := await lane.fetch(statement, values):
        yield rows
        last = rows[-1]["id"].int
        if len(rows) < size or last == _LAST.int:
            return
        values["id"] = UUID(int=last + 1)


def _outline(rows: Sequence[Row]) -> Iterator[tuple[UUID, int]]:
    """Ids and depths: by project, each task followed by its subtasks, siblings in their order."""
    there = {row["id"] for row in rows}
    below: dict[UUID | None, list[UUID]] = defaultdict(list)
    roots: dict[UUID | None, list[UUID]] = {None: []}
    for row in rows:
        if row["parent_id"] in there:
            below[row["parent_id"]].append(row["id"])
        else:
            roots.setdefault(row["project_id"], []).append(row["id"])
    # The next one is the last of these.
    waiting = [(task_id, 1) for tasks in reversed(roots.values()) for task_id in reversed(tasks)]
    while waiting:
        task_id, depth = waiting.pop()
        yield task_id, depth
        waiting += [(child, depth + 1) for child in reversed(below.pop(task_id, ()))]
