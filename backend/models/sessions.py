"""Sign-ins: one row a session, which is one family of refresh tokens."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import TIMESTAMP, Index, LargeBinary, text
from sqlmodel import Field

from backend.models.base import SECRET, Timestamped


class Session(Timestamped, table=True):
    """A device that signed in. Refresh tokens are kept as SHA-256 hashes, the newest and its parent."""

    __tablename__: ClassVar[str] = "sessions"
    __table_args__ = (
        Index("sessions_listing_idx", "user_id", "created_at", "id", postgresql_where=text("revoked_at IS NULL")),
    )

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    id: UUID = Field(primary_key=True)
    family_key: bytes = Field(sa_type=LargeBinary, sa_column_kwargs=SECRET)
    token_hash: bytes = Field(sa_type=LargeBinary, sa_column_kwargs=SECRET)
    parent_hash: bytes | None = Field(default=None, sa_type=LargeBinary, sa_column_kwargs=SECRET)
    rotated_at: datetime | None = Field(default=None, sa_type=TIMESTAMP(timezone=True))
    idle_expires_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    expires_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=TIMESTAMP(timezone=True))
    device: str | None = Field(default=None, max_length=255)
