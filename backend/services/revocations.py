"""Ended grants: an access token stops working within seconds, and no request asks the database for it.

Each process keeps the ids of the grants that have ended lately, and asks for new ones when a request comes and what
it knows has become old. A database that nobody asks anything can so go to sleep.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import timedelta
from time import monotonic
from uuid import UUID

import sqlmodel
from sqlalchemy import bindparam, delete, event, func, literal, select, union_all, update
from sqlalchemy.dialects.postgresql import INTERVAL, insert
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.auth.principal import Principal, TokenRevoked
from backend.database.fast_lane import FastLane, Statement
from backend.models.access_tokens import AccessToken
from backend.models.feeds import Feed
from backend.models.identities import Identity
from backend.models.revocations import Revocation
from backend.models.sessions import Session

REFRESH_AFTER = 2.0
"""Seconds after which a request has the newest asked for, without waiting for them."""

TRUSTED_FOR = 5.0
"""Seconds after which a request waits for them: the longest that an ended grant is still good anywhere."""

OVERLAP = 90.0
"""Seconds that are read again each time: a transaction that was slow to commit has an older time than others. Longer
than the slowest, which removes an account.
"""

RETENTION = timedelta(hours=1)
"""How long an ended grant is remembered: longer than any access token, or what a process remembers of one, lives."""

RECENT = Statement(
    select(col(Revocation.grant_id)).where(
        col(Revocation.revoked_at) > func.now() - bindparam("within", type_=INTERVAL())
    )
)
ENDED = Statement(
    select(col(Revocation.grant_id)).where(
        col(Revocation.grant_id) == bindparam("grant_id"),
        col(Revocation.revoked_at) > func.now() - bindparam("within", type_=INTERVAL()),
    )
)
PURGE = Statement(
    delete(Revocation).where(col(Revocation.revoked_at) < func.now() - bindparam("within", type_=INTERVAL()))
)


def end_sessions(user_id: UUID, but: UUID | None) -> ReturningUpdate[tuple[UUID]]:
    """The statement that ends what is live of a user's sessions, `but` one; it answers their ids."""
    live = (
        col(Session.user_id) == user_id,
        col(Session.revoked_at).is_(None),
        col(Session.id).is_distinct_from(but),
        # Of those that are over there may be any number.
        func.least(col(Session.idle_expires_at), col(Session.expires_at)) > func.now(),
    )
    return update(Session).where(*live).values(revoked_at=func.now()).returning(col(Session.id))


class Revocations:
    """The grants that have ended within `RETENTION`, as this process knows them."""

    def __init__(self, lane: FastLane) -> None:
        self._lane = lane
        self._ended: dict[UUID, float] = {}
        self._read_at: float | None = None
        self._purged_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def asked_at(self) -> float | None:
        """When the database was last asked because of a request, by `monotonic`; None if it never was."""
        return self._read_at

    async def check(self, who: Principal) -> None:
        """Raises `TokenRevoked` if what their access rests on ended more than `TRUSTED_FOR` seconds ago, or is known
        to have ended; as the gate does if that cannot be found out.
        """
        age = TRUSTED_FOR if self._read_at is None else monotonic() - self._read_at
        if age >= REFRESH_AFTER:
            if self._reading is None:
                self._reading = asyncio.create_task(self._read())
                self._reading.add_done_callback(self._done)
            if age >= TRUSTED_FOR:
                # Shielded: others wait for the same, whoever goes away.
                await asyncio.shield(self._reading)
        if who.grant_id in self._ended and (who.kind != "identity" or await self._is_out(who.grant_id)):
            raise TokenRevoked

    async def confirm(self, session: AsyncSession, grant_id: UUID) -> None:
        """Raises `TokenRevoked` if the grant has ended by now, wherever that was: for what would outlast its end."""
        lately = col(Revocation.revoked_at) > func.now() - RETENTION
        ended = sqlmodel.select(lately).where(col(Revocation.grant_id) == grant_id)
        if (await session.exec(ended)).first():
            raise TokenRevoked

    async def end(self, session: AsyncSession, grant_ids: Collection[UUID]) -> None:
        """End grants with the transaction: here at once when it commits, elsewhere within `TRUSTED_FOR` seconds."""
        if not grant_ids:
            return
        ended = insert(Revocation).values([{"grant_id": grant_id} for grant_id in grant_ids])
        await session.exec(ended.on_conflict_do_update(index_elements=["grant_id"], set_={"revoked_at": func.now()}))
        event.listen(session.sync_session, "after_commit", lambda _: self._add(grant_ids), once=True)

    async def end_all_of(self, session: AsyncSession, user_id: UUID, *, but: UUID | None = None) -> Mapping[str, int]:
        """End every grant of a user with the transaction, `but` one, and whatever was made with one to outlast it.

        Gives how many sessions, tokens and feeds that are.
        """
        sessions = end_sessions(user_id, but).cte("sessions")
        # Removed, for what has only ended is forgotten after a while.
        mine = col(AccessToken.user_id) == user_id
        tokens = delete(AccessToken).where(mine).returning(col(AccessToken.id)).cte("tokens")
        feeds = delete(Feed).where(col(Feed.user_id) == user_id).returning(col(Feed.id)).cte("feeds")
        identities = select(col(Identity.id)).where(col(Identity.user_id) == user_id).cte("identities")
        parts = (sessions, tokens, feeds, identities)
        ended = union_all(*(select(literal(part.name).label("kind"), part.c.id) for part in parts)).subquery()
        rows = (await session.exec(sqlmodel.select(ended.c.kind, ended.c.id))).all()
        await self.end(session, [grant_id for kind, grant_id in rows if kind != "feeds"])
        counts = Counter(kind for kind, _ in rows)
        return {kind: counts[kind] for kind in ("sessions", "tokens", "feeds")}

    async def let_in_again(self, session: AsyncSession, user_id: UUID) -> None:
        """Let what others say of a user be good again with the transaction: their identities stay what they are."""
        identities = select(col(Identity.id)).where(col(Identity.user_id) == user_id)
        await session.exec(delete(Revocation).where(col(Revocation.grant_id).in_(identities)))

    async def _is_out(self, identity_id: UUID) -> bool:
        """Asked of the database, where an identity is none that has ended once its user is let in again."""
        if await self._lane.fetch(ENDED, {"grant_id": identity_id, "within": RETENTION}):
            return True
        self._ended.pop(identity_id, None)
        return False

    def _add(self, grant_ids: Collection[UUID]) -> None:
        self._ended.update(dict.fromkeys(grant_ids, monotonic()))

    async def _read(self) -> None:
        begun, before = monotonic(), self._read_at
        within = RETENTION if before is None else timedelta(seconds=begun - before + OVERLAP)
        self._add([row["grant_id"] for row in await self._lane.fetch(RECENT, {"within": within})])
        self._read_at = begun
        # Not with the first, for which requests wait.
        if before is not None and (self._purged_at is None or begun - self._purged_at > RETENTION.total_seconds()):
            self._purged_at = begun
            self._forget(begun - RETENTION.total_seconds())
            await self._lane.fetch(PURGE, {"within": 2 * RETENTION})

    def _forget(self, before: float) -> None:
        for grant_id in [grant_id for grant_id, since in self._ended.items() if since < before]:
            del self._ended[grant_id]

    def _done(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        # Nobody may have waited for it: the next request asks again, and waits if it has to.
        if not task.cancelled():
            task.exception()
