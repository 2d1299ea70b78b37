"""Saved filters."""

from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text

from backend.models.base import COLOR, Placed


class Filter(Placed, table=True):
    """A filter expression with a name."""

    __tablename__: ClassVar[str] = "filters"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 255", name="name"),
        CheckConstraint("char_length(query) BETWEEN 1 AND 1000", name="query"),
        CheckConstraint(COLOR, name="color"),
        UniqueConstraint("user_id", "position"),
        Index("filters_listing_idx", "user_id", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("filters_position_idx", "user_id", "position", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("filters_trash_idx", "user_id", "deleted_at", "id", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    name: str
    query: str
    color: str | None = None
