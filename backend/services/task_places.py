"""Why a task cannot stand where it is to."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select

from backend.database.fast_lane import Lane, Statement
from backend.domain.errors import Fault, InvalidInput
from backend.models.base import metadata
from backend.services.move_statements import DEEPEST
from backend.services.owned import OWNER
from backend.services.task_table import depth_of

_T = metadata.tables["tasks"].c
_P = metadata.tables["projects"].c
_PROJECT = bindparam("project_id", type_=_P.id.type)
_PARENT = bindparam("parent_id", type_=_T.id.type)
# What is asked for are columns that only the tables have: to look in an index alone may be to read all of the owner's.
_PROJECTS = select(_P.revision).where(_P.user_id == OWNER, _P.id == _PROJECT, _P.deleted_at.is_(None))
_PARENTS = select(_T.revision).where(_T.user_id == OWNER, _T.id == _PARENT, _T.deleted_at.is_(None))
_PLACE = Statement(
    select(
        _PROJECTS.scalar_subquery().is_not(None).label("project"),
        _PARENTS.scalar_subquery().is_not(None).label("parent"),
        _PARENTS.with_only_columns(_T.project_id).scalar_subquery().is_not_distinct_from(_PROJECT).label("together"),
        func.coalesce(depth_of(_PARENT), 0).label("depth"),
    )
)


async def explain(lane: Lane, owner: UUID, fields: Mapping[str, Any]) -> None:
    """Raises `InvalidInput` naming what of `project_id` and `parent_id` cannot be, if anything."""
    project, parent = fields.get("project_id"), fields.get("parent_id")
    if project is None and parent is None:
        return
    place = await lane.fetch_one(_PLACE, {"owner": owner, "project_id": project, "parent_id": parent})
    faults = []
    if place is not None and project is not None and not place["project"]:
        faults.append(Fault("project_id", "not_found", "There is no such project"))
    if place is not None and parent is not None:
        if not place["parent"]:
            faults.append(Fault("parent_id", "not_found", "There is no such task"))
        elif project is not None and not place["together"]:
            faults.append(Fault("project_id", "not_of_parent", "A subtask is in the project of its parent"))
        elif place["depth"] >= DEEPEST:
            faults.append(Fault("parent_id", "too_deep", f"At most {DEEPEST} tasks stand in one another"))
    if faults:
        raise InvalidInput(faults)
