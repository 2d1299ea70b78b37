"""Mail that is to be sent: an outbox, written in the transaction of what the mail is about."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import TIMESTAMP, CheckConstraint, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from backend.models.base import Created

PLACES = 10_000
"""How many mails may wait. Each takes the next place of so many; where one still waits, no other fits."""


class Mail(Created, table=True):
    """A mail that waits. Whom it is for, and what it will say, is looked up when it is sent: there is no secret in it.

    `address` is what was typed, `user_id` is null where nobody had to sign in for it.
    """

    __tablename__: ClassVar[str] = "mails"
    __table_args__ = (
        CheckConstraint(
            "purpose IN ('verify_email', 'change_email', 'reset_password', 'email_changed', 'password_changed')",
            name="purpose",
        ),
        Index(
            "mails_waiting_key",
            "user_id",
            "purpose",
            func.lower(text("address")),
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "next_attempt_at"),
    )

    id: UUID = Field(primary_key=True)
    place: int = Field(default=None, unique=True, sa_column_args=[Identity(always=True, maxvalue=PLACES, cycle=True)])
    purpose: str
    address: str
    user_id: UUID | None = Field(default=None, foreign_key="users.id", ondelete="CASCADE")
    caller: dict[str, Any] = Field(sa_type=JSONB)
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    next_attempt_at: datetime = Field(
        default=None,
        sa_type=TIMESTAMP(timezone=True),
        sa_column_kwargs={"server_default": func.now(), "nullable": False},
    )
