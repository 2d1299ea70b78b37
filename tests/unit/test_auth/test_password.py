"""Passwords are hashed with argon2id, and hashing one holds up nobody else."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import argon2
import pytest
from argon2 import PasswordHasher

from backend.auth.password import NICENESS, Passwords
from backend.domain.errors import Overloaded
from tests.factories.clients import PASSWORD, PASSWORD_HASH


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords()
    yield passwords
    passwords.close()


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that are verified against, as they are."""
    seen: list[str] = []
    verify = PasswordHasher.verify

    def watched(self: PasswordHasher, encoded: Any, password: Any) -> Any:
        seen.append(encoded)
        return verify(self, encoded, password)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    return seen


class Hold:
    """Keeps argon2 from finishing until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = asyncio.Event()
        self.threads: set[int] = set()
        self.native_ids: set[int] = set()
        self._go_on = threading.Event()
        loop = asyncio.get_running_loop()
        hash_password = PasswordHasher.hash

        def held(hasher: PasswordHasher, password: Any, **options: Any) -> str:
            self.threads.add(threading.get_ident())
            self.native_ids.add(threading.get_native_id())
            loop.call_soon_threadsafe(self.begun.set)
            assert self._go_on.wait(10), "the loop that would let go is held up itself"
            return hash_password(hasher, password, **options)

        monkeypatch.setattr(PasswordHasher, "hash", held)

    def let_go(self) -> None:
        self._go_on.set()


@pytest.fixture
async def hold(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hold]:
    hold = Hold(monkeypatch)
    yield hold
    hold.let_go()


async def test_a_hash_is_argon2id_at_the_recommended_cost(passwords: Passwords) -> None:
    parameters = argon2.extract_parameters(await passwords.hash(PASSWORD, ()))

    assert parameters.type is argon2.Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)


async def test_a_hash_is_salted_and_does_not_show_the_password(passwords: Passwords) -> None:
    one, other = await passwords.hash(PASSWORD, ()), await passwords.hash(PASSWORD, ())

    assert one != other
    assert PASSWORD not in one


async def test_the_password_matches_its_hash_and_no_other_does(passwords: Passwords) -> None:
    encoded = await passwords.hash(PASSWORD, ())

    assert await passwords.verify(PASSWORD, encoded) is True
    for other in ("", PASSWORD.upper(), PASSWORD + " ", PASSWORD[:-1], encoded):
        assert await passwords.verify(other, encoded) is False


@pytest.mark.parametrize(
    ("typed", "match"),
    [
        pytest.param("\u00e9clair au caf\u00e9", True, id="composed"),
        pytest.param("e\u0301clair au cafe\u0301", True, id="decomposed"),
        pytest.param("eclair au cafe", False, id="without accents"),
    ],
)
async def test_a_password_is_the_same_however_a_keyboard_composes_it(
    passwords: Passwords, typed: str, match: bool
) -> None:
    for encoded in (
        await passwords.hash("\u00e9clair au caf\u00e9", ()),
        await passwords.hash("e\u0301clair au cafe\u0301", ()),
    ):
        assert await passwords.verify(typed, encoded) is match


async def test_every_one_of_256_characters_counts(passwords: Passwords) -> None:
    long = "\u00e9" * 255
    encoded = await passwords.hash(long + "a", ())

    assert await passwords.verify(long + "a", encoded) is True
    for other in (long + "b", long, "e\u0301" * 255 + "b"):
        assert await passwords.verify(other, encoded) is False


@pytest.mark.parametrize("encoded", [PASSWORD_HASH, None], ids=["known", "unknown"])
async def test_an_unknown_user_costs_the_same_verification_as_a_known_one(
    passwords: Passwords, verifications: list[str], encoded: str | None
) -> None:
    assert await passwords.verify("a wrong guess", encoded) is False

    (verified,) = verifications
    assert argon2.extract_parameters(verified) == argon2.extract_parameters(await passwords.hash("x", ()))


async def test_the_verification_for_nobody_becomes_dearer_with_the_others(
    passwords: Passwords, verifications: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.auth.password._HASHER", PasswordHasher(time_cost=3, memory_cost=64, parallelism=2))

    assert await passwords.verify("a wrong guess", None) is False

    parameters = argon2.extract_parameters(verifications[0])
    assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) == (3, 64, 2)
    assert parameters == argon2.extract_parameters(await passwords.hash(PASSWORD, ()))


async def test_a_hash_of_less_than_todays_cost_is_renewed_and_no_other(passwords: Passwords) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)

    renewed = await passwords.renewed(PASSWORD, cheap)

    assert renewed is not None
    assert await passwords.verify(PASSWORD, renewed) is True
    assert await passwords.renewed(PASSWORD, renewed) is None


async def test_nobody_has_a_password(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PasswordHasher, "verify", lambda *_: True)

    assert await passwords.verify("whatever the dummy stands for", None) is False


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param("x", id="text"),
        pytest.param(PASSWORD, id="the password itself"),
        pytest.param("$argon2id$", id="cut off"),
        pytest.param(PASSWORD_HASH[:-1], id="one character short"),
        pytest.param(PASSWORD_HASH.replace("argon2id", "argon2i"), id="another argon2"),
        pytest.param("$2b$12$C6UzMDM.H6dfI/f/IKcEeO7ZfK4jHcKkTz1xPF1J4o8ZbGq0M0e6K", id="bcrypt"),
        pytest.param("$argon2id$\u00e9", id="not ASCII"),
        pytest.param("$argon2id$v=19$m=0,t=0,p=0$AAAA$AAAA", id="parameters of nothing"),
    ],
)
async def test_a_hash_that_cannot_be_read_matches_nothing(passwords: Passwords, encoded: str) -> None:
    assert await passwords.verify(PASSWORD, encoded) is False


async def test_others_go_on_while_a_password_is_hashed(passwords: Passwords, hold: Hold) -> None:
    hashing = asyncio.create_task(passwords.hash(PASSWORD, ()))
    await hold.begun.wait()
    assert not hashing.done()
    hold.let_go()

    assert (await hashing).startswith("$argon2id$")
    assert threading.get_ident() not in hold.threads


async def test_passwords_are_hashed_one_at_a_time(passwords: Passwords, hold: Hold) -> None:
    hold.let_go()
    await asyncio.gather(*(passwords.hash(PASSWORD, ()) for _ in range(4)))

    assert len(hold.threads) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority belongs to the process")
async def test_hashing_gives_way_to_whatever_else_there_is_to_do(passwords: Passwords, hold: Hold) -> None:
    hold.let_go()
    await passwords.hash(PASSWORD, ())

    (thread,) = hold.native_ids
    ours = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert os.getpriority(os.PRIO_PROCESS, thread) == max(NICENESS, ours)


async def test_whoever_finds_the_queue_full_is_turned_away_and_may_come_again(hold: Hold) -> None:
    passwords = Passwords(queue_limit=2)
    waiting = [asyncio.create_task(passwords.hash(PASSWORD, ())) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded):
        await passwords.hash(PASSWORD, ())
    with pytest.raises(Overloaded):
        await passwords.verify(PASSWORD, None)
    hold.let_go()
    await asyncio.gather(*waiting)
    assert await passwords.verify(PASSWORD, PASSWORD_HASH) is True
    passwords.close()


async def test_a_failure_leaves_its_place_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(queue_limit=1)
    monkeypatch.setattr(PasswordHasher, "hash", lambda *_: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await passwords.hash(PASSWORD, ())
    passwords.close()


async def test_whoever_gives_up_waiting_leaves_their_place_in_the_queue(hold: Hold) -> None:
    passwords = Passwords(queue_limit=2)
    waiting = [asyncio.create_task(passwords.hash(PASSWORD, ())) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.wait([waiting[1]])

    third = asyncio.create_task(passwords.hash(PASSWORD, ()))
    hold.let_go()
    assert await third
    assert await waiting[0]
    passwords.close()
