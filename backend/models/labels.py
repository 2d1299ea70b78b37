"""Labels: the names that tasks carry, with what is to be known of each."""

from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func, text

from backend.models.base import COLOR, Placed

ONE_LABEL_A_NAME = "labels_user_id_lower_name_key"
"""The unique index that holds a name in capitals to be the same label."""


class Label(Placed, table=True):
    """A name that tasks may carry. Tasks hold the name itself: `tasks.labels`."""

    __tablename__: ClassVar[str] = "labels"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="name"),
        CheckConstraint(COLOR, name="color"),
        UniqueConstraint("user_id", "position"),
        Index(
            ONE_LABEL_A_NAME,
            "user_id",
            func.lower(text("name")),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("labels_listing_idx", "user_id", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("labels_position_idx", "user_id", "position", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("labels_trash_idx", "user_id", "deleted_at", "id", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    name: str
    color: str | None = None
