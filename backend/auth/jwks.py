"""Key sets of other issuers (RFC 7517): read without blocking, kept, and read anew before they are old."""

import asyncio
import math
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from http.client import OK
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeIs

import jwt
import msgspec
import structlog

from backend.config.issuers import TrustedIssuer
from backend.domain.errors import Unavailable

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger()

TIMEOUT = 2.0
"""Seconds that reading a key set may take, from looking up the host to the last byte."""

LARGEST = 64 * 1024
"""Bytes that a key set may have, counted as they come."""

LONGEST_KID = 255
"""Characters that the name of a key may have."""

MOST_KEYS = 50
"""How many keys of a set are looked at."""

FRESH = 600.0
"""Seconds after which a key set is read anew, beside the requests."""

STALE = 24 * 3600.0
"""Seconds for which keys are used while their issuer cannot be reached."""

REST = 10.0
LONGEST_REST = 60.0
"""Seconds between reads that unknown keys ask for: at first, and the most that doubling them comes to while nothing new
is found. A key that is made just after a read may have to wait so long.
"""

FIRST_RETRY = 1.0
LAST_RETRY = 60.0
"""Seconds from a failed read to the next: after the first failure, and the most that doubling them comes to."""

RSA_BITS = range(2048, 8192 + 1)
"""Shorter keys are weak (RFC 7518 section 3.3); longer ones take long to verify with."""


class IssuerUnavailable(Unavailable):
    code = "issuer_unavailable"
    title = "The keys of the access token's issuer cannot be read now; try again shortly"
    retry_after = 5


@dataclass(slots=True, eq=False)
class VerifyingKey:
    """What verifies a signature, by one algorithm and no other, until it is withdrawn."""

    algorithm: str
    material: Any
    withdrawn: bool = False


class KeySet:
    """The public keys of one issuer. One read at a time; all who need it wait for the same."""

    def __init__(self, issuer: TrustedIssuer) -> None:
        self._issuer = issuer
        self._keys: Mapping[str, VerifyingKey] = {}
        self._read_at = -math.inf
        self._rest_until = -math.inf
        self._failures = 0
        self._in_vain = 0
        """Reads in a row for the sake of keys that there are not."""
        self._reading: asyncio.Task[None] | None = None

    def is_usable(self) -> bool:
        """Whether there are keys to verify with. Old ones are read anew in the background."""
        age = monotonic() - self._read_at
        if age > FRESH:
            self._read_soon()
        return age <= STALE

    async def find(self, kid: str) -> VerifyingKey | None:
        """The key of this name, if the issuer has one. Raises `IssuerUnavailable` when that cannot be known."""
        if self.is_usable() and (key := self._keys.get(kid)):
            return key
        if reading := self._read_soon(kid):
            # Shielded, because others wait for it too.
            await asyncio.shield(reading)
        key = self._keys.get(kid) if self.is_usable() else None
        if key is None and self._failures:
            raise IssuerUnavailable
        return key

    async def close(self) -> None:
        """Give up a read that is under way."""
        if self._reading:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _read_soon(self, kid: str | None = None) -> asyncio.Task[None] | None:
        """The read that is under way, or a new one, perhaps for the sake of a key, unless it is too early for that."""
        if self._reading is None and monotonic() >= self._rest_until:
            self._reading = asyncio.create_task(self._read(kid))
        return self._reading

    async def _read(self, kid: str | None) -> None:
        # Counted as a failure until it has gone well: whatever goes wrong, the next read waits for its time.
        self._failures += 1
        try:
            changed = self._take(usable_keys(await _download(self._issuer.jwks_url), self._issuer.algorithms))
            # Anybody can make up names for keys. What has changed was worth reading, whoever asked.
            self._in_vain = 0 if changed or kid is None or kid in self._keys else self._in_vain + 1
        except _Unreadable as error:
            log.warning("issuer.keys_unreadable", issuer=self._issuer.issuer, failures=self._failures, cause=str(error))
        finally:
            self._rest_until = monotonic() + self._pause()
            self._reading = None

    def _take(self, new: Mapping[str, VerifyingKey]) -> bool:
        """Go on with these keys, and tell whether they are others than before. One that is the same stays, and what it
        verified; the others go.
        """
        kept = {}
        for kid, key in self._keys.items():
            if kid in new and new[kid].algorithm == key.algorithm and new[kid].material == key.material:
                kept[kid] = key
            else:
                key.withdrawn = True
        changed = len(kept) != len(new) or len(kept) != len(self._keys)
        self._keys = {**new, **kept}
        self._read_at = monotonic()
        self._failures = 0
        if changed:
            log.info("issuer.keys_read", issuer=self._issuer.issuer, keys=len(new))
        return changed

    def _pause(self) -> float:
        if not self._failures:
            return min(REST * 2.0 ** min(self._in_vain, 10), LONGEST_REST)
        longest = min(FIRST_RETRY * 2.0 ** min(self._failures - 1, 10), LAST_RETRY)
        return longest * random.uniform(0.5, 1)  # noqa: S311  so that workers do not all come at once


class _Unreadable(Exception):
    """Why there is no key set to be had, without a word of what came."""


async def _download(url: str) -> bytes:
    """What is at the URL. Raises `_Unreadable`."""
    try:
        # Importing the client and loading the authorities takes 100 ms, for which nobody else shall wait.
        client = await asyncio.to_thread(_client, url)
        async with asyncio.timeout(TIMEOUT), client, client.stream("GET", url) as response:
            return await _content(response)
    except _Unreadable:
        raise
    # Also that there can be no client, with the proxies or the authorities that the environment names.
    except Exception as error:
        raise _Unreadable(type(error).__name__) from error


def _client(url: str) -> "httpx.AsyncClient":
    import httpx

    return httpx.AsyncClient(
        timeout=TIMEOUT / 2,  # of each step; those that take longer together are cut off
        follow_redirects=False,
        # A proxy that the environment names is for other machines than this one.
        trust_env=url.startswith("https:"),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "donewell"},
    )


async def _content(response: "httpx.Response") -> bytes:
    if response.status_code != OK:  # redirects included
        raise _Unreadable(f"status {response.status_code}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _Unreadable("compressed")  # a few bytes of which may be many
    content = bytearray()
    async for part in response.aiter_raw():
        content += part
        if len(content) > LARGEST:
            raise _Unreadable("too large")
    return bytes(content)


def usable_keys(content: bytes, algorithms: Collection[str]) -> dict[str, VerifyingKey]:
    """The public keys of a key set that are fit to verify signatures by these algorithms, by their `kid`.

    All others are passed over, as RFC 7517 section 5 wants it. Raises `_Unreadable` if it is no key set.
    """
    try:
        keys = msgspec.json.decode(content, type=dict[str, Any])["keys"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError) as error:
        raise _Unreadable("no key set") from error
    if not isinstance(keys, list):
        raise _Unreadable("no key set")
    found: dict[str, VerifyingKey] = {}
    for kid, key in _fit(keys[:MOST_KEYS]):
        if key.algorithm in algorithms:
            found.setdefault(kid, key)
    return found


def _fit(keys: list[Any]) -> Iterator[tuple[str, VerifyingKey]]:
    for jwk in keys:
        kid, algorithm = (jwk.get("kid"), _algorithm(jwk)) if isinstance(jwk, dict) else (None, None)
        if not is_kid(kid) or algorithm is None:
            continue
        try:
            material = jwt.PyJWK(jwk, algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if algorithm != "RS256" or material.key_size in RSA_BITS:
            yield kid, VerifyingKey(algorithm, material)


def is_kid(value: Any) -> TypeIs[str]:
    """Whether a key may have this name."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_KID


# kty, crv
_ALGORITHMS = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256", ("RSA", None): "RS256"}


def _algorithm(jwk: Mapping[str, Any]) -> str | None:
    """The one algorithm that the key is for; None for what is no public key for signatures."""
    kty, crv, alg = jwk.get("kty"), jwk.get("crv"), jwk.get("alg")
    if not isinstance(kty, str) or not isinstance(crv, str | None):
        return None
    algorithm = _ALGORITHMS.get((kty, crv))
    uses = jwk.get("key_ops", ["verify"])
    is_public = not {"d", "p", "q", "k"} & jwk.keys()  # one that publishes its private half is anybody's
    is_for_signatures = jwk.get("use", "sig") == "sig" and isinstance(uses, list) and "verify" in uses
    return algorithm if is_public and is_for_signatures and alg in (None, algorithm) else None
