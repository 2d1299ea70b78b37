"""What tables have in common: constraint names, the columns of an owned row, and timestamps."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TIMESTAMP, BigInteger, MetaData, String, func
from sqlmodel import Field, SQLModel

metadata: MetaData = SQLModel.metadata
# Names that PostgreSQL would choose itself, so that migrations can drop what they did not name.
metadata.naming_convention = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}

SECRET: dict[str, Any] = {"info": {"secret": True}}
"""The mark of a column whose values nobody is shown, not even whose they are."""

# A None that nobody set is left out of the INSERT, so that the column's default applies.
_NOW: dict[str, Any] = {"server_default": func.now(), "nullable": False}
_NOW_AND_THEN = {**_NOW, "onupdate": func.now()}


class Created(SQLModel):
    """When the row was made: the instant of the transaction, by the database's clock."""

    created_at: datetime = Field(default=None, sa_type=TIMESTAMP(timezone=True), sa_column_kwargs=_NOW)


class Timestamped(Created):
    """When the row was made and last changed."""

    updated_at: datetime = Field(default=None, sa_type=TIMESTAMP(timezone=True), sa_column_kwargs=_NOW_AND_THEN)


class OwnedRow(Timestamped):
    """A row that belongs to one user: the owner leads the key, so no reference can cross owners.

    The key references `revisions`, which each write of the owner's rows locks anyway: referencing `users` would
    lock and rewrite a second row for every insert.
    """

    user_id: UUID = Field(primary_key=True, foreign_key="revisions.user_id", ondelete="CASCADE")
    id: UUID = Field(primary_key=True)
    revision: int = Field(sa_type=BigInteger)
    deleted_at: datetime | None = Field(default=None, sa_type=TIMESTAMP(timezone=True))


COLOR = "color ~ '^#[0-9a-f]{6}$'"
"""The condition on a color: as CSS writes it, in small letters."""


class Placed(OwnedRow):
    """An owned row that stands somewhere among others: in the order of `position`, which is compared byte by byte."""

    position: str = Field(sa_type=String(collation="C"))
