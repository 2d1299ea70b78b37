"""Who signs in elsewhere, and who that is here."""

from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from backend.models.base import Created

ONE_USER_AN_IDENTITY = "identities_issuer_subject_key"
"""The unique constraint that lets one of two first requests make the user."""


class Identity(Created, table=True):
    """Somebody as another issuer knows them. No e-mail address leads here: whoever has one is not who had it."""

    __tablename__: ClassVar[str] = "identities"
    __table_args__ = (
        UniqueConstraint("issuer", "subject", name=ONE_USER_AN_IDENTITY),
        CheckConstraint("char_length(issuer) BETWEEN 1 AND 255", name="issuer"),
        CheckConstraint("char_length(subject) BETWEEN 1 AND 255", name="subject"),
    )

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    id: UUID = Field(primary_key=True)
    issuer: str
    subject: str
