"""Password hashing: argon2id, off the event loop, in one thread with a bounded queue."""

import asyncio
import os
import secrets
import sys
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from backend.auth.password_rules import refuse_guessable
from backend.domain.errors import Overloaded

# OWASP's recommended floor: 19 MiB, 2 passes, 1 lane. The library's defaults cost seven times the CPU.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


NICENESS: Final = 10
"""Of the hashing thread: whoever reads a task is served before whoever signs in. On a machine that is busy to the full,
others wait as if nobody signed in; with 19 they do not wait less, and sign-ins take three times as long (measured)."""


class Passwords:
    """Hashes and verifies without holding up anyone else's request.

    One thread a worker: hashing in many starves the event loop (p99 of other requests 107 ms against 1 ms, measured).
    Where processors are scarce, it has what the others leave.
    Raises `Overloaded` when `queue_limit` are waiting already.
    """

    def __init__(self, queue_limit: int = 100) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="password", initializer=_be_nice)
        self._queue_limit = queue_limit
        self._waiting = 0

    async def hash(self, password: str, about: Iterable[str], field: str = "password") -> str:
        """The argon2id hash of a password that somebody chooses, in the encoded form that carries its own parameters.

        Raises `InvalidInput`, naming `field`, when others would guess it: `about` is what they know of its owner.
        """
        return await self._run(_hash_chosen, password, tuple(about), field)

    async def verify(self, password: str, encoded: str | None) -> bool:
        """Whether this is the password. Takes as long when there is no hash to compare with."""
        matches = await self._run(_matches, password, encoded or _nobodys())
        return matches and encoded is not None

    async def renewed(self, password: str, encoded: str) -> str | None:
        """The hash of a password that has just been verified, if `encoded` was made at a lower cost than today's."""
        return await self._run(_hash, password) if _HASHER.check_needs_rehash(encoded) else None

    def close(self) -> None:
        """Stop the thread; what is queued is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _run[*Arguments, Result](
        self, function: Callable[[*Arguments], Result], *arguments: *Arguments
    ) -> Result:
        if self._waiting >= self._queue_limit:
            raise Overloaded
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    # The same password typed on two keyboards may differ in composition (NIST SP 800-63B section 3.1.1.2).
    return unicodedata.normalize("NFC", password)


def _be_nice() -> None:
    # Elsewhere, a priority belongs to the process and not to one of its threads.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # Never less than it has from whoever started us: only root may take that back.
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def _nobodys() -> str:
    """What is verified when there is no such user: the form of a hash, of today's cost, which no password has."""
    cost = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    salt, digest = (
        b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in (_HASHER.salt_len, _HASHER.hash_len)
    )
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${digest}"


def _hash_chosen(password: str, about: Iterable[str], field: str) -> str:
    refuse_guessable(_normal(password), about, field)
    return _hash(password)


def _hash(password: str) -> str:
    return _HASHER.hash(_normal(password))


def _matches(password: str, encoded: str) -> bool:
    try:
        return _HASHER.verify(encoded, _normal(password))
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
