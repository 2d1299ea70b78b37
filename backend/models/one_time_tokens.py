"""Tokens that come by mail and are good once."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import TIMESTAMP, CheckConstraint, LargeBinary
from sqlmodel import Field

from backend.models.base import SECRET, Created


class OneTimeToken(Created, table=True):
    """What a link in a mail proves: that its reader has the address `email`. Kept as its SHA-256 hash.

    A user has one for each purpose: the newest.
    """

    __tablename__: ClassVar[str] = "one_time_tokens"
    __table_args__ = (CheckConstraint("purpose IN ('verify_email', 'change_email', 'reset_password')", name="purpose"),)

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    purpose: str = Field(primary_key=True)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True, sa_column_kwargs=SECRET)
    email: str
    expires_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
