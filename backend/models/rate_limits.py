"""Counters of attempts, shared by all workers and instances."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import TIMESTAMP, BigInteger, Index
from sqlmodel import Field, SQLModel


class RateLimit(SQLModel, table=True):
    """How often something was tried until it is forgotten. The key is a hash: it names nobody.

    Unlogged: what is lost in a crash is a quarter of an hour of somebody's waiting, and no attempt waits for the disk.
    """

    __tablename__: ClassVar[str] = "rate_limits"
    __table_args__ = (
        Index(None, "expires_at"),
        {"prefixes": ["UNLOGGED"], "postgresql_with": {"fillfactor": 50}},
    )

    key: str = Field(primary_key=True)
    count: int = Field(sa_type=BigInteger)
    expires_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
