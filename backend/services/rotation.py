"""Rotation: what becomes of a session when its refresh token is used, or one that was."""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.refresh_tokens import RefreshToken
from backend.models.sessions import Session

IDLE_LIFETIME = timedelta(days=30)
"""How long a session lasts unused."""

REUSE_GRACE = timedelta(seconds=10)
"""How long after a rotation the parent token may be an honest race of two tabs, and not a theft."""


async def rotate(session: AsyncSession, token: RefreshToken) -> tuple[RefreshToken | None, bool]:
    """The token's successor, if it is good for one, with the session moved on to it; and whether it was stolen."""
    now = datetime.now(UTC)
    current = await session.get(Session, (token.user_id, token.session_id), with_for_update=True)
    if current is None or current.revoked_at is not None or min(current.idle_expires_at, current.expires_at) <= now:
        return None, False
    successor = token.successor(current.family_key)
    match _standing(current, token, now):
        case "current":
            current.parent_hash, current.token_hash = current.token_hash, successor.hash()
            current.rotated_at = now
            current.idle_expires_at = now + IDLE_LIFETIME
            return successor, False
        case "racing":
            return successor, False
        case "spent":
            current.revoked_at = now
            return None, True
        case "foreign":
            return None, False


def _standing(current: Session, token: RefreshToken, now: datetime) -> Literal["current", "racing", "spent", "foreign"]:
    """What a token is to its session. One that was spent a while ago is a copy that somebody has: the family ends."""
    if hmac.compare_digest(current.token_hash, token.hash()):
        return "current"
    if not token.is_of(current.family_key):
        return "foreign"
    is_parent = current.parent_hash is not None and hmac.compare_digest(current.parent_hash, token.hash())
    just_now = current.rotated_at is not None and now - current.rotated_at <= REUSE_GRACE
    return "racing" if is_parent and just_now else "spent"
