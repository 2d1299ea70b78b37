"""Personal access tokens: made, listed and deleted by their user, and looked up when somebody comes with one.

This service opens its own transactions: whoever comes with a token is known before any other work begins.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import sqlmodel
import structlog
from sqlalchemy import Interval, bindparam, delete, func, or_, select, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from backend.auth.personal_tokens import PersonalTokens, hash_of, new_token
from backend.auth.principal import Caller, PresentedToken, Principal, TokenExpired, TokenInvalid
from backend.database.fast_lane import Statement
from backend.database.session import Database
from backend.domain.errors import Conflict, Fault, InvalidInput, NotFound
from backend.domain.pagination import Page, Position
from backend.models.access_tokens import AccessToken
from backend.models.base import metadata
from backend.models.users import User
from backend.schemas.access_tokens import AccessTokenCreate, AccessTokenCreated
from backend.services import audit
from backend.services.listing import Listing
from backend.services.revocations import Revocations

log = structlog.get_logger()

MOST = 100
"""Tokens that a user may have at once, besides those that have expired."""

EXPIRED_KEPT_FOR = timedelta(days=30)
"""How long an expired token is listed, so that one sees why a program has stopped."""

USE_NOTED_AFTER = timedelta(minutes=10)
"""How old the noted last use of a token must be to be noted anew."""

_T = metadata.tables["access_tokens"].c
_TOKENS = Listing(
    _T.id.table, [_T.id, _T.name, _T.scope.label("scopes"), _T.created_at, _T.expires_at, _T.last_used_at]
)
_HASH = bindparam("token_hash", type_=_T.token_hash.type)
# Noting the use is part of the look-up: no request waits for it that does not wait for the look-up anyway.
_noted = (
    update(_T.id.table)
    .where(
        _T.token_hash == _HASH,
        _T.expires_at > func.now(),
        or_(_T.last_used_at.is_(None), _T.last_used_at < func.now() - bindparam("noted_after", type_=Interval())),
    )
    .values(last_used_at=func.now())
    .cte("noted")
)
FIND = Statement(
    select(_T.user_id, _T.id, _T.scope, _T.expires_at, (_T.expires_at <= func.now()).label("expired"))
    .where(_T.token_hash == _HASH)
    .add_cte(_noted)
)


class TooManyTokens(Conflict):
    code = "too_many_tokens"
    title = f"There are {MOST} personal access tokens already; delete one"


class AccessTokenNotFound(NotFound):
    code = "access_token_not_found"
    title = "There is no such personal access token"


class AccessTokenService:
    """Makes, lists, deletes and looks up personal access tokens. `scopes` are those that there are."""

    def __init__(
        self, database: Database, known: PersonalTokens, revocations: Revocations, scopes: frozenset[str]
    ) -> None:
        self._database = database
        self._known = known
        self._revocations = revocations
        self._scopes = scopes

    async def create(self, who: Principal, new: AccessTokenCreate, caller: Caller) -> AccessTokenCreated:
        """A new token, which is nowhere to be had again.

        Raises `TooManyTokens`, `InvalidInput` for its scopes, or `TokenRevoked` when who asks is out by now.
        """
        scopes = self._valid(new.scopes)
        text = new_token()
        async with self._database.begin() as session:
            await _make_room(session, who.user_id)
            # With the user locked: whoever ends what this rests on has done so, or then removes the token too.
            await self._revocations.confirm(session, who.grant_id)
            token = AccessToken(
                user_id=who.user_id,
                id=uuid7(),
                name=new.name,
                token_hash=hash_of(text),
                scope=" ".join(scopes),
                expires_at=datetime.now(UTC) + timedelta(days=new.expires_in_days),
            )
            session.add(token)
            audit.record(session, "token.created", who.user_id, caller, token.id, scopes=scopes, by=str(who.grant_id))
        log.info("token.created", token_id=str(token.id), scopes=scopes)
        return AccessTokenCreated(**token.model_dump(exclude={"scope"}), scopes=scopes, token=text)

    async def list(self, who: Principal, limit: int, after: Position | None) -> Page:
        """A page of the user's tokens, the newest first."""
        page = await _TOKENS.page(self._database.fast, who.user_id, limit, after)
        return Page([{**row, "scopes": row["scopes"].split()} for row in page.rows], page.next_cursor)

    async def delete(self, who: Principal, token_id: UUID, caller: Caller) -> None:
        """Delete one of the user's tokens, which ends what it gave access to. Raises `AccessTokenNotFound`."""
        mine = (col(AccessToken.user_id) == who.user_id, col(AccessToken.id) == token_id)
        async with self._database.begin() as session:
            deleted = await session.exec(delete(AccessToken).where(*mine).returning(col(AccessToken.scope)))
            scope: str | None = deleted.scalar_one_or_none()
            if scope is None:
                raise AccessTokenNotFound
            audit.record(session, "token.deleted", who.user_id, caller, token_id, scopes=scope.split())
            await self._revocations.end(session, [token_id])
        log.info("token.deleted", token_id=str(token_id))

    async def find(self, token: PresentedToken) -> Principal:
        """Whose token it is. Raises `TokenInvalid` or `TokenExpired`, and as the database's gate does."""
        row = await self._database.fast.fetch_one(FIND, {"token_hash": token.hash, "noted_after": USE_NOTED_AFTER})
        if row is None:
            raise TokenInvalid
        if row["expired"]:
            raise TokenExpired
        scopes = frozenset(row["scope"].split())
        principal = Principal(row["user_id"], row["id"], int(row["expires_at"].timestamp()), "token", scopes)
        self._known.remember(token, principal)
        return principal

    def _valid(self, scopes: Sequence[str]) -> Sequence[str]:
        """The scopes, each once and in order. Raises `InvalidInput` for those that there are not."""
        faults = [
            Fault(f"scopes.{place}", "unknown_scope", f'There is no scope "{scope}"')
            for place, scope in enumerate(scopes)
            if scope not in self._scopes
        ]
        if faults:
            raise InvalidInput(faults)
        return sorted(set(scopes))


async def _make_room(session: AsyncSession, user_id: UUID) -> None:
    """Remove what has long expired. Raises `TooManyTokens`; two at once cannot both be the last."""
    one = (
        sqlmodel.select(User.id)
        .where(col(User.id) == user_id, col(User.disabled_at).is_(None))
        .with_for_update(key_share=True)
    )
    if (await session.exec(one)).first() is None:
        raise TokenInvalid
    mine = col(AccessToken.user_id) == user_id
    expired = delete(AccessToken).where(mine, col(AccessToken.expires_at) < func.now() - EXPIRED_KEPT_FOR).cte()
    live = sqlmodel.select(func.count()).where(mine, col(AccessToken.expires_at) > func.now()).add_cte(expired)
    if (await session.exec(live)).one() >= MOST:
        raise TooManyTokens
