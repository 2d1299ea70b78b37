"""The audit log: what happened to an account, for its owner to read."""

from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from backend.models.base import Created


class AuditEntry(Created, table=True):
    """Something that matters to the safety of an account. A trigger keeps it from being changed, or removed alone."""

    __tablename__: ClassVar[str] = "audit_log"
    __table_args__ = (Index("audit_log_listing_idx", "user_id", "created_at", "id"),)

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    id: UUID = Field(primary_key=True)
    event: str
    grant_id: UUID | None = None
    address: str | None = None
    device: str | None = Field(default=None, max_length=255)
    request_id: str | None = Field(default=None, max_length=64)
    details: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONB, sa_column_kwargs={"server_default": "{}", "nullable": False}
    )
