"""What was verified once is remembered, for as long as it is true and not for ever."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from backend.auth import issuers as module
from backend.auth.issuers import Issuers
from backend.auth.jwks import FRESH, STALE, IssuerUnavailable
from backend.auth.principal import TokenExpired, TokenForged, TokenInvalid
from tests.factories.issuers import KeyServer, key_server, reply, signing_key
from tests.unit.test_auth.issuing import ISSUERS as ALL
from tests.unit.test_auth.issuing import KEYED, Clock, soon
from tests.unit.test_auth.test_matrix import identified

BY = KEYED["EdDSA"]


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    async with key_server(BY.key) as server:
        yield server


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature is verified, as they are."""
    seen: list[str] = []
    verify = jwt.decode

    def watched(text: str, *arguments: Any, **options: Any) -> Any:
        seen.append(text)
        return verify(text, *arguments, **options)

    monkeypatch.setattr(jwt, "decode", watched)
    return seen


async def settled(issuers: Issuers) -> None:
    """Until no key set is being read."""
    for verifier in issuers._verifiers.values():
        if reading := verifier._keys._reading:
            await asyncio.wait([reading])


async def test_a_token_is_verified_once(issuers: Issuers, verified: list[str]) -> None:
    text = BY.token()
    assert issuers.known(text) is None
    found = await issuers.identify(text)

    assert all(issuers.known(text) is found for _ in range(3))
    assert verified == [text]


async def test_a_token_that_names_nobody_we_trust_is_not_ours_to_judge(issuers: Issuers) -> None:
    for text in ("", "x", "a.b.c", ALL["ours"].token(), BY.token(BY.claims(iss="https://example.com"))):
        assert await issuers.identify(text) is None
        assert issuers.known(text) is None


async def test_a_token_that_was_refused_is_not_remembered(issuers: Issuers) -> None:
    forged = BY.forged(signing_key("EdDSA", "attacker"))
    for _ in range(2):
        with pytest.raises(TokenForged):
            await issuers.identify(forged)
        assert issuers.known(forged) is None


@pytest.mark.parametrize("name", ["EdDSA", "shared secret"])
async def test_a_token_expires_on_the_second(issuers: Issuers, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    expiry = soon(100)
    text = ALL[name].token(ALL[name].claims(exp=expiry))
    await issuers.identify(text)

    monkeypatch.setattr(time, "time", lambda: expiry - 0.001)
    assert issuers.known(text)
    monkeypatch.setattr(time, "time", lambda: expiry)
    assert issuers.known(text) is None
    with pytest.raises(TokenExpired):
        await issuers.identify(text)


async def test_only_so_many_tokens_are_remembered(issuers: Issuers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHED_TOKENS", 2)
    first, second, third = (BY.token(BY.claims(jti=str(n))) for n in range(3))
    await issuers.identify(first)
    await issuers.identify(second)
    assert issuers.known(first)  # and so the second is the one that rested longest
    await issuers.identify(third)

    assert [issuers.known(text) is not None for text in (first, second, third)] == [True, False, True]


async def test_a_token_goes_with_its_key(issuers: Issuers, server: KeyServer, clock: Clock) -> None:
    text, shared = BY.token(), ALL["shared secret"].token()
    await issuers.identify(text)
    await issuers.identify(shared)
    server.publish(signing_key("EdDSA", "next"))
    clock.now += FRESH + 1

    assert issuers.known(text)  # and has the keys read anew
    await settled(issuers)
    assert issuers.known(text) is None
    with pytest.raises(TokenForged):
        await issuers.identify(text)
    assert issuers.known(shared)


async def test_a_known_token_is_good_for_a_day_without_its_issuer(
    issuers: Issuers, server: KeyServer, clock: Clock
) -> None:
    text = BY.token(BY.claims(exp=soon(7 * 24 * 3600)))
    await issuers.identify(text)
    server.answer = reply(b"", "503 Service Unavailable")
    begin = clock.now
    for part in (0.1, 0.5, 0.99):
        clock.now = begin + part * STALE
        assert issuers.known(text)
        await settled(issuers)
    clock.now = begin + STALE + 1

    assert issuers.known(text) is None
    with pytest.raises(IssuerUnavailable):
        await issuers.identify(text)


async def test_the_shared_secret_needs_no_key_set(issuers: Issuers, server: KeyServer) -> None:
    server.answer = b""

    assert await issuers.identify(ALL["shared secret"].token())
    assert server.requests == []


async def test_nothing_of_a_token_that_cannot_be_good_asks_for_keys(issuers: Issuers, server: KeyServer) -> None:
    bad = [BY.token(alg="none"), BY.token(alg="HS512"), BY.token(kid=""), BY.token(crit=["x"]), BY.token(typ="x")]
    for text in bad:
        with pytest.raises(TokenInvalid):
            await identified(issuers, text)

    assert server.requests == []


async def test_500_tokens_with_random_keys_ask_for_none_more(issuers: Issuers, server: KeyServer) -> None:
    good = BY.token()
    await issuers.identify(good)
    forged = (BY.token(kid=f"random-{n}") for n in range(500))
    results = await asyncio.gather(*map(issuers.identify, forged), return_exceptions=True)

    assert {type(result) for result in results} == {TokenForged}
    assert len(server.requests) == 1
    assert issuers.known(good)
