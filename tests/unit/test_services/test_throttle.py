"""Attempts to sign in are counted where everybody sees them, and cost more and more time."""

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from backend.config.rates import Rate
from backend.database.session import Database
from backend.domain.errors import RateLimited, TooManyAttempts
from backend.domain.throttling import LONGEST_DELAY, account_of
from backend.services import counters
from backend.services.throttle import ACCOUNT, ADDRESS, PAIR, Throttle
from tests.factories.databases import execute
from tests.integration.test_database.stage import connected

KEY = b"a key of the tests"
LONG_WAIT = 9
"""So many failures beyond the free ones, and what follows the next one is minutes."""

type Make = Callable[..., Awaitable[Throttle]]
type Later = Callable[[int], Awaitable[None]]


@pytest.fixture(params=["postgresql", "redis"])
def store(request: pytest.FixtureRequest, redis_url: str) -> str | None:
    """The Redis in which attempts are counted, or none: each test is run with both."""
    return redis_url if request.param == "redis" else None


@pytest.fixture
async def make(database_url: str, store: str | None) -> AsyncIterator[Make]:
    """Makes throttles as if each were in another process: with connections of its own."""
    databases: list[Database] = []
    throttles: list[Throttle] = []

    async def new(rate: Rate | None = None) -> Throttle:
        database = Database(database_url, pool_size=2, queue_limit=100, timeout=5)
        await database.open()
        databases.append(database)
        throttles.append(Throttle(database.fast, KEY, rate, store))
        return throttles[-1]

    yield new
    for throttle in throttles:
        await throttle.close()
    for database in databases:
        await database.close()


@pytest.fixture
async def throttle(make: Make) -> Throttle:
    return await make()


@pytest.fixture
def later(database_url: str, store: str | None) -> Later:
    """Lets so many seconds pass for everything that is counted."""

    async def pass_by(seconds: int) -> None:
        if store is None:
            past = f"interval '{seconds} seconds'"
            await execute(database_url, f"UPDATE rate_limits SET expires_at = expires_at - {past}")
            return
        async with Redis.from_url(store) as redis:
            async for key in redis.scan_iter("donewell*"):
                await redis.pexpire(key, max(1, await redis.pttl(key) - seconds * 1_000))
        await asyncio.sleep(0.01)

    return pass_by


def account() -> str:
    return f"{uuid4().hex}@example.com"


def address() -> str:
    """An address that no other test has, nor another of its network."""
    return f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1"


async def fail(throttle: Throttle, account: str, address: str | None, times: int = 1) -> None:
    for _ in range(times):
        await throttle.attempt(account, address)


async def wait_of(throttle: Throttle, account: str, address: str | None) -> int:
    """How long an attempt is to wait; it is refused."""
    with pytest.raises(TooManyAttempts) as refusal:
        await throttle.attempt(account, address)
    return refusal.value.retry_after


async def test_some_mistakes_are_free_and_each_further_one_costs_more_time(throttle: Throttle, later: Later) -> None:
    who, where = account(), address()
    await fail(throttle, who, where, PAIR.free)

    waits = []
    for _ in range(13):
        await fail(throttle, who, where)
        waits.append(await wait_of(throttle, who, where))
        await later(waits[-1])

    assert waits == pytest.approx([*(2**n for n in range(10)), *[LONGEST_DELAY] * 3], abs=1)


async def test_a_right_password_gets_in_once_the_delay_has_passed_and_is_forgiven(
    throttle: Throttle, later: Later
) -> None:
    who, where = account(), address()
    for _ in range(PAIR.free + 12):
        await fail(throttle, who, where)
        await later(LONGEST_DELAY)

    await (await throttle.attempt(who, where)).succeeded()

    await fail(throttle, who, where, PAIR.free + 1)
    assert await wait_of(throttle, who, where) == 1


async def test_a_new_password_is_waited_for_no_longer_where_it_was_set(throttle: Throttle) -> None:
    who, home, elsewhere = account(), address(), address()
    for where in (home, elsewhere):
        await fail(throttle, who, where, PAIR.free + 1)
        assert await wait_of(throttle, who, where) == 1

    await throttle.remember(who, home)

    await fail(throttle, who, home, PAIR.free + 1)
    assert await wait_of(throttle, who, elsewhere) == 1


async def test_what_is_refused_makes_nobody_wait_longer(throttle: Throttle, later: Later) -> None:
    who, where = account(), address()
    await fail(throttle, who, where, PAIR.free + 1)

    for _ in range(20):
        assert await wait_of(throttle, who, where) == 1
    await later(1)

    await fail(throttle, who, where)
    assert await wait_of(throttle, who, where) == 2


async def test_many_at_once_on_several_workers_are_no_way_around_it(
    make: Make, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nor is PostgreSQL to count where Redis is slow for want of a processor.
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", 10.0)
    who, where = account(), address()
    workers = [await make() for _ in range(4)]
    for number in range(PAIR.free + LONG_WAIT):
        await fail(workers[number % 4], who, where)
        await later(LONGEST_DELAY)

    results = await asyncio.gather(
        *(worker.attempt(who, where) for _ in range(10) for worker in workers), return_exceptions=True
    )

    refused = [result for result in results if isinstance(result, TooManyAttempts)]
    assert len(results) - len(refused) == 1, "and the next one in minutes, however slow the machine"


async def test_capitals_make_no_other_account(throttle: Throttle) -> None:
    who, where = account(), address()
    await fail(throttle, who, where, PAIR.free)
    await fail(throttle, who.upper(), where)

    assert await wait_of(throttle, who.capitalize(), where) == 1


async def test_whoever_locks_an_account_does_so_at_their_own_address(throttle: Throttle) -> None:
    who, attackers, owners = account(), address(), address()
    await fail(throttle, who, attackers, PAIR.free + 1)

    assert await wait_of(throttle, who, attackers) == 1
    await fail(throttle, who, owners)


async def test_of_ipv6_the_network_is_counted(throttle: Throttle) -> None:
    who, where = account(), address()
    for host in range(PAIR.free + 1):
        await fail(throttle, who, where.removesuffix("1") + str(host))

    assert await wait_of(throttle, who, where.removesuffix("1") + "ffff") == 1


async def test_a_guess_spread_over_many_addresses_waits_too_but_not_where_the_owner_has_been(
    throttle: Throttle, later: Later
) -> None:
    who, home = account(), address()
    await throttle.remember(who, home)
    for _ in range(ACCOUNT.free + 1):
        await fail(throttle, who, address())

    assert await wait_of(throttle, who, address()) == 1
    await fail(throttle, who, home)
    await later(1)
    await (await throttle.attempt(who, address())).succeeded()
    await fail(throttle, who, address())


async def test_signing_in_makes_an_address_known(throttle: Throttle) -> None:
    who, home = account(), address()
    await (await throttle.attempt(who, home)).succeeded()
    for _ in range(ACCOUNT.free + 1):
        await fail(throttle, who, address())

    assert await wait_of(throttle, who, address()) == 1
    await fail(throttle, who, home, PAIR.free)


async def test_one_password_tried_on_many_people_waits_too_but_keeps_no_neighbour_out(throttle: Throttle) -> None:
    where, neighbour = address(), account()
    await throttle.remember(neighbour, where)
    for _ in range(ADDRESS.free + 1):
        await fail(throttle, account(), where)

    assert await wait_of(throttle, account(), where) == 1
    assert await wait_of(throttle, account(), where.removesuffix("1") + "2") == 1
    await fail(throttle, neighbour, where)
    await fail(throttle, account(), address())


async def test_signing_in_as_oneself_does_not_buy_an_address_more_guesses(throttle: Throttle, later: Later) -> None:
    where, attacker = address(), account()
    for number in range(ADDRESS.free + 1):
        await fail(throttle, account(), where)
        if number % 10 == 0:
            await (await throttle.attempt(attacker, where)).succeeded()

    assert await wait_of(throttle, account(), where) == 1
    await later(1)
    await fail(throttle, account(), where)
    assert await wait_of(throttle, account(), where) == 2


async def test_an_address_may_ask_so_often_and_then_has_to_wait_for_the_time_to_be_over(
    make: Make, later: Later
) -> None:
    here, elsewhere = address(), address()
    workers = [await make(Rate(4, 60)) for _ in range(2)]

    for _ in range(2):
        for worker in workers:
            await worker.admit(here)
    for worker in workers:
        with pytest.raises(RateLimited) as refusal:
            await worker.admit(here)
        assert 58 <= refusal.value.retry_after <= 60
    await workers[0].admit(elsewhere)
    await later(60)
    await workers[0].admit(here)


async def test_without_a_rate_an_address_may_ask_as_often_as_it_likes(throttle: Throttle) -> None:
    where = address()
    for _ in range(50):
        await throttle.admit(where)


async def test_who_has_no_address_is_counted_too(throttle: Throttle) -> None:
    who = account()
    await fail(throttle, who, None, PAIR.free + 1)

    assert await wait_of(throttle, who, None) == 1


async def test_what_is_counted_names_nobody(throttle: Throttle, database_url: str, store: str | None) -> None:
    who, where = account(), address()
    await throttle.admit(where)
    await (await throttle.attempt(who, where)).succeeded()
    await fail(throttle, who, where)

    if store is None:
        async with connected(database_url) as connection:
            keys = [row["key"] for row in await connection.fetch("SELECT key FROM rate_limits")]
    else:
        async with Redis.from_url(store) as redis:
            keys = [key.decode() async for key in redis.scan_iter()]
    assert keys
    assert not [key for key in keys if who[:8] in key or where[:12] in key]
    assert all(re.fullmatch(r"(donewell:)?[a-z]+:[0-9a-f]{64}", key) for key in keys)


async def test_whatever_the_database_takes_for_the_same_name_is_counted_as_one(database: Database) -> None:
    """Else each way of typing an address would have free attempts of its own."""
    small = "SELECT chr(c) AS typed, lower(chr(c)) AS kept FROM generate_series(1, 1114111) c"
    rows = await database.fast.run(f"{small} WHERE c NOT BETWEEN 55296 AND 57343 AND chr(c) <> lower(chr(c))")

    # The database may know of younger letters, in which nobody can register.
    pairs = [(row["typed"], row["kept"]) for row in rows if unicodedata.category(row["typed"]) != "Cn"]
    assert len(pairs) > 1_000
    assert [typed for typed, kept in pairs if account_of(typed) != account_of(kept)] == []
