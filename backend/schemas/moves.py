"""Where something is to stand."""

from pydantic import MISSING, ConfigDict, Field

from backend.schemas.base import RequestModel
from backend.utils.validators import Id


class MoveAmong(RequestModel):
    """Where to stand: directly behind one sibling, or in front of another; without either, behind all of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})

    after: Id | None = Field(None, description="The sibling to stand directly behind")
    before: Id | None = Field(None, description="The sibling to stand in front of")


class Move(MoveAmong):
    """Where to stand among siblings, and what to stand in."""

    parent_id: Id | MISSING | None = Field(
        MISSING, description="What to stand in from now on; null is in nothing. Absent, it stays in what it is in"
    )


class TaskMove(Move):
    """Where the task is to stand, and with it its subtasks."""

    project_id: Id | MISSING | None = Field(
        MISSING,
        description="The project to go to; null is the Inbox. Without a `parent_id` it is no subtask there",
    )
