"""Users, for the user themselves."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Update, event, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.principal import TokenInvalid
from backend.domain.preconditions import Expected, require_version
from backend.models.base import metadata
from backend.models.users import User
from backend.schemas.users import UserChanges, UserRead
from backend.services.owned import LOCK_OWNER, OWNER, next_revision

log = structlog.get_logger()


def _due_elsewhere() -> Update:
    """What is due all day, or at a time wherever its owner is: a trigger tells anew when that is."""
    tasks = metadata.tables["tasks"].c
    revision = next_revision()
    unzoned = tasks.due_date.is_not(None) & tasks.time_zone.is_(None) & tasks.overdue_at.is_not(None)
    return (
        update(tasks.id.table)
        # Said twice, as the trash has an index of its own.
        .where(
            tasks.user_id == OWNER, (tasks.deleted_at.is_(None) & unzoned) | (tasks.deleted_at.is_not(None) & unzoned)
        )
        .values(overdue_at=None, revision=select(revision.c.revision).scalar_subquery(), updated_at=func.now())
        .add_cte(revision)
    )


DUE_ELSEWHERE = _due_elsewhere()
"""Writes, in a time zone that is new, all that is due in it."""


class UserService:
    """A user's own profile."""

    def __init__(self, session: AsyncSession, owner: UUID) -> None:
        self._session = session
        self._owner = owner

    async def get(self) -> Mapping[str, Any]:
        """The profile. Raises `TokenInvalid` when the account has gone."""
        return as_seen(await self._load())

    async def change(self, changes: UserChanges, expected: Expected) -> Mapping[str, Any]:
        """The profile after the change. Raises `PreconditionFailed`."""
        user = await self._load(for_update=True)
        require_version(as_seen(user), expected)
        different = {name: value for name, value in changes.model_dump().items() if getattr(user, name) != value}
        if different:
            user.sqlmodel_update({**different, "version": user.version + 1})
            await self._session.flush()
            await self._session.refresh(user, ["updated_at"])
            if "time_zone" in different:
                # First the lock: what others are making due at this moment is there, in the old zone, once it is had.
                await self._session.scalar(LOCK_OWNER, params={"owner": self._owner})
                await self._session.exec(DUE_ELSEWHERE, params={"owner": self._owner})
            self._once_committed(lambda: log.info("user.updated", fields=sorted(different)))
        return as_seen(user)

    def _once_committed(self, tell: Callable[[], None]) -> None:
        event.listen(self._session.sync_session, "after_commit", lambda _: tell(), once=True)

    async def _load(self, *, for_update: bool = False) -> User:
        user = await self._session.get(User, self._owner, with_for_update=for_update)
        if user is None:
            raise TokenInvalid
        return user


def as_seen(user: User) -> dict[str, Any]:
    """The user as they see themselves: the fields of `UserRead`, no others."""
    return UserRead.model_validate(user, from_attributes=True).model_dump()
