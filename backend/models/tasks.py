"""Tasks."""

from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import TIMESTAMP, Boolean, CheckConstraint, Column, Computed, Index, text
from sqlmodel import Field

from backend.models.base import OwnedRow


class Task(OwnedRow, table=True):
    """Something to do. `completed` follows from `completed_at`, so the two cannot disagree."""

    __tablename__: ClassVar[str] = "tasks"
    __table_args__ = (
        CheckConstraint("char_length(title) BETWEEN 1 AND 255", name="title"),
        CheckConstraint("char_length(description) <= 16384", name="description"),
        CheckConstraint("priority IN ('none', 'low', 'medium', 'high')", name="priority"),
        # Read backwards for "newest first": new tasks then go to the end of the owner's range.
        Index("tasks_listing_idx", "user_id", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
        # In the key and not in the condition: a generic plan, made for either value, cannot use a partial index.
        Index(
            "tasks_completed_idx",
            "user_id",
            "completed",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    title: str
    description: str | None = None
    completed: bool = Field(
        sa_column=Column(Boolean, Computed("completed_at IS NOT NULL", persisted=True), nullable=False)
    )
    completed_at: datetime | None = Field(default=None, sa_type=TIMESTAMP(timezone=True))
    priority: str = Field(default="none", sa_column_kwargs={"server_default": "none"})
    due_date: date | None = None
