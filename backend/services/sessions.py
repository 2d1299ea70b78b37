"""Registering, signing in and staying signed in.

This service opens its own transactions: what it must remember of a refusal has to outlast the refused request.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import structlog
from sqlalchemy import func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from backend.auth.jwt_handler import LIFETIME_SECONDS, AccessTokens
from backend.auth.password import Passwords
from backend.auth.principal import Principal
from backend.database.gate import Gate, driver_error
from backend.database.session import Database
from backend.domain.errors import Conflict, InvalidInput, Unauthenticated
from backend.models.sessions import Session
from backend.models.users import ONE_ACCOUNT_AN_ADDRESS, Revision, User
from backend.schemas.sessions import Credentials, Registration, SignedIn, Tokens
from backend.schemas.users import UserRead

log = structlog.get_logger()

IDLE_LIFETIME = timedelta(days=30)
"""How long a session lasts unused."""

ABSOLUTE_LIFETIME = timedelta(days=365)
"""How long a session lasts at most."""

REUSE_GRACE = timedelta(seconds=10)
"""How long after a rotation the parent token may be an honest race of two tabs, and not a theft."""

SIGNING_IN = 2
"""How many sign-ins a worker works on at a time. One keeps the hashing thread busy while another is in the database;
more of them would only stand in the way of everybody's reads."""

SIGN_IN_QUEUE_LIMIT = 300
"""How many more may wait for their turn, which takes a worker about 30 ms each; the next one is refused."""

SIGN_IN_DEADLINE = 30.0
"""Seconds after which whoever waits for a turn has given up."""

_PREFIX = "dwr_"
_NONCE_BYTES = 32
_TOKEN_BYTES = 16 + 16 + _NONCE_BYTES + 32


class EmailTaken(Conflict):
    code = "email_taken"
    title = "There is an account with this e-mail address already"


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    title = "The e-mail address or the password is wrong"


class InvalidTokenRequest(InvalidInput):
    code = "invalid_token_request"
    title = "The token request is not valid"
    extensions: ClassVar = {"error": "invalid_request"}  # this and the next two: RFC 6749 section 5.2


class UnsupportedGrantType(InvalidInput):
    code = "unsupported_grant_type"
    title = "The grant type is not one of password and refresh_token"
    extensions: ClassVar = {"error": "unsupported_grant_type"}


class InvalidGrant(InvalidInput):
    code = "invalid_grant"
    title = "The credentials or the refresh token are not valid"
    extensions: ClassVar = {"error": "invalid_grant"}


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """An opaque token that names its session and proves the right to it with 256 random bits.

    They are followed by their MAC under the session's own key: so that one we spent can be told from one we never
    gave out, and nobody can end a session by inventing a token for it.
    """

    user_id: UUID
    session_id: UUID
    secret: bytes

    @classmethod
    def new(cls, user_id: UUID, session_id: UUID, family_key: bytes) -> "RefreshToken":
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return cls(user_id, session_id, nonce + hmac.digest(family_key, nonce, "sha256"))

    @classmethod
    def parse(cls, text: str) -> "RefreshToken":
        """Raises `InvalidGrant` for anything `str` did not make."""
        try:
            raw = urlsafe_b64decode(text.removeprefix(_PREFIX).encode("ascii"))
        except (UnicodeEncodeError, Base64Error) as error:
            raise InvalidGrant from error
        if len(raw) != _TOKEN_BYTES:
            raise InvalidGrant
        token = cls(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32:])
        if str(token) != text:
            raise InvalidGrant
        return token

    def __str__(self) -> str:
        return _PREFIX + urlsafe_b64encode(self.user_id.bytes + self.session_id.bytes + self.secret).decode()

    def hash(self) -> bytes:
        return hashlib.sha256(self.secret).digest()

    def is_of(self, family_key: bytes) -> bool:
        """Whether this token was once made with the key."""
        nonce, mac = self.secret[:_NONCE_BYTES], self.secret[_NONCE_BYTES:]
        return hmac.compare_digest(mac, hmac.digest(family_key, nonce, "sha256"))


class SessionService:
    """Opens, renews and ends sessions."""

    def __init__(self, database: Database, passwords: Passwords, tokens: AccessTokens) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._turns = Gate(SIGNING_IN, SIGN_IN_QUEUE_LIMIT, SIGN_IN_DEADLINE)

    async def register(self, registration: Registration, device: str | None) -> SignedIn:
        """Open an account and sign in to it. Raises `EmailTaken`, or `InvalidInput` for a password easily guessed."""
        async with self._turns.enter():
            return await self._register(registration, device)

    async def sign_in(self, credentials: Credentials, device: str | None) -> SignedIn:
        """Open a session. Raises `InvalidCredentials`, after the same work for known and unknown addresses."""
        async with self._turns.enter():
            return await self._sign_in(credentials, device)

    async def _register(self, registration: Registration, device: str | None) -> SignedIn:
        password_hash = await self._passwords.hash(registration.password, (registration.email, registration.name))
        user = User(id=uuid7(), email=registration.email, name=registration.name, password_hash=password_hash)
        try:
            async with self._database.begin() as session:
                session.add(user)
                await session.flush()
                session.add(Revision(user_id=user.id))
                token = open_session(session, user.id, device)
        except IntegrityError as error:
            if getattr(driver_error(error), "constraint_name", None) == ONE_ACCOUNT_AN_ADDRESS:
                raise EmailTaken from error
            raise
        log.info("user.registered", user_id=str(user.id))
        return self._signed_in(user, token)

    async def _sign_in(self, credentials: Credentials, device: str | None) -> SignedIn:
        email = func.lower(credentials.email)
        async with self._database.begin() as session:
            user = (await session.exec(select(User).where(func.lower(col(User.email)) == email))).first()
        correct = await self._passwords.verify(credentials.password, user.password_hash if user else None)
        if user is None or not correct:
            log.info("session.refused", code=InvalidCredentials.code)
            raise InvalidCredentials
        renewed = await self._passwords.renewed(credentials.password, user.password_hash or "")
        async with self._database.begin() as session:
            if renewed:
                await _keep_renewed(session, user, renewed)
            token = open_session(session, user.id, device)
        log.info("session.opened", user_id=str(user.id), session_id=str(token.session_id))
        return self._signed_in(user, token)

    async def refresh(self, text: str) -> Tokens:
        """The next pair of tokens; the refresh token that was sent is spent. Raises `InvalidGrant`."""
        token = RefreshToken.parse(text)
        async with self._database.begin() as session:
            successor, revoked = await _rotate(session, token)
        # Raised outside the transaction: a family that was revoked stays so.
        if revoked:
            log.warning("session.revoked", reason="refresh_token_reused", user_id=str(token.user_id))
        if successor is None:
            raise InvalidGrant
        log.info("session.refreshed", user_id=str(token.user_id), session_id=str(token.session_id))
        return self._pair(successor)

    async def sign_out(self, who: Principal) -> None:
        """End the session: its refresh token is worth nothing any more. Ending it twice is no error."""
        async with self._database.begin() as session:
            current = await session.get(Session, (who.user_id, who.session_id), with_for_update=True)
            if current is not None and current.revoked_at is None:
                current.revoked_at = datetime.now(UTC)
        log.info("session.closed", session_id=str(who.session_id))

    def _pair(self, token: RefreshToken) -> Tokens:
        return Tokens(
            access_token=self._tokens.issue(token.user_id, token.session_id),
            expires_in=LIFETIME_SECONDS,
            refresh_token=str(token),
        )

    def _signed_in(self, user: User, token: RefreshToken) -> SignedIn:
        seen = UserRead.model_validate(user, from_attributes=True)
        return SignedIn(user=seen, **self._pair(token).model_dump())


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


async def _keep_renewed(session: AsyncSession, user: User, password_hash: str) -> None:
    """Keep the dearer hash of the same password, unless that has been changed meanwhile."""
    same = (col(User.id) == user.id) & (col(User.password_hash) == user.password_hash)
    await session.exec(update(User).where(same).values(password_hash=password_hash, updated_at=col(User.updated_at)))


async def _rotate(session: AsyncSession, token: RefreshToken) -> tuple[RefreshToken | None, bool]:
    """The successor, if the token is good for one, with the session moved on to it; and whether the family ended."""
    now = datetime.now(UTC)
    current = await session.get(Session, (token.user_id, token.session_id), with_for_update=True)
    if current is None or current.revoked_at is not None or min(current.idle_expires_at, current.expires_at) <= now:
        return None, False
    if not hmac.compare_digest(current.token_hash, token.hash()):
        return None, _suspect(current, token, now)
    successor = RefreshToken.new(token.user_id, token.session_id, current.family_key)
    current.parent_hash, current.token_hash = current.token_hash, successor.hash()
    current.rotated_at = now
    current.idle_expires_at = now + IDLE_LIFETIME
    return successor, False


def _suspect(current: Session, token: RefreshToken, now: datetime) -> bool:
    """A spent token came back: unless it was a race just now, somebody has a copy, and the family ends."""
    racing = (
        current.parent_hash is not None
        and hmac.compare_digest(current.parent_hash, token.hash())
        and current.rotated_at is not None
        and now - current.rotated_at <= REUSE_GRACE
    )
    if racing or not token.is_of(current.family_key):
        return False
    current.revoked_at = now
    return True
