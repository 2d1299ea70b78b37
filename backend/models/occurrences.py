"""What was done of recurring tasks."""

from datetime import date, datetime, time
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import TIMESTAMP, ForeignKeyConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from backend.models.base import OwnedRow


class Occurrence(OwnedRow, table=True):
    """One time that a recurring task was done. Never changed; undoing it puts it into the trash."""

    __tablename__: ClassVar[str] = "task_occurrences"
    __table_args__ = (
        ForeignKeyConstraint(["user_id", "task_id"], ["tasks.user_id", "tasks.id"], ondelete="CASCADE"),
        Index(
            "task_occurrences_listing_idx",
            "user_id",
            "task_id",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        # The latest, to undo it, and all of a task that goes.
        Index("task_occurrences_user_id_task_id_idx", "user_id", "task_id", "revision", "id"),
        Index(
            "task_occurrences_trash_idx",
            "user_id",
            "deleted_at",
            "id",
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
        # All that statistics ask of an occurrence.
        Index(
            "task_occurrences_completed_idx",
            "user_id",
            "completed_at",
            "task_id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    task_id: UUID
    due_date: date
    due_time: time | None = None
    time_zone: str | None = None
    completed_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    previous: dict[str, Any] = Field(sa_type=JSONB)
    """What undoing brings back of the task: its due, its reminders, how it recurred, and which subtasks were done."""
