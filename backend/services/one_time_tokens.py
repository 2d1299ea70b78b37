"""One-time tokens: issued by the sender of mail, spent by whoever follows the link.

Whoever changes a user locks first the user, then their mails, then their tokens.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.one_time_tokens import Purpose, hash_of, new_token
from backend.domain.errors import Fault, InvalidInput
from backend.models.mail import Mail
from backend.models.one_time_tokens import OneTimeToken
from backend.models.users import User

LIFETIME = timedelta(minutes=30)
"""How long a token is good."""


class LinkInvalid(InvalidInput):
    code = "link_invalid"
    title = "The link has expired, was used before, or is not one of ours"

    def __init__(self) -> None:
        super().__init__([Fault("token", "link_invalid", "Ask for a new link")])


async def issue(session: AsyncSession, user_id: UUID, purpose: Purpose, email: str) -> str:
    """A token that proves who has the address; the one before it for the same purpose is worth nothing any more."""
    token = new_token()
    kept = {
        "token_hash": hash_of(token),
        "email": email,
        "created_at": datetime.now(UTC),
        "expires_at": datetime.now(UTC) + LIFETIME,
    }
    row = insert(OneTimeToken).values(user_id=user_id, purpose=purpose, **kept)
    await session.exec(row.on_conflict_do_update(index_elements=["user_id", "purpose"], set_=kept))
    return token


async def find(session: AsyncSession, token: str, purposes: Collection[Purpose]) -> tuple[OneTimeToken, User]:
    """The token, unspent, and whose it is, who is locked until the transaction ends. Raises `LinkInvalid`."""
    query = (
        select(OneTimeToken, User)
        .join(User, col(User.id) == col(OneTimeToken.user_id))
        .where(
            col(OneTimeToken.token_hash) == hash_of(token),
            col(OneTimeToken.purpose).in_(purposes),
            col(OneTimeToken.expires_at) > datetime.now(UTC),
            # Who is locked out has none.
            col(User.disabled_at).is_(None),
        )
        .with_for_update(of=User, key_share=True)
    )
    found = (await session.exec(query)).first()
    if found is None:
        raise LinkInvalid
    return found


async def spend(session: AsyncSession, token: OneTimeToken) -> None:
    """Let the token be of no more use. Raises `LinkInvalid` when somebody else has just spent it."""
    same = col(OneTimeToken.token_hash) == token.token_hash
    if (await session.exec(delete(OneTimeToken).where(same).returning(col(OneTimeToken.user_id)))).first() is None:
        raise LinkInvalid


async def withdraw_all(session: AsyncSession, user: User, spent: OneTimeToken | None = None) -> None:
    """Let no link that the user was sent be of any use, nor one that they will yet be sent.

    Only the confirmation of their present address may still come. Raises `LinkInvalid` when `spent`, which is to be
    spent by this, has just been spent by somebody else.
    """
    changing = (col(Mail.user_id) == user.id) & (col(Mail.purpose) == "change_email")
    resetting = col(Mail.user_id).is_(None) & (col(Mail.purpose) == "reset_password")
    same_address = func.lower(col(Mail.address)) == func.lower(user.email)
    await session.exec(delete(Mail).where(changing | (resetting & same_address)))
    withdrawn = delete(OneTimeToken).where(col(OneTimeToken.user_id) == user.id).returning(col(OneTimeToken.token_hash))
    hashes = (await session.exec(withdrawn)).scalars().all()
    if spent is not None and spent.token_hash not in hashes:
        raise LinkInvalid
