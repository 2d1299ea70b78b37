"""Personal access tokens."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import TIMESTAMP, CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from backend.models.base import SECRET, Created


class AccessToken(Created, table=True):
    """A token that a user made for a program of theirs. Only its SHA-256 hash is kept."""

    __tablename__: ClassVar[str] = "access_tokens"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 255", name="name"),
        CheckConstraint("scope <> ''", name="scope"),
        UniqueConstraint("token_hash"),
        Index("access_tokens_listing_idx", "user_id", "created_at", "id"),
    )

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    id: UUID = Field(primary_key=True)
    name: str
    token_hash: bytes = Field(sa_type=LargeBinary, sa_column_kwargs=SECRET)
    # With spaces between, as in OAuth: the driver looks up the type of an array on each new connection.
    scope: str
    expires_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    last_used_at: datetime | None = Field(default=None, sa_type=TIMESTAMP(timezone=True))
