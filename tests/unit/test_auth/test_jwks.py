"""A key set is read once for all who need it, never waited for long, never believed when it is odd, and kept."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from backend.auth.jwks import (
    FRESH,
    LAST_RETRY,
    LONGEST_REST,
    MOST_KEYS,
    REST,
    STALE,
    IssuerUnavailable,
    KeySet,
    usable_keys,
)
from backend.config.issuers import TrustedIssuer
from tests.factories.issuers import KeyServer, SigningKey, key_server, key_set, reply, signing_key
from tests.unit.test_auth.issuing import Clock

ALL = ("EdDSA", "ES256", "RS256")
FIRST, SECOND = signing_key("EdDSA", "first"), signing_key("EdDSA", "second")


def key_set_at(url: str) -> KeySet:
    return KeySet(TrustedIssuer(issuer="https://app.example.com", jwks_url=url, audience="x"))


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    async with key_server(FIRST) as server:
        yield server


@pytest.fixture
async def keys(server: KeyServer, clock: Clock) -> AsyncIterator[KeySet]:  # noqa: ARG001  it stands still
    keys = key_set_at(server.url)
    yield keys
    await keys.close()


async def found(keys: KeySet, *wanted: SigningKey) -> list[bool]:
    return [await keys.find(key.kid) is not None for key in wanted]


async def settled(keys: KeySet) -> None:
    """Until no read is under way."""
    while reading := keys._reading:
        await asyncio.wait([reading])


async def test_nothing_is_read_before_it_is_needed(keys: KeySet, server: KeyServer) -> None:
    assert server.requests == []
    assert await found(keys, FIRST) == [True]
    assert len(server.requests) == 1


async def test_500_who_come_at_once_wait_for_one_read(keys: KeySet, server: KeyServer) -> None:
    assert all(await asyncio.gather(*(keys.find(FIRST.kid) for _ in range(500))))
    assert len(server.requests) == 1


async def test_500_unknown_keys_ask_for_no_read_more(keys: KeySet, server: KeyServer) -> None:
    await keys.find(FIRST.kid)

    assert await asyncio.gather(*(keys.find(f"random-{n}") for n in range(500))) == [None] * 500
    assert len(server.requests) == 1


async def test_500_unknown_keys_ask_for_one_read_when_the_last_is_a_while_ago(
    keys: KeySet, server: KeyServer, clock: Clock
) -> None:
    await keys.find(FIRST.kid)
    clock.now += REST

    assert await asyncio.gather(*(keys.find(f"random-{n}") for n in range(500))) == [None] * 500
    assert len(server.requests) == 2
    assert await found(keys, FIRST) == [True]


async def storm(keys: KeySet, clock: Clock, seconds: int) -> None:
    """Somebody makes up a name for a key every second."""
    for _ in range(seconds):
        clock.now += 1
        await keys.find(f"random-{clock.now}")


async def test_a_storm_of_unknown_keys_asks_for_one_read_after_ever_longer_pauses(
    keys: KeySet, server: KeyServer, clock: Clock
) -> None:
    await keys.find(FIRST.kid)
    read_after = []
    for second in range(1, 301):
        before = len(server.requests)
        await storm(keys, clock, 1)
        if len(server.requests) > before:
            read_after.append(second)

    assert read_after == [10, 30, 70, 130, 190, 250]


async def test_after_a_storm_a_new_key_is_found_within_a_minute_and_the_next_one_sooner_again(
    keys: KeySet, server: KeyServer, clock: Clock
) -> None:
    await keys.find(FIRST.kid)
    await storm(keys, clock, 131)
    server.publish(FIRST, SECOND)
    clock.now += LONGEST_REST
    assert await found(keys, SECOND) == [True]

    third = signing_key("EdDSA", "third")
    server.publish(SECOND, third)
    clock.now += REST
    assert await found(keys, third) == [True]


async def test_a_new_key_is_found_when_it_is_first_used(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    await keys.find(FIRST.kid)
    server.publish(FIRST, SECOND)
    assert await found(keys, SECOND) == [False]
    clock.now += REST

    assert await found(keys, SECOND, FIRST) == [True, True]
    assert len(server.requests) == 2


async def test_a_key_that_left_the_set_goes_with_the_next_read(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    old = await keys.find(FIRST.kid)
    assert old
    server.publish(SECOND)
    clock.now += FRESH + 1

    assert await keys.find(FIRST.kid) is old  # read anew beside the requests
    await settled(keys)
    assert old.withdrawn
    assert await found(keys, FIRST, SECOND) == [False, True]


async def test_a_key_that_stays_is_the_same(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    old = await keys.find(FIRST.kid)
    server.publish(SECOND, FIRST)
    clock.now += REST
    await keys.find(SECOND.kid)

    assert await keys.find(FIRST.kid) is old
    assert old
    assert not old.withdrawn


async def test_another_key_of_the_same_name_takes_its_place(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    old = await keys.find(FIRST.kid)
    server.publish(SECOND.jwk(kid=FIRST.kid))
    clock.now += REST
    await keys.find("unknown")
    new = await keys.find(FIRST.kid)

    assert old
    assert new
    assert old.withdrawn
    assert new is not old


async def test_keys_are_read_anew_in_the_background(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    await keys.find(FIRST.kid)
    held = asyncio.Event()

    async def slowly(writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.write(reply(key_set(FIRST)))

    server.answer = slowly
    clock.now += FRESH + 1
    for _ in range(50):
        assert keys.is_usable()
        assert await found(keys, FIRST) == [True]
    held.set()
    await settled(keys)
    assert len(server.requests) == 2


async def test_keys_go_on_for_a_day_while_their_issuer_is_away(server: KeyServer, clock: Clock) -> None:
    keys = key_set_at(server.url)
    await keys.find(FIRST.kid)
    server.answer = b""
    for hours in range(24):
        clock.now = 1_000 + hours * 3600
        assert await found(keys, FIRST) == [True]
        await settled(keys)
    clock.now = 1_000 + STALE + 1

    assert not keys.is_usable()
    await settled(keys)
    with pytest.raises(IssuerUnavailable):
        await keys.find(FIRST.kid)


async def test_an_unknown_key_cannot_be_told_from_a_new_one_while_the_issuer_is_away(
    keys: KeySet, server: KeyServer, clock: Clock
) -> None:
    await keys.find(FIRST.kid)
    server.answer = b""
    clock.now += REST

    with pytest.raises(IssuerUnavailable):
        await keys.find(SECOND.kid)
    assert await found(keys, FIRST) == [True]


async def test_failures_are_waited_for_longer_and_longer(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    server.answer = b""
    pauses: list[float] = []
    for _ in range(12):
        before, count = clock.now, len(server.requests)
        while len(server.requests) == count:
            clock.now += 0.1
            with pytest.raises(IssuerUnavailable):
                await keys.find(FIRST.kid)
        pauses.append(clock.now - before)

    for n, pause in enumerate(pauses[1:]):
        longest = min(2**n, LAST_RETRY)
        assert longest / 2 <= pause + 0.01
        assert pause <= longest + 0.2
    assert len({round(pause, 1) for pause in pauses[7:]}) > 1  # not in step with others


async def test_500_who_come_after_a_failure_are_refused_at_once(keys: KeySet, server: KeyServer) -> None:
    server.answer = b""
    for _ in range(500):
        with pytest.raises(IssuerUnavailable):
            await keys.find(FIRST.kid)
    assert len(server.requests) == 1


async def test_an_issuer_that_comes_back_is_believed_again(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    server.answer = b""
    for _ in range(3):
        clock.now += LAST_RETRY
        with pytest.raises(IssuerUnavailable):
            await keys.find(FIRST.kid)
    server.publish(FIRST)
    clock.now += LAST_RETRY
    assert await found(keys, FIRST) == [True]

    server.publish(SECOND)
    clock.now += REST  # as if nothing had been
    assert await found(keys, SECOND) == [True]


async def test_whoever_gives_up_waiting_does_not_end_the_read(keys: KeySet, server: KeyServer) -> None:
    first, second = (asyncio.create_task(keys.find(FIRST.kid)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert await second
    assert len(server.requests) == 1


async def test_closing_gives_up_a_read(server: KeyServer) -> None:
    async def never(_: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server.answer = never
    keys = key_set_at(server.url)
    waiting = asyncio.create_task(keys.find(FIRST.kid))
    await server.asked.wait()
    await keys.close()

    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
    await key_set_at(server.url).close()


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
        await writer.drain()


async def _silent(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


GOOD = key_set(FIRST)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(_silent, id="never"),
        pytest.param(_drip, id="byte by byte"),
        pytest.param(_endless, id="without end"),
        pytest.param(b"", id="hung up"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="no HTTP"),
        pytest.param(reply(GOOD)[:-1], id="cut off"),
        pytest.param(reply(GOOD + b" " * 65_536), id="too large"),
        pytest.param(reply(gzip.compress(GOOD), Content_Encoding="gzip"), id="compressed"),
        pytest.param(reply(gzip.compress(b" " * 2**26), Content_Encoding="gzip"), id="64 MiB in 64 KiB"),
        pytest.param(reply(GOOD, "500 Internal Server Error"), id="500"),
        pytest.param(reply(GOOD, "404 Not Found"), id="404"),
        pytest.param(reply(GOOD, "204 No Content"), id="204"),
        pytest.param(reply(b"<html>"), id="no JSON"),
        pytest.param(reply(b""), id="empty"),
        pytest.param(reply(b"[]"), id="a list"),
        pytest.param(reply(b"{}"), id="no keys"),
        pytest.param(reply(b'{"keys": {}}'), id="keys are no list"),
        pytest.param(reply(b'{"keys": null}'), id="keys are null"),
        pytest.param(reply(b'{"keys": [' + b"[" * 60_000), id="nested deep"),
        pytest.param(reply(b'{"keys": ["\xff\xfe"]}'), id="no text"),
    ],
)
async def test_what_is_no_key_set_is_a_failure(server: KeyServer, answer: Any) -> None:
    server.answer = answer
    keys = key_set_at(server.url)
    begin = time.monotonic()

    with pytest.raises(IssuerUnavailable):
        await keys.find(FIRST.kid)
    assert time.monotonic() - begin < 2.5


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
async def test_a_redirect_is_not_followed(server: KeyServer, status: str) -> None:
    async with key_server(FIRST) as elsewhere:
        server.answer = reply(GOOD, status, Location=elsewhere.url)
        with pytest.raises(IssuerUnavailable):
            await key_set_at(server.url).find(FIRST.kid)
        assert elsewhere.requests == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/jwks", "http://127.0.0.1:65535/", "https://127.0.0.1:1/"])
async def test_nobody_there_is_a_failure(url: str) -> None:
    with pytest.raises(IssuerUnavailable):
        await key_set_at(url).find(FIRST.kid)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "socks5://127.0.0.1:1"),
        ("HTTPS_PROXY", "foo://127.0.0.1:1"),
        ("HTTPS_PROXY", "127.0.0.1:1:2"),
        ("SSL_CERT_FILE", "/nowhere"),
    ],
)
async def test_an_environment_in_which_there_can_be_no_client_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.delenv(name.lower(), raising=False)
    keys = key_set_at("https://127.0.0.1:1/")

    for _ in range(2):  # the second one at once
        with pytest.raises(IssuerUnavailable):
            await keys.find(FIRST.kid)


async def test_a_server_without_a_certificate_that_is_trusted_is_a_failure(server: KeyServer) -> None:
    with pytest.raises(IssuerUnavailable):
        await key_set_at(server.url.replace("http:", "https:")).find(FIRST.kid)


async def test_a_request_tells_nothing_of_whom_it_is_for(keys: KeySet, server: KeyServer) -> None:
    await keys.find("whose-token-this-is")
    (request,) = server.requests

    assert request.startswith(b"GET /api/auth/jwks HTTP/1.1\r\n")
    assert b"whose-token-this-is" not in request
    assert b"authorization" not in request.lower()
    assert b"accept-encoding: identity\r\n" in request.lower()


async def test_an_issuer_may_withdraw_every_key(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    await keys.find(FIRST.kid)
    server.publish()
    clock.now += REST
    await keys.find("unknown")

    assert await found(keys, FIRST) == [False]


RSA, EC = signing_key("RS256"), signing_key("ES256")
WEAK = SigningKey("RS256", rsa.generate_private_key(65537, 1024))
OTHER_CURVE = SigningKey("ES384", ec.generate_private_key(ec.SECP384R1()))

USABLE: dict[str, dict[str, Any]] = {
    "EdDSA": FIRST.jwk(),
    "ES256": EC.jwk(),
    "RS256": RSA.jwk(),
    "of whatever algorithm fits": RSA.jwk(alg=...),
    "Ed25519 of whatever algorithm fits": FIRST.jwk(alg=...),
    "for signatures": FIRST.jwk(use="sig"),
    "to verify": FIRST.jwk(key_ops=["verify"]),
    "with a chain nobody looks at": FIRST.jwk(x5u="http://127.0.0.1:1/", x5c=["AAAA"], x5t="x"),
}

UNFIT: dict[str, Any] = {
    "no object": "key",
    "null": None,
    "empty": {},
    "no name": FIRST.jwk(kid=...),
    "an empty name": FIRST.jwk(kid=""),
    "a number for a name": FIRST.jwk(kid=7),
    "a list for a name": FIRST.jwk(kid=["x"]),
    "a very long name": FIRST.jwk(kid="x" * 256),
    "a secret": {"kty": "oct", "kid": "x", "k": "c2VjcmV0", "alg": "HS256"},
    "a secret for EdDSA": {"kty": "oct", "kid": "x", "k": "c2VjcmV0", "alg": "EdDSA"},
    "a private key": FIRST.jwk(d="AAAA"),
    "a private RSA key": RSA.jwk(d="AAAA", p="AAAA", q="AAAA"),
    "for encryption": FIRST.jwk(use="enc"),
    "to sign": FIRST.jwk(key_ops=["sign"]),
    "to do what is no list": FIRST.jwk(key_ops="verify"),
    "a weak RSA key": WEAK.jwk(),
    "a curve of its own": OTHER_CURVE.jwk(),
    "another curve": FIRST.jwk(crv="Ed448"),
    "a key for agreement": FIRST.jwk(crv="X25519"),
    "a curve that is a list": FIRST.jwk(crv=["Ed25519"]),
    "a type that is a list": FIRST.jwk(kty=["OKP"]),
    "another type": FIRST.jwk(kty="AKP"),
    "another algorithm": RSA.jwk(alg="RS512"),
    "an algorithm of secrets": RSA.jwk(alg="HS256"),
    "no algorithm": RSA.jwk(alg="none"),
    "an algorithm that is a list": RSA.jwk(alg=["RS256"]),
    "the algorithm of another key": RSA.jwk(alg="EdDSA"),
    "a short point": FIRST.jwk(x="AAAA"),
    "no point": FIRST.jwk(x=...),
    "a number for a point": FIRST.jwk(x=7),
    "not on the curve": EC.jwk(y=EC.jwk()["x"]),
    "half a point": EC.jwk(y=...),
    "no modulus": RSA.jwk(n=...),
    "an even exponent": RSA.jwk(e="Ag"),
    "an exponent of one": RSA.jwk(e="AQ"),
    "a huge RSA key": RSA.jwk(n="_" * 2000),
}


@pytest.mark.parametrize("jwk", USABLE.values(), ids=USABLE)
def test_a_key_that_is_fit_is_taken(jwk: dict[str, Any]) -> None:
    assert [key.algorithm for key in usable_keys(key_set(jwk), ALL).values()]


@pytest.mark.parametrize("jwk", UNFIT.values(), ids=UNFIT)
def test_a_key_that_is_unfit_is_passed_over(jwk: Any) -> None:
    content = json.dumps({"keys": [jwk, SECOND.jwk(), jwk]}).encode()

    assert list(usable_keys(content, ALL)) == [SECOND.kid]


@pytest.mark.parametrize("allowed", ALL)
def test_only_keys_of_the_algorithms_that_are_allowed_are_taken(allowed: str) -> None:
    assert [key.algorithm for key in usable_keys(key_set(FIRST, EC, RSA), [allowed]).values()] == [allowed]


def test_of_two_keys_with_one_name_the_first_is_taken() -> None:
    keys = usable_keys(key_set(FIRST, SECOND.jwk(kid=FIRST.kid)), ALL)

    assert [key.material for key in keys.values()] == [FIRST.public]


def test_only_so_many_keys_are_looked_at() -> None:
    many = [FIRST.jwk(kid=str(n)) for n in range(200)]

    assert len(usable_keys(key_set(*many), ALL)) == MOST_KEYS


ANYTHING = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3)


@given(
    st.sampled_from([FIRST, EC, RSA]),
    st.dictionaries(st.sampled_from(["kty", "crv", "alg", "use", "key_ops", "kid", "x", "y", "n", "e"]), ANYTHING),
)
def test_no_key_stops_the_others_from_being_taken(key: SigningKey, others: dict[str, Any]) -> None:
    content = json.dumps({"keys": [key.jwk(**others), SECOND.jwk()]}).encode()

    assert SECOND.kid in usable_keys(content, ALL)
