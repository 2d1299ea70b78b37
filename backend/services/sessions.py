"""Registering, signing in and staying signed in.

This service opens its own transactions: what it must remember of a refusal has to outlast the refused request.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import structlog
from sqlalchemy import String, bindparam, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from backend.auth.jwt_handler import LIFETIME_SECONDS, AccessTokens
from backend.auth.password import Passwords
from backend.auth.principal import Caller, TokenRefused
from backend.auth.refresh_tokens import InvalidGrant, RefreshToken
from backend.database.fast_lane import Statement
from backend.database.gate import broken_constraint
from backend.database.session import Database
from backend.domain.errors import Conflict, Forbidden, InvalidInput, Unauthenticated
from backend.models.sessions import Session
from backend.models.users import ONE_ACCOUNT_AN_ADDRESS, Revision, User
from backend.schemas.sessions import Credentials, Registration, SignedIn, Tokens
from backend.schemas.users import UserRead
from backend.services import audit
from backend.services.outbox import Outbox
from backend.services.revocations import Revocations
from backend.services.rotation import IDLE_LIFETIME, rotate
from backend.services.throttle import Throttle

log = structlog.get_logger()

ABSOLUTE_LIFETIME = timedelta(days=365)
"""How long a session lasts at most."""

_BY_EMAIL = Statement(select(User).where(func.lower(col(User.email)) == func.lower(bindparam("email", type_=String()))))


class EmailTaken(Conflict):
    code = "email_taken"
    title = "There is an account with this e-mail address already"


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    title = "The e-mail address or the password is wrong"


class AccountDisabled(Forbidden):
    code = "account_disabled"
    title = "The operator has disabled this account"


class RefreshTokenReused(TokenRefused):
    code = "refresh_token_reused"
    title = "The refresh token was spent already: somebody may have a copy, so the session has ended; sign in again"
    extensions: ClassVar = {"error": "invalid_grant"}


class InvalidTokenRequest(InvalidInput):
    code = "invalid_token_request"
    title = "The token request is not valid"
    extensions: ClassVar = {"error": "invalid_request"}  # this and the next: RFC 6749 section 5.2


class UnsupportedGrantType(InvalidInput):
    code = "unsupported_grant_type"
    title = "The grant type is not one of password and refresh_token"
    extensions: ClassVar = {"error": "unsupported_grant_type"}


class SessionService:
    """Opens and renews sessions."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        tokens: AccessTokens,
        revocations: Revocations,
        *,
        throttle: Throttle,
        outbox: Outbox,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._revocations = revocations
        self._throttle = throttle
        self._outbox = outbox

    async def register(self, registration: Registration, caller: Caller) -> SignedIn:
        """Open an account and sign in to it. Raises `EmailTaken`, or `InvalidInput` for a password easily guessed; as
        the throttle does when too many want to.
        """
        async with self._throttle.turn(caller.address):
            await self._throttle.admit(caller.address)
            signed_in = await self._register(registration, caller)
        await self._throttle.remember(registration.email, caller.address)
        return signed_in

    async def sign_in(self, credentials: Credentials, caller: Caller) -> SignedIn:
        """Open a session. Raises `InvalidCredentials`, after the same work for known and unknown addresses, and
        `AccountDisabled`, to who knows the password; as the throttle does after too many attempts.
        """
        user = None
        try:
            async with self._throttle.turn(caller.address):
                attempt = await self._throttle.attempt(credentials.email, caller.address, admitting=True)
                row = await self._database.fast.fetch_one(_BY_EMAIL, {"email": credentials.email})
                user = User(**row) if row else None
                signed_in = await self._sign_in(user, credentials.password, caller)
        except (InvalidCredentials, AccountDisabled) as refusal:
            # After the turn: it may wait for a lock on the user, and nobody else should.
            known = user.id if user else None
            await audit.record_refusal(self._database.fast, "session.refused", known, caller, code=refusal.code)
            log.info("session.refused", code=refusal.code)
            raise
        await attempt.succeeded()
        return signed_in

    async def _register(self, registration: Registration, caller: Caller) -> SignedIn:
        password_hash = await self._passwords.hash(registration.password, (registration.email, registration.name))
        user = User(id=uuid7(), email=registration.email, name=registration.name, password_hash=password_hash)
        with one_account_an_address():
            async with self._database.begin() as session:
                session.add(user)
                await session.flush()
                session.add(Revision(user_id=user.id))
                token = open_session(session, user.id, caller.device)
                audit.record(session, "user.registered", user.id, caller, token.session_id)
                await self._outbox.add(session, "verify_email", registration.email, caller)
        log.info("user.registered", user_id=str(user.id))
        return self._signed_in(user, token)

    async def _sign_in(self, user: User | None, password: str, caller: Caller) -> SignedIn:
        correct = await self._passwords.verify(password, user.password_hash if user else None)
        if user is None or not correct:
            raise InvalidCredentials
        if user.disabled_at is not None:
            raise AccountDisabled
        renewed = await self._passwords.renewed(password, user.password_hash or "")
        async with self._database.begin() as session:
            if not await _still_is(session, user):
                raise InvalidCredentials
            if renewed:
                await _keep_renewed(session, user, renewed)
            token = open_session(session, user.id, caller.device)
            audit.record(session, "session.opened", user.id, caller, token.session_id)
        log.info("session.opened", user_id=str(user.id), session_id=str(token.session_id))
        return self._signed_in(user, token)

    async def refresh(self, text: str, caller: Caller) -> Tokens:
        """The next pair of tokens; the refresh token that was sent is spent. Raises `InvalidGrant`; and
        `RefreshTokenReused`, once, when it shows that two have copies.

        Within `REUSE_GRACE` a token that was just spent gets the same successor again: two tabs race.
        """
        token = RefreshToken.parse(text)
        async with self._database.begin() as session:
            successor, stolen = await rotate(session, token)
            if stolen:
                audit.record(session, "session.revoked", token.user_id, caller, token.session_id)
                await self._revocations.end(session, [token.session_id])
        # Raised outside the transaction: a family that was revoked stays so.
        if stolen:
            log.warning("session.revoked", reason="refresh_token_reused", user_id=str(token.user_id))
            raise RefreshTokenReused
        if successor is None:
            raise InvalidGrant
        log.info("session.refreshed", user_id=str(token.user_id), session_id=str(token.session_id))
        return self._pair(successor)

    def _pair(self, token: RefreshToken) -> Tokens:
        return Tokens(
            access_token=self._tokens.issue(token.user_id, token.session_id),
            expires_in=LIFETIME_SECONDS,
            refresh_token=str(token),
        )

    def _signed_in(self, user: User, token: RefreshToken) -> SignedIn:
        seen = UserRead.model_validate(user, from_attributes=True)
        return SignedIn(user=seen, **self._pair(token).model_dump())


@contextmanager
def one_account_an_address() -> Iterator[None]:
    """Around a transaction that gives a user an address. Raises `EmailTaken` if somebody else has it."""
    try:
        yield
    except IntegrityError as error:
        if broken_constraint(error) == ONE_ACCOUNT_AN_ADDRESS:
            raise EmailTaken from error
        raise


def open_session(session: AsyncSession, user_id: UUID, device: str | None) -> RefreshToken:
    """Add a session for the user to the transaction; gives its refresh token."""
    now = datetime.now(UTC)
    family_key = secrets.token_bytes(32)
    token = RefreshToken.new(user_id, uuid7(), family_key)
    session.add(
        Session(
            id=token.session_id,
            user_id=user_id,
            family_key=family_key,
            token_hash=token.hash(),
            idle_expires_at=now + IDLE_LIFETIME,
            expires_at=now + ABSOLUTE_LIFETIME,
            device=device,
        )
    )
    return token


async def _still_is(session: AsyncSession, user: User) -> bool:
    """Whether the password is still the one that was verified, and still good. It stays so until the transaction ends:
    whoever changes that finds the session that is opened here, and can end it.
    """
    same = (col(User.id) == user.id) & (col(User.password_hash) == user.password_hash) & col(User.disabled_at).is_(None)
    return (await session.exec(select(User.id).where(same).with_for_update(key_share=True))).first() is not None


async def _keep_renewed(session: AsyncSession, user: User, password_hash: str) -> None:
    """Keep the dearer hash of the same password."""
    unseen = {"password_hash": password_hash, "updated_at": col(User.updated_at)}
    await session.exec(update(User).where(col(User.id) == user.id).values(unseen))
