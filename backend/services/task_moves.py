"""Moving tasks, with their subtasks."""

from uuid import UUID

import structlog

from backend.database.fast_lane import FastLane, Row
from backend.domain.preconditions import Expected
from backend.schemas.moves import TaskMove
from backend.services.moves import Moves, move
from backend.services.task_table import TASKS

log = structlog.get_logger()

MOVES = Moves(TASKS, "tasks", thing="task")


class TaskMoveService:
    """Puts one owner's tasks elsewhere."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner

    async def move(self, task_id: UUID, asked: TaskMove, expected: Expected) -> Row:
        """The task at its new place, where its subtasks go with it.

        Raises `TaskNotFound`, `PreconditionFailed`, `IntoItself`, or `InvalidInput` naming what cannot be.
        """
        row, moved = await move(MOVES, self._lane, self._owner, task_id, asked=asked.model_dump(), expected=expected)
        if moved:
            log.info("task.moved", task_id=str(task_id))
        return row
