"""Users, and the one counter that orders all changes of a user's rows."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import TIMESTAMP, BigInteger, Index, func, text
from sqlmodel import Field, SQLModel

from backend.models.base import SECRET, Timestamped

ONE_ACCOUNT_AN_ADDRESS = "users_lower_email_key"
"""The unique index that holds whatever is typed in capitals to be the same address."""


class User(Timestamped, table=True):
    """A person with an account. `email` and `password_hash` are null for those who sign in elsewhere."""

    __tablename__: ClassVar[str] = "users"
    __table_args__ = (Index(ONE_ACCOUNT_AN_ADDRESS, func.lower(text("email")), unique=True),)

    id: UUID = Field(primary_key=True)
    email: str | None = None
    name: str
    password_hash: str | None = Field(default=None, sa_column_kwargs=SECRET)
    time_zone: str = Field(default="UTC", sa_column_kwargs={"server_default": "UTC"})
    email_verified_at: datetime | None = Field(default=None, sa_type=TIMESTAMP(timezone=True))
    disabled_at: datetime | None = Field(default=None, sa_type=TIMESTAMP(timezone=True))
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})


class Revision(SQLModel, table=True):
    """The number of writing transactions a user's rows have seen. Narrow, so that its updates stay in place (HOT)."""

    __tablename__: ClassVar[str] = "revisions"
    # Room on each page for the next versions of its rows.
    __table_args__ = {"postgresql_with": {"fillfactor": 50}}

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    revision: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
