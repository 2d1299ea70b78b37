"""Projects: the rules, for one owner. What is in no project is in the Inbox, which is none."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import CTE, Uuid, bindparam, func, select, update
from uuid_utils.compat import uuid7

from backend.database.fast_lane import FastLane, Row, Statement
from backend.domain.errors import Fault, InvalidInput, NotFound
from backend.domain.pagination import Page
from backend.domain.preconditions import Expected
from backend.models.base import metadata
from backend.models.projects import Project
from backend.schemas.moves import Move
from backend.schemas.projects import ProjectChanges, ProjectCreate, ProjectQuery, ProjectRead
from backend.services.move_statements import DEEPEST, ancestors, subtree
from backend.services.moves import Moves, move
from backend.services.owned import LONG, OwnedRows, OwnedTable, lock

log = structlog.get_logger()

_P, _T = metadata.tables["projects"].c, metadata.tables["tasks"].c


class ProjectNotFound(NotFound):
    code = "project_not_found"
    title = "There is no such project"


class ProjectTable(OwnedTable):
    """The statements of the table `projects`, which stand in one another and have tasks in them."""

    def __init__(self) -> None:
        super().__init__(Project, ProjectRead, ProjectNotFound)

    def _trash(self) -> Statement:
        """With the projects in it and all their tasks that are not in the trash already: they come back together."""
        trashed = {"deleted_at": func.now(), "trashed_with": self._id}

        def along(revision: CTE, _: CTE) -> list[CTE]:
            stamp = {**trashed, "revision": revision.c.revision, "updated_at": func.now()}
            nested = subtree(self._table, self._id, trashed=False)
            return [
                update(c.id.table)
                .where(c.user_id == nested.c.user_id, of == nested.c.id, *live)
                .values(stamp)
                .cte(name)
                for name, c, of, live in (
                    ("projects_trashed", _P, _P.id, (_P.id != self._id,)),
                    ("tasks_trashed", _T, _T.project_id, (_T.deleted_at.is_(None),)),
                )
            ]

        return self.write(trashed, along=along)


PROJECTS = ProjectTable()
_MOVES = Moves(PROJECTS, "projects", thing="project")
_ANCESTORS = ancestors(_P.id.table, bindparam("parent_id", type_=Uuid()))
_DEPTH = Statement(select(func.max(_ANCESTORS.c.depth).label("depth")))
"""How deep a project stands; null if it is not there."""


class ProjectService:
    """One owner's projects."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner
        self._projects = OwnedRows(PROJECTS, lane, owner)

    async def list(self, query: ProjectQuery) -> Page:
        """A page of the projects."""
        return await self._projects.list(query)

    async def get(self, project_id: UUID) -> Row:
        """The project. Raises `ProjectNotFound`."""
        return await self._projects.get(project_id)

    async def create(self, project: ProjectCreate) -> tuple[Row, bool]:
        """The project, and whether this call made it. Raises `IdInTrash`, or `InvalidInput` where it cannot stand."""
        fields = project.model_dump()
        project_id = fields.pop("id", None) or uuid7()
        if project.parent_id is None:
            row, created = await self._projects.insert(project_id, fields)
        else:
            row, created = await self._create_in(project.parent_id, project_id, fields)
        if created:
            log.info("project.created", project_id=str(row["id"]))
        return row, created

    async def _create_in(self, parent_id: UUID, project_id: UUID, fields: Mapping[str, Any]) -> tuple[Row, bool]:
        async with self._lane.transaction() as transaction:
            await lock(transaction, self._owner)
            values = {"owner": self._owner, "id": project_id, "parent_id": parent_id}
            parent = await transaction.fetch_one(_DEPTH, values)
            fault = _unfit(None if parent is None else parent["depth"])
            # Whatever has become of the parent since: what was made before is the answer.
            if fault is not None and await transaction.fetch_one(PROJECTS.find, values) is None:
                raise InvalidInput([fault])
            return await OwnedRows(PROJECTS, transaction, self._owner).insert(project_id, fields)

    async def change(self, project_id: UUID, changes: ProjectChanges, expected: Expected) -> Row:
        """The project after the change. Raises `ProjectNotFound` or `PreconditionFailed`."""
        fields = changes.model_dump()
        row, changed = await self._projects.change(project_id, fields, expected)
        if changed:
            log.info("project.updated", project_id=str(project_id), fields=sorted(fields))
        return row

    async def move(self, project_id: UUID, asked: Move, expected: Expected) -> Row:
        """The project at its new place, with what is in it.

        Raises `ProjectNotFound`, `PreconditionFailed`, `IntoItself`, or `InvalidInput` naming what cannot be.
        """
        row, moved = await move(
            _MOVES, self._lane, self._owner, project_id, asked=asked.model_dump(), expected=expected
        )
        if moved:
            log.info("project.moved", project_id=str(project_id))
        return row

    async def trash(self, project_id: UUID, expected: Expected) -> None:
        """Put the project into the trash, with what is in it. Raises `ProjectNotFound` or `PreconditionFailed`."""
        async with self._lane.transaction(LONG) as transaction:
            projects = OwnedRows(PROJECTS, transaction, self._owner)
            await projects.lock(project_id, expected)
            await projects.trash(project_id, expected)
        log.info("project.deleted", project_id=str(project_id))


def _unfit(depth: int | None) -> Fault | None:
    """What keeps a project of this depth from being a parent, if anything does."""
    if depth is None:
        return Fault("parent_id", "not_found", "There is no such project")
    if depth >= DEEPEST:
        return Fault("parent_id", "too_deep", f"At most {DEEPEST} projects stand in one another")
    return None
