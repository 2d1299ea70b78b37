"""How often somebody may try to sign in: growing delays, counted where all workers and instances see them.

Each attempt is counted before the password is looked at, so that many at once are no way around it, and in a
transaction of its own, so that no refusal takes it back. Who signs in is forgiven. What is counted is what was typed,
whether or not there is such an account (docs/decisions/0013).
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, cast

import structlog

from backend.config.rates import Rate
from backend.database.fast_lane import FastLane
from backend.database.gate import Gate
from backend.domain.errors import RateLimited, TooManyAttempts, TooManyRequests
from backend.domain.throttling import Allowance, Change, account_of, network_of
from backend.services.forgiving import forgiving

if TYPE_CHECKING:
    from backend.services.counters import Counts, RedisBeforePostgres

log = structlog.get_logger()

HOUR = 3_600
DAY = 24 * HOUR

PAIR = Allowance(free=5, window=DAY)
"""Of one account from one address: a person who does not remember which password it was."""

ACCOUNT = Allowance(free=50, window=DAY)
"""Of one account from all addresses where it has not signed in before: a guess spread over many machines."""

ADDRESS = Allowance(free=100, window=HOUR)
"""Of one address with all accounts that have not signed in there before: one password tried on many people."""

SIGNING_IN = 1
"""How many sign-ins a worker works on at a time. With two, the hashing thread never rests, all are in hardly earlier,
and reads beside them wait three times as long (measured)."""

QUEUE_LIMIT = 300
"""How many more may wait for their turn, which takes a worker about 30 ms each; the next one is refused."""

IN_LINE = 10
"""How many of one network (`network_of`) may have or await their turn at a worker: one who asks over and over, with the
right password or a wrong one, must not fill the queue. One more is refused; none is where there is no rate."""

DEADLINE = 30.0
"""Seconds after which whoever waits for a turn has given up."""

KNOWN_FOR = 30 * DAY
"""Seconds for which an address is known to an account that has signed in there."""


@dataclass(frozen=True, slots=True)
class _Counter:
    name: str
    allowance: Allowance

    @property
    def tries(self) -> str:
        return f"tries:{self.name}"

    @property
    def wait(self) -> str:
        return f"wait:{self.name}"


class Attempt:
    """An attempt to sign in that may go on. Unless it is said to have succeeded, it has failed."""

    def __init__(self, counts: "Counts", forgiven: "Sequence[Change]") -> None:
        self._counts = counts
        self._forgiven = forgiven

    async def succeeded(self) -> None:
        """Forgive the account its failures. The address keeps those of other accounts.

        Raises nothing: see `forgiving`.
        """
        async with forgiving():
            await self._counts.count(self._forgiven)


class Throttle:
    """Counts what is asked without being signed in: sign-ups, sign-ins, resets; and lets them take turns.

    Its counts are in Redis where there is one, else in PostgreSQL. Names in them are hashed under `key`.
    """

    def __init__(self, lane: FastLane, key: bytes, rate: Rate | None, redis_url: str | None) -> None:
        self._lane = lane
        self._key = hmac.digest(key, b"donewell throttle", "sha256")
        self._rate = rate
        self._redis_url = redis_url
        self._redis: RedisBeforePostgres | None = None
        self._opened: Counts | None = None
        self._turns = Gate(SIGNING_IN, QUEUE_LIMIT, DEADLINE)
        self._in_line: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self, address: str | None) -> AsyncIterator[None]:
        """Around the work of a sign-up or sign-in: few have their turn at once. Raises as the gate does, and
        `RateLimited` when more of the address's network wait than may, unless there is no rate for it.
        """
        network = _network(address)
        others = self._in_line.get(network, 0)
        if others >= IN_LINE and self._rate is not None:
            raise RateLimited
        self._in_line[network] = others + 1
        try:
            async with self._turns.enter():
                yield
        finally:
            self._in_line[network] -= 1
            if not self._in_line[network]:
                del self._in_line[network]

    async def admit(self, address: str | None) -> None:
        """Count a request of an address. Raises `RateLimited` when there have been more than may be."""
        if self._rate is not None:
            counts, name = await self._counts(), self._rated(_network(address))
            await self._refuse_beyond_rate(name, await counts.count([Change(name, self._rate.seconds)]))

    async def attempt(self, account: str, address: str | None, *, admitting: bool = False) -> Attempt:
        """Count an attempt to sign in to an account, by the name that was typed. Raises `TooManyAttempts`; with
        `admitting`, also as `admit` does, and the two are counted together.
        """
        counts = await self._counts()
        account, network = account_of(account), _network(address)
        pair = self._hashed("pair", account, network)
        counters = (
            _Counter(pair, PAIR),
            _Counter(self._hashed("account", account), ACCOUNT),
            _Counter(self._hashed("address", network), ADDRESS),
        )
        # Where somebody has signed in before, no failures elsewhere or of others keep them out.
        changes = [Change(each.tries, each.allowance.window, new_only=each.allowance is not PAIR) for each in counters]
        rated = self._rated(network)
        if admitting and self._rate is not None:
            changes.append(Change(rated, self._rate.seconds))
        tries = await counts.count(changes, known=f"known:{pair}")
        counted = [counter for counter in counters if counter.tries in tries]
        waits: list[Change] = []
        try:
            await self._refuse_beyond_rate(rated, tries)
            for counter in counted:
                waits += await _wait(counts, counter, tries[counter.tries])
        except TooManyRequests as refusal:
            log.info("attempt.refused", retry_after=refusal.retry_after)
            # It was not looked at: nobody has to wait longer for it.
            await counts.count([Change(each.tries, each.allowance.window, -1) for each in counted] + waits)
            raise
        return Attempt(counts, [*_forgiven(counted, f"known:{pair}"), *waits])

    async def _refuse_beyond_rate(self, name: str, counted: Mapping[str, int]) -> None:
        if self._rate is not None and counted.get(name, 0) > self._rate.requests:
            raise RateLimited(await (await self._counts()).seconds_left(name))

    async def remember(self, account: str, address: str | None) -> None:
        """The account was opened at the address, or given a new password there: what failed before is forgiven, and the
        address is known to it. Raises nothing: see `forgiving`.
        """
        pair = _Counter(self._hashed("pair", account_of(account), _network(address)), PAIR)
        forgiven = [Change(pair.tries, 0, 0), Change(pair.wait, 0, 0), Change(f"known:{pair.name}", KNOWN_FOR)]
        async with forgiving():
            await (await self._counts()).count(forgiven)

    async def close(self) -> None:
        """Give up the connections to Redis."""
        if self._redis is not None:
            await self._redis.close()

    async def _counts(self) -> "Counts":
        if self._opened is None:
            # In a thread: it takes 25 ms to import, which a start does not pay and no other request should.
            module = await asyncio.to_thread(import_module, "backend.services.counters")
            self._open(module)
        return cast("Counts", self._opened)

    def _open(self, module: ModuleType) -> None:
        if self._opened is None:
            self._opened = postgres = module.PostgresCounts(self._lane)
            if self._redis_url is not None:
                self._opened = self._redis = module.RedisBeforePostgres(self._redis_url, postgres)

    def _rated(self, network: str) -> str:
        return f"rate:{self._hashed('rate', network)}"

    def _hashed(self, *parts: str) -> str:
        return hmac.digest(self._key, "\0".join(parts).encode(), "sha256").hex()


async def _wait(counts: "Counts", counter: _Counter, tries: int) -> list[Change]:
    """Have the next attempt wait, if there were so many; gives what takes that back. Raises `TooManyAttempts` if this
    one has to wait itself.
    """
    delay = counter.allowance.delay_after(tries)
    if not delay:
        return []
    if (await counts.count([Change(counter.wait, delay)]))[counter.wait] > 1:
        raise TooManyAttempts(await counts.seconds_left(counter.wait))
    return [Change(counter.wait, 0, 0)]


def _forgiven(counted: Sequence[_Counter], known: str) -> list[Change]:
    changes = [
        Change(counter.tries, counter.allowance.window, -1)
        if counter.allowance is ADDRESS
        else Change(counter.tries, 0, 0)
        for counter in counted
    ]
    return changes if len(counted) == 1 else [*changes, Change(known, KNOWN_FOR)]


def _network(address: str | None) -> str:
    return network_of(address) if address else ""
