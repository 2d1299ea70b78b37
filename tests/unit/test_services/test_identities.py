"""Who signs in elsewhere is one user here: from the first request, however many come at once, and nobody else."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from backend.auth.principal import Caller, ForeignSubject, TokenRevoked
from backend.database.session import Database
from backend.services import identities as module
from backend.services.identities import NAMELESS, Identities, identity_id
from backend.services.revocations import RETENTION, Revocations
from tests.factories.clients import Client

ISSUER = "https://app.example.com"
BROWSER = Caller("192.0.2.1", "a browser")


@pytest.fixture
def revocations(app: FastAPI) -> Revocations:
    revocations: Revocations = app.state.revocations
    return revocations


@pytest.fixture
def identities(database: Database, revocations: Revocations) -> Identities:
    """Nobody is known yet."""
    return Identities(database, revocations)


def somebody(**others: Any) -> ForeignSubject:
    told = {"issuer": ISSUER, "subject": uuid4().hex, "expires_at": int(time.time()) + 900, "name": "Ada"}
    return ForeignSubject(**{**told, **others})


async def rows(database: Database, statement: str, **values: Any) -> list[Any]:
    async with database.begin() as session:
        return list((await (await session.connection()).execute(text(statement), values)).mappings())


async def users_of(database: Database, who: ForeignSubject) -> list[Any]:
    joined = "SELECT u.*, i.id AS identity FROM identities i JOIN users u ON u.id = i.user_id"
    return await rows(database, f"{joined} WHERE issuer = :i AND subject = :s", i=who.issuer, s=who.subject)


async def test_who_comes_first_becomes_a_user(database: Database, identities: Identities) -> None:
    who = somebody(name="  Ada Lovelace ")
    principal = await identities.find(who, BROWSER)

    (user,) = await users_of(database, who)
    assert (principal.user_id, principal.grant_id, principal.kind) == (user["id"], user["identity"], "identity")
    assert (principal.expires_at, principal.scope) == (who.expires_at, None)
    assert (user["name"], user["email"], user["password_hash"]) == ("Ada Lovelace", None, None)
    assert await rows(database, "SELECT revision FROM revisions WHERE user_id = :id", id=user["id"]) == [
        {"revision": 0}
    ]
    (entry,) = await rows(database, "SELECT * FROM audit_log WHERE user_id = :id", id=user["id"])
    assert (entry["event"], entry["grant_id"], entry["address"]) == (
        "user.registered",
        principal.grant_id,
        BROWSER.address,
    )
    assert entry["details"] == {"issuer": ISSUER}


async def test_who_comes_again_is_the_same(
    database: Database, revocations: Revocations, identities: Identities
) -> None:
    who = somebody()
    principal = await identities.find(who, BROWSER)
    later = somebody(subject=who.subject, expires_at=who.expires_at + 900, name="Another name")

    assert identities.known(who) == principal
    again = identities.known(later)
    assert again is not None
    assert (again.user_id, again.expires_at) == (principal.user_id, later.expires_at)
    assert await Identities(database, revocations).find(later, BROWSER) == again
    assert [user["name"] for user in await users_of(database, who)] == ["Ada"]


async def test_the_same_subject_of_another_issuer_is_somebody_else(identities: Identities) -> None:
    who = somebody()
    other = somebody(subject=who.subject, issuer="https://login.example.com")
    # Put together these would be the same.
    confusing = somebody(issuer=ISSUER + who.subject[:1], subject=who.subject[1:])

    found = [await identities.find(person, BROWSER) for person in (who, other, confusing)]
    assert len({principal.user_id for principal in found}) == len({principal.grant_id for principal in found}) == 3


@pytest.mark.parametrize("subject", ["x", "X", "x ", " x", "x" * 255, "' OR 1=1 --", "%", "null"])
async def test_a_subject_is_taken_to_the_letter(identities: Identities, database: Database, subject: str) -> None:
    issuer = f"https://{uuid4().hex}.example.com"
    who = somebody(issuer=issuer, subject=subject)
    principal = await identities.find(who, BROWSER)

    assert [user["id"] for user in await users_of(database, who)] == [principal.user_id]
    assert identities.known(somebody(issuer=issuer, subject=subject.swapcase() + "y")) is None


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("Ada", "Ada"),
        (None, NAMELESS),
        ("", NAMELESS),
        ("  ", NAMELESS),
        ("x" * 255, "x" * 255),
        ("x" * 256, NAMELESS),
        ("A\0da", NAMELESS),
        ("\ud800", NAMELESS),
        ("e\u0301", "\u00e9"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
    ids=ascii,
)
async def test_a_name_is_taken_if_it_is_fit_for_one(
    database: Database, identities: Identities, name: str | None, taken: str
) -> None:
    who = somebody(name=name)
    await identities.find(who, BROWSER)

    assert [user["name"] for user in await users_of(database, who)] == [taken]


async def test_first_requests_that_race_make_one_user(app: FastAPI, database: Database) -> None:
    who = somebody()
    workers = [Identities(database, app.state.revocations) for _ in range(20)]
    before = await rows(database, "SELECT count(*) FROM users")
    found = await asyncio.gather(*(worker.find(who, BROWSER) for worker in workers))

    assert len(set(found)) == 1
    assert [user["id"] for user in await users_of(database, who)] == [found[0].user_id]
    after = await rows(database, "SELECT count(*) FROM users")
    assert after[0]["count"] - before[0]["count"] == 1


async def test_of_two_who_make_the_user_the_second_finds_the_first(
    database: Database, identities: Identities, owner: Client
) -> None:
    who = somebody()
    async with database.begin() as session:
        await (await session.connection()).execute(
            text("INSERT INTO identities (user_id, id, issuer, subject) VALUES (:user, :id, :issuer, :subject)"),
            {"user": owner.user_id, "id": identity_id(who), "issuer": who.issuer, "subject": who.subject},
        )
        second = asyncio.create_task(identities.find(who, BROWSER))
        await _waits_for_a_lock(database)
        assert not second.done()

    assert (await second).user_id == owner.user_id
    assert len(await users_of(database, who)) == 1


async def _waits_for_a_lock(database: Database) -> None:
    async with asyncio.timeout(10):
        while not await database.fast.run("SELECT FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.01)


async def test_who_has_gone_does_not_come_back_with_an_old_token(
    database: Database, revocations: Revocations, identities: Identities
) -> None:
    who = somebody()
    principal = await identities.find(who, BROWSER)
    async with database.begin() as session:
        await (await session.connection()).execute(text("DELETE FROM users WHERE id = :id"), {"id": principal.user_id})
        await revocations.end(session, [principal.grant_id])

    # In a process that has never heard of them either.
    with pytest.raises(TokenRevoked):
        await Identities(database, revocations).find(who, BROWSER)
    assert await users_of(database, who) == []


async def test_only_so_many_people_are_remembered_and_not_for_ever(
    identities: Identities, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    first, second, third = (somebody() for _ in range(3))
    await identities.find(first, BROWSER)
    await identities.find(second, BROWSER)
    assert identities.known(first)
    await identities.find(third, BROWSER)
    assert [identities.known(who) is not None for who in (first, second, third)] == [True, False, True]

    now = time.monotonic()
    monkeypatch.setattr(module, "monotonic", lambda: now + module.REMEMBERED_FOR + 1)
    assert identities.known(first) is None


def test_people_are_forgotten_before_it_is_that_they_have_gone() -> None:
    assert RETENTION.total_seconds() > module.REMEMBERED_FOR


async def test_who_is_locked_out_stays_so(database: Database, identities: Identities) -> None:
    who = somebody()
    principal = await identities.find(who, BROWSER)
    async with database.begin() as session:
        statement = text("UPDATE users SET disabled_at = now() WHERE id = :id")
        await (await session.connection()).execute(statement, {"id": principal.user_id})

    with pytest.raises(TokenRevoked):
        await identities.find(who, BROWSER)


async def test_an_identity_ends_with_all_that_a_user_has(
    database: Database, revocations: Revocations, identities: Identities
) -> None:
    principal = await identities.find(somebody(), BROWSER)
    async with database.begin() as session:
        await revocations.end_all_of(session, principal.user_id)

    with pytest.raises(TokenRevoked):
        await revocations.check(principal)
