"""Registering, signing in, staying signed in, and leaving."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import CursorResult, RowMapping, text
from uuid_utils.compat import uuid7

from backend.auth.jwt_handler import LIFETIME_SECONDS, AccessTokens
from backend.auth.password import Passwords
from backend.auth.principal import Caller, Principal
from backend.auth.refresh_tokens import InvalidGrant, RefreshToken
from backend.database.session import Database
from backend.schemas.sessions import Credentials, Registration, SignedIn
from backend.services.open_sessions import OpenSessionService
from backend.services.sessions import EmailTaken, InvalidCredentials, RefreshTokenReused, SessionService
from tests.factories.applications import SECRET
from tests.factories.clients import PASSWORD, Client

BROWSER = Caller("192.0.2.1", "a browser")


@pytest.fixture
def sessions(app: FastAPI) -> SessionService:
    service: SessionService = app.state.sessions
    return service


def registration(**others: str) -> Registration:
    return Registration(**{"email": f"{uuid4().hex}@example.com", "name": "Ada", "password": PASSWORD, **others})


def who(signed_in: SignedIn) -> Principal:
    return AccessTokens(SECRET).identify(signed_in.access_token)


async def sign_in(sessions: SessionService, email: str, password: str = PASSWORD) -> SignedIn:
    return await sessions.sign_in(Credentials(email=email, password=password), BROWSER)


async def execute(database: Database, statement: str, **values: Any) -> CursorResult[Any]:
    async with database.begin() as session:
        return await (await session.connection()).execute(text(statement), values)


async def row_of(database: Database, refresh_token: str) -> RowMapping:
    """What the database holds of a session."""
    result = await execute(
        database, "SELECT * FROM sessions WHERE id = :id", id=RefreshToken.parse(refresh_token).session_id
    )
    return result.mappings().one()


async def later(database: Database, refresh_token: str, column: str, past: timedelta) -> None:
    """Let time pass for a session: the column lies that much further back."""
    await execute(
        database,
        f"UPDATE sessions SET {column} = {column} - CAST(:past AS interval) WHERE id = :id",
        past=past,
        id=RefreshToken.parse(refresh_token).session_id,
    )


async def refused(sessions: SessionService, refresh_token: str) -> bool:
    try:
        await sessions.refresh(refresh_token, Caller())
    except (InvalidGrant, RefreshTokenReused):
        return True
    return False


async def test_whoever_registers_has_an_account_and_is_signed_in(sessions: SessionService) -> None:
    wanted = registration(name=" Ada Lovelace ")
    signed_in = await sessions.register(wanted, BROWSER)

    assert (signed_in.user.email, signed_in.user.name) == (wanted.email, "Ada Lovelace")
    assert (signed_in.token_type, signed_in.expires_in) == ("Bearer", LIFETIME_SECONDS)
    assert who(signed_in).user_id == signed_in.user.id
    assert RefreshToken.parse(signed_in.refresh_token).session_id == who(signed_in).grant_id
    assert (await sign_in(sessions, wanted.email)).user == signed_in.user


async def test_an_address_is_registered_once_in_whatever_case(sessions: SessionService, owner: Client) -> None:
    for email in (owner.email, owner.email.upper().replace("EXAMPLE.COM", "example.com")):
        with pytest.raises(EmailTaken):
            await sessions.register(registration(email=email), Caller())


async def test_of_two_who_register_an_address_at_once_one_does(sessions: SessionService) -> None:
    wanted = registration()
    results = await asyncio.gather(*(sessions.register(wanted, Caller()) for _ in range(2)), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["EmailTaken", "SignedIn"]


@pytest.mark.parametrize("spelled", [str.lower, str.upper, str.title])
async def test_the_case_of_an_address_does_not_matter(
    sessions: SessionService, owner: Client, spelled: Callable[[str], str]
) -> None:
    assert (await sign_in(sessions, spelled(owner.email))).user.id == owner.user_id


async def test_each_sign_in_is_a_session_of_its_own(
    sessions: SessionService, database: Database, owner: Client
) -> None:
    one, other = [await sign_in(sessions, owner.email) for _ in range(2)]

    assert len({owner.session_id, who(one).grant_id, who(other).grant_id}) == 3
    assert (await row_of(database, one.refresh_token))["device"] == "a browser"
    assert (await row_of(database, one.refresh_token))["user_id"] == owner.user_id


@pytest.mark.parametrize("known", [True, False], ids=["wrong password", "unknown address"])
async def test_a_wrong_guess_is_refused_after_one_verification(
    sessions: SessionService, owner: Client, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    verified = []
    verify = PasswordHasher.verify

    def watched(self: PasswordHasher, encoded: Any, password: Any) -> Any:
        verified.append(password)
        return verify(self, encoded, password)

    monkeypatch.setattr(PasswordHasher, "verify", watched)

    with pytest.raises(InvalidCredentials) as refusal:
        await sign_in(sessions, owner.email if known else "nobody@example.com", "a wrong guess")
    assert verified == ["a wrong guess"]
    assert str(refusal.value) == InvalidCredentials.title


async def test_whoever_signs_in_elsewhere_has_no_password_to_guess(
    sessions: SessionService, database: Database, owner: Client
) -> None:
    await execute(database, "UPDATE users SET password_hash = NULL WHERE id = :id", id=owner.user_id)

    for guess in ("", PASSWORD):
        with pytest.raises(InvalidCredentials):
            await sign_in(sessions, owner.email, guess)


async def test_a_refresh_token_is_spent_on_the_next_pair(sessions: SessionService, owner: Client) -> None:
    tokens = [owner.refresh_token]
    for _ in range(3):
        pair = await sessions.refresh(tokens[-1], Caller())
        principal = AccessTokens(SECRET).identify(pair.access_token)
        assert (principal.user_id, principal.grant_id) == (owner.user_id, owner.session_id)
        tokens.append(pair.refresh_token)

    assert len(set(tokens)) == 4
    assert not await refused(sessions, tokens[-1])


async def test_a_token_that_was_spent_long_ago_ends_the_session(
    sessions: SessionService, database: Database, owner: Client
) -> None:
    newest = (await sessions.refresh(owner.refresh_token, Caller())).refresh_token
    await later(database, newest, "rotated_at", timedelta(seconds=11))

    assert await refused(sessions, owner.refresh_token)
    assert await refused(sessions, newest)
    assert (await row_of(database, newest))["revoked_at"] is not None


async def test_a_token_two_rotations_old_ends_the_session_at_once(sessions: SessionService, owner: Client) -> None:
    second = (await sessions.refresh(owner.refresh_token, Caller())).refresh_token
    newest = (await sessions.refresh(second, Caller())).refresh_token

    assert await refused(sessions, owner.refresh_token)
    assert await refused(sessions, newest)


async def test_two_tabs_that_refresh_at_once_get_the_same_token(sessions: SessionService, owner: Client) -> None:
    pairs = await asyncio.gather(*(sessions.refresh(owner.refresh_token, Caller()) for _ in range(4)))

    assert len({pair.refresh_token for pair in pairs}) == 1
    assert len({pair.access_token for pair in pairs}) == 4
    assert not await refused(sessions, pairs[0].refresh_token)


async def test_a_spent_token_has_a_successor_only_while_that_is_the_newest(
    sessions: SessionService, owner: Client
) -> None:
    successor = (await sessions.refresh(owner.refresh_token, Caller())).refresh_token
    await sessions.refresh(successor, Caller())

    assert await refused(sessions, owner.refresh_token)


@pytest.mark.parametrize(("column", "days"), [("idle_expires_at", 30), ("expires_at", 365)])
async def test_a_session_ends_when_its_time_is_over(
    sessions: SessionService, database: Database, owner: Client, column: str, days: int
) -> None:
    await later(database, owner.refresh_token, column, timedelta(days=days))

    assert await refused(sessions, owner.refresh_token)


async def test_using_a_session_keeps_it_from_idling_but_not_from_ending(
    sessions: SessionService, database: Database, owner: Client
) -> None:
    await later(database, owner.refresh_token, "idle_expires_at", timedelta(days=29))
    before = await row_of(database, owner.refresh_token)
    await sessions.refresh(owner.refresh_token, Caller())
    after = await row_of(database, owner.refresh_token)

    assert (after["idle_expires_at"] - before["idle_expires_at"]).days >= 29
    assert after["expires_at"] == before["expires_at"]


def sessions_of(app: FastAPI, owner: UUID) -> OpenSessionService:
    return OpenSessionService(app.state.database, app.state.revocations, owner)


async def test_whoever_signed_out_stays_so(
    app: FastAPI, sessions: SessionService, database: Database, owner: Client
) -> None:
    principal = Principal(owner.user_id, owner.session_id, 0)
    await sessions_of(app, owner.user_id).sign_out(principal, Caller())
    ended = (await row_of(database, owner.refresh_token))["revoked_at"]
    await sessions_of(app, owner.user_id).sign_out(principal, Caller())

    assert await refused(sessions, owner.refresh_token)
    assert (await row_of(database, owner.refresh_token))["revoked_at"] == ended


async def test_nobody_signs_out_anyone_else(
    app: FastAPI, sessions: SessionService, owner: Client, stranger: Client
) -> None:
    for user_id in (stranger.user_id, uuid7()):
        await sessions_of(app, user_id).sign_out(Principal(user_id, owner.session_id, 0), Caller())

    assert not await refused(sessions, owner.refresh_token)


async def test_a_token_proves_a_right_only_to_its_own_session(
    sessions: SessionService, owner: Client, stranger: Client
) -> None:
    mine, theirs = RefreshToken.parse(owner.refresh_token), RefreshToken.parse(stranger.refresh_token)
    forged = [
        RefreshToken(stranger.user_id, mine.session_id, mine.secret),
        RefreshToken(owner.user_id, theirs.session_id, mine.secret),
        RefreshToken(owner.user_id, uuid7(), mine.secret),
    ]

    assert [await refused(sessions, str(token)) for token in forged] == [True] * 3
    assert not await refused(sessions, owner.refresh_token)
    assert not await refused(sessions, stranger.refresh_token)


async def test_of_a_refresh_token_the_hash_is_kept_and_that_of_the_one_before(
    sessions: SessionService, database: Database, owner: Client
) -> None:
    newest = (await sessions.refresh(owner.refresh_token, Caller())).refresh_token
    row = await row_of(database, newest)

    assert row["token_hash"] == RefreshToken.parse(newest).hash()
    assert row["parent_hash"] == RefreshToken.parse(owner.refresh_token).hash()


async def test_what_is_logged_tells_whose_session_it_was_and_no_secret(
    app: FastAPI, sessions: SessionService, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    wanted = registration()
    signed_in = await sessions.register(wanted, BROWSER)
    again = await sign_in(sessions, wanted.email)
    pair = await sessions.refresh(again.refresh_token, Caller())
    await sessions_of(app, again.user.id).sign_out(who(again), Caller())
    with pytest.raises(InvalidCredentials):
        await sign_in(sessions, wanted.email, "a wrong guess")

    events = [event for event in logged() if not event["event"].startswith("mail.")]
    assert [event["event"] for event in events] == [
        "user.registered",
        "session.opened",
        "session.refreshed",
        "session.closed",
        "session.refused",
    ]
    assert {event["user_id"] for event in events if "user_id" in event} == {str(signed_in.user.id)}
    secrets = [wanted.email, PASSWORD, "a wrong guess", again.refresh_token, pair.refresh_token, pair.access_token]
    assert not any(secret in str(events) for secret in secrets)


async def test_a_password_that_is_changed_while_it_is_verified_opens_no_session(
    sessions: SessionService, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = await sessions.register(registration(), Caller())
    verify = Passwords.verify

    async def verified_too_late(self: Passwords, password: str, encoded: str | None) -> bool:
        correct = await verify(self, password, encoded)
        await execute(database, "UPDATE users SET password_hash = 'x' WHERE id = :id", id=registered.user.id)
        return correct

    monkeypatch.setattr(Passwords, "verify", verified_too_late)
    with pytest.raises(InvalidCredentials):
        await sign_in(sessions, registered.user.email or "")

    rows = await execute(database, "SELECT id FROM sessions WHERE user_id = :id", id=registered.user.id)
    assert len(rows.all()) == 1, "the one of the registration"
