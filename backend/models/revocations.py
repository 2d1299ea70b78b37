"""Grants that have ended: what tells every process to refuse the access tokens that still rest on them."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import TIMESTAMP, Index, func
from sqlmodel import Field, SQLModel


class Revocation(SQLModel, table=True):
    """A session, an identity or a personal access token that ended. Kept for as long as tokens may outlive it.

    It names nobody: whose it was is gone with the account.
    """

    __tablename__: ClassVar[str] = "revocations"
    __table_args__ = (Index("revocations_revoked_at_idx", "revoked_at"),)

    grant_id: UUID = Field(primary_key=True)
    revoked_at: datetime = Field(
        default=None,
        sa_type=TIMESTAMP(timezone=True),
        sa_column_kwargs={"server_default": func.now(), "nullable": False},
    )
