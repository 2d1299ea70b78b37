"""Calendar feeds."""

from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from backend.models.base import SECRET, Created


class Feed(Created, table=True):
    """An address at which whoever has it reads a user's due tasks as a calendar. Only its secret's hash is kept."""

    __tablename__: ClassVar[str] = "feeds"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 255", name="name"),
        UniqueConstraint("secret_hash"),
        Index("feeds_listing_idx", "user_id", "created_at", "id"),
    )

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    id: UUID = Field(primary_key=True)
    name: str
    secret_hash: bytes = Field(sa_type=LargeBinary, sa_column_kwargs=SECRET)
