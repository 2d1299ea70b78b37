"""Projects, which may stand in one another. What is in none is in the Inbox, which so nobody can delete."""

from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlmodel import Field

from backend.models.base import COLOR, Placed


class Project(Placed, table=True):
    """A list of tasks."""

    __tablename__: ClassVar[str] = "projects"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 255", name="name"),
        CheckConstraint(COLOR, name="color"),
        # Only the parent goes: the owner is part of the row's own key.
        ForeignKeyConstraint(
            ["user_id", "parent_id"], ["projects.user_id", "projects.id"], ondelete="SET NULL (parent_id)"
        ),
        UniqueConstraint("user_id", "parent_id", "position", postgresql_nulls_not_distinct=True),
        Index("projects_listing_idx", "user_id", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("projects_position_idx", "user_id", "position", "id", postgresql_where=text("deleted_at IS NULL")),
        Index(
            "projects_archived_position_idx",
            "user_id",
            "archived",
            "position",
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("projects_trash_idx", "user_id", "deleted_at", "id", postgresql_where=text("deleted_at IS NOT NULL")),
        Index("projects_name_idx", "user_id", func.lower(text("name")), postgresql_where=text("deleted_at IS NULL")),
        Index(
            "projects_archived_idx",
            "user_id",
            "archived",
            "created_at",
            "id",
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    name: str
    color: str | None = None
    archived: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    parent_id: UUID | None = None
    trashed_with: UUID | None = None
