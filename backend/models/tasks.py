"""Tasks."""

from datetime import date, datetime, time
from typing import ClassVar
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from backend.models.base import Placed

_LIVE = text("deleted_at IS NULL")
_NONE = {"server_default": text("'{}'"), "nullable": False}


class Task(Placed, table=True):
    """Something to do. `completed` follows from `completed_at`, so the two cannot disagree.

    `overdue_at`, the instant from which it is overdue, follows from what is due and the time zone: a trigger keeps it.
    """

    __tablename__: ClassVar[str] = "tasks"
    __table_args__ = (
        CheckConstraint("char_length(title) BETWEEN 1 AND 255", name="title"),
        CheckConstraint("char_length(description) <= 16384", name="description"),
        CheckConstraint("priority IN ('none', 'low', 'medium', 'high')", name="priority"),
        CheckConstraint("due_time IS NULL OR due_date IS NOT NULL", name="due_time"),
        CheckConstraint("time_zone IS NULL OR due_time IS NOT NULL", name="time_zone"),
        CheckConstraint("recurrence_rule IS NULL OR due_date IS NOT NULL", name="recurrence"),
        CheckConstraint(
            "(recurrence_rule IS NULL) = (recurrence_anchor IS NULL)"
            " AND (recurrence_rule IS NULL) = (recurrence_start IS NULL)",
            name="recurrence_whole",
        ),
        CheckConstraint("recurrence_anchor IN ('due', 'completion')", name="recurrence_anchor"),
        CheckConstraint("parent_id <> id", name="parent"),
        # Only what is named goes: the owner is part of the row's own key.
        ForeignKeyConstraint(
            ["user_id", "project_id"], ["projects.user_id", "projects.id"], ondelete="SET NULL (project_id)"
        ),
        ForeignKeyConstraint(["user_id", "parent_id"], ["tasks.user_id", "tasks.id"], ondelete="SET NULL (parent_id)"),
        UniqueConstraint(
            "user_id",
            "project_id",
            "parent_id",
            "position",
            name="tasks_place_key",
            postgresql_nulls_not_distinct=True,
        ),
        Index("tasks_user_id_parent_id_idx", "user_id", "parent_id", "position", "id"),
        # Read backwards for "newest first": new tasks then go to the end of the owner's range.
        Index("tasks_listing_idx", "user_id", "created_at", "id", postgresql_where=_LIVE),
        # In the key and not in the condition: a generic plan, made for either value, cannot use a partial index.
        Index("tasks_completed_idx", "user_id", "completed", "created_at", "id", postgresql_where=_LIVE),
        Index("tasks_position_idx", "user_id", "position", "id", postgresql_where=_LIVE),
        Index("tasks_due_idx", "user_id", "overdue_at", "id", postgresql_where=_LIVE),
        # What is to be done by when, which is asked for most: it does not grow with all that has been done.
        Index(
            "tasks_open_due_idx",
            "user_id",
            "overdue_at",
            "id",
            postgresql_where=text("deleted_at IS NULL AND NOT completed"),
        ),
        Index("tasks_priority_idx", "user_id", "urgency", "id", postgresql_where=_LIVE),
        Index("tasks_title_idx", "user_id", text("lower(title)"), "id", postgresql_where=_LIVE),
        Index("tasks_updated_idx", "user_id", "updated_at", "id", postgresql_where=_LIVE),
        # All that statistics ask of a task, so that its row need not be looked at; and what is open, by its due.
        Index(
            "tasks_statistics_idx",
            "user_id",
            "completed_at",
            "overdue_at",
            "id",
            postgresql_include=["due_date", "time_zone"],
            postgresql_where=_LIVE,
        ),
        Index("tasks_trash_idx", "user_id", "deleted_at", "id", postgresql_where=text("deleted_at IS NOT NULL")),
        # The owner in an array, as no other index has them: so no plan takes another, and looks at each row of theirs.
        Index(
            "tasks_search_idx",
            text("(ARRAY[user_id])"),
            "labels",
            func.words_of(text("title"), text("description")),
            func.fold(text("title")).label("letters"),
            postgresql_using="gin",
            postgresql_ops={"letters": "gin_trgm_ops"},
            postgresql_where=_LIVE,
        ),
    )

    title: str
    description: str | None = None
    completed: bool = Field(
        sa_column=Column(Boolean, Computed("completed_at IS NOT NULL", persisted=True), nullable=False)
    )
    completed_at: datetime | None = Field(default=None, sa_type=TIMESTAMP(timezone=True))
    priority: str = Field(default="none", sa_column_kwargs={"server_default": "none"})
    urgency: int | None = Field(
        sa_column=Column(
            SmallInteger, Computed("array_position(ARRAY['none', 'low', 'medium', 'high'], priority)", persisted=True)
        )
    )
    start_date: date | None = None
    due_date: date | None = None
    due_time: time | None = None
    time_zone: str | None = None
    overdue_at: datetime | None = Field(default=None, sa_type=TIMESTAMP(timezone=True))
    recurrence_rule: str | None = None
    recurrence_anchor: str | None = None
    recurrence_start: date | None = None
    recurrence_taken: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    project_id: UUID | None = None
    parent_id: UUID | None = None
    labels: list[str] = Field(default=[], sa_type=ARRAY(Text), sa_column_kwargs=_NONE)
    reminders: list[str] = Field(default=[], sa_type=ARRAY(Text), sa_column_kwargs=_NONE)
    trashed_with: UUID | None = None
