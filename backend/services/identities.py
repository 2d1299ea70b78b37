"""People who sign in elsewhere: who they are here, from the first time they come."""

from collections import OrderedDict
from dataclasses import replace
from time import monotonic
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col
from uuid_utils.compat import uuid7

from backend.auth.principal import Caller, ForeignSubject, Principal, TokenRevoked
from backend.database.fast_lane import Statement
from backend.database.gate import broken_constraint
from backend.database.session import Database
from backend.models.identities import ONE_USER_AN_IDENTITY, Identity
from backend.models.users import Revision, User
from backend.schemas.users import Name
from backend.services import audit
from backend.services.revocations import Revocations

log = structlog.get_logger()

REMEMBERED = 10_000
"""How many people a process remembers."""

REMEMBERED_FOR = 1800.0
"""Seconds. Less than an ended grant is remembered for: who comes back after that is somebody new."""

NAMELESS = "New user"
"""The name of somebody whose token gives none, or none that is fit for a name. They can change it."""

_FIND = Statement(
    select(col(Identity.user_id), col(User.disabled_at).is_not(None).label("disabled"))
    .join(User, col(User.id) == col(Identity.user_id))
    .where(col(Identity.issuer) == bindparam("issuer"), col(Identity.subject) == bindparam("subject"))
)
_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)


class Identities:
    """Finds who somebody is here that another issuer tells us of, and makes them a user when they are new."""

    def __init__(self, database: Database, revocations: Revocations) -> None:
        self._database = database
        self._revocations = revocations
        self._known: OrderedDict[tuple[str, str], tuple[Principal, float]] = OrderedDict()

    def known(self, who: ForeignSubject) -> Principal | None:
        """Them as a user, if they came before and not too long ago."""
        key = (who.issuer, who.subject)
        principal, until = self._known.get(key, (None, 0.0))
        if principal is None or until < monotonic():
            return None
        self._known.move_to_end(key)
        return principal if principal.expires_at == who.expires_at else replace(principal, expires_at=who.expires_at)

    async def find(self, who: ForeignSubject, caller: Caller) -> Principal:
        """Them as a user, whom they become if need be.

        Raises `TokenRevoked` if that user has just gone or is locked out, and as the database's gate does.
        """
        named = {"issuer": who.issuer, "subject": who.subject}
        row = await self._database.fast.fetch_one(_FIND, named)
        if row is None:
            await self._create(who, caller)
            row = await self._database.fast.fetch_one(_FIND, named)
        if row is None or row["disabled"]:
            raise TokenRevoked
        principal = Principal(row["user_id"], identity_id(who), who.expires_at, "identity")
        self._known[who.issuer, who.subject] = (principal, monotonic() + REMEMBERED_FOR)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return principal

    async def _create(self, who: ForeignSubject, caller: Caller) -> None:
        """Make them a user, unless somebody else does so at this moment."""
        user = User(id=uuid7(), email=None, name=_name(who))
        try:
            async with self._database.begin() as session:
                # A token that outlives the account it led to must not make another one, wherever that has gone.
                await self._revocations.confirm(session, identity_id(who))
                session.add(user)
                await session.flush()
                session.add(Revision(user_id=user.id))
                session.add(Identity(user_id=user.id, id=identity_id(who), issuer=who.issuer, subject=who.subject))
                audit.record(session, "user.registered", user.id, caller, identity_id(who), issuer=who.issuer)
        except IntegrityError as error:
            if broken_constraint(error) != ONE_USER_AN_IDENTITY:
                raise
        else:
            log.info("user.registered", user_id=str(user.id))


def identity_id(who: ForeignSubject) -> UUID:
    """The id of an identity, which follows from what it is: when it has ended, everybody knows without its row."""
    return uuid5(uuid5(NAMESPACE_URL, who.issuer), who.subject)


def _name(who: ForeignSubject) -> str:
    try:
        return _NAME.validate_python(who.name)
    except ValidationError:
        return NAMELESS
