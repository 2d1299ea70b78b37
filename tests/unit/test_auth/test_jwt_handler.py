"""An access token is taken only if we made it, for this use, and only until it expires."""

import time
from base64 import urlsafe_b64decode
from typing import Any
from uuid import UUID

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.auth import jwt_handler
from backend.auth.jwt_handler import LIFETIME_SECONDS, AccessTokens
from backend.auth.keys import Key
from backend.auth.principal import Principal, TokenExpired, TokenForged, TokenInvalid, TokenMalformed, TokenRefused
from tests.factories.applications import SECRET
from tests.factories.issuers import SigningKey, base64
from tests.unit.test_auth.issuing import OURS, SESSION, USER

LATER = 4_102_444_800  # 2100-01-01
OTHER_SECRET = "another secret of at least 32 bytes"

claims, token = OURS.claims, OURS.token


@pytest.fixture
def tokens() -> AccessTokens:
    return AccessTokens(SECRET)


def refusal(tokens: AccessTokens, text: str) -> type[Exception] | None:
    """What the token is refused with."""
    try:
        tokens.identify(text)
    except TokenRefused as error:
        return type(error)
    return None


@given(st.uuids(), st.uuids())
def test_a_token_tells_whose_it_is_and_for_how_long(user_id: UUID, session_id: UUID) -> None:
    before = int(time.time())
    principal = AccessTokens(SECRET).identify(AccessTokens(SECRET).issue(user_id, session_id))

    assert (principal.user_id, principal.grant_id) == (user_id, session_id)
    assert before + LIFETIME_SECONDS <= principal.expires_at <= time.time() + LIFETIME_SECONDS


def test_a_token_lives_15_minutes_at_most() -> None:
    assert LIFETIME_SECONDS <= 15 * 60


def test_a_token_has_the_claims_and_the_type_of_the_contract(tokens: AccessTokens) -> None:
    text = tokens.issue(USER, SESSION)

    assert jwt.get_unverified_header(text) == {"alg": "HS256", "typ": "at+jwt", "kid": Key.parse(SECRET).id}
    said = jwt.decode(text, options={"verify_signature": False})
    assert said.keys() == {"iss", "aud", "sub", "iat", "exp", "jti", "sid"}
    assert (said["sub"], said["sid"], said["exp"] - said["iat"]) == (str(USER), str(SESSION), LIFETIME_SECONDS)


def test_no_two_tokens_are_the_same(tokens: AccessTokens) -> None:
    assert tokens.issue(USER, SESSION) != tokens.issue(USER, SESSION)


def test_the_forge_makes_good_tokens_too(tokens: AccessTokens) -> None:
    assert tokens.identify(token(claims(exp=LATER))) == Principal(USER, SESSION, LATER)


WRONG: dict[str, tuple[str, type[TokenRefused]]] = {
    # Besides what test_matrix.py tries on the tokens of every issuer.
    "HS256 said, HS512 done": (OURS.forged(SigningKey("HS512", SECRET.encode()), alg="HS256"), TokenForged),
    "issued in the future": (token(claims(iat=LATER)), TokenInvalid),
    "not valid yet": (token(claims(nbf=LATER)), TokenInvalid),
    "subject is a name": (token(claims(sub="ada")), TokenInvalid),
    "session is a name": (token(claims(sid="first")), TokenInvalid),
    "session is a number": (token(claims(sid=1)), TokenInvalid),
    "session is a list": (token(claims(sid=[str(SESSION)])), TokenInvalid),
    "session is an object": (token(claims(sid={"id": str(SESSION)})), TokenInvalid),
    "jti is a number": (token(claims(jti=1)), TokenInvalid),
    "another type": (token(claims(), typ="JWT"), TokenInvalid),
    "no type": (token(claims(), typ=None), TokenInvalid),
    "nothing": ("", TokenMalformed),
    "a space": (" ", TokenMalformed),
    "dots": ("..", TokenMalformed),
    "two parts": (token(claims()).rpartition(".")[0], TokenMalformed),
    "four parts": (token(claims()) + ".x", TokenMalformed),
    "a word": ("undefined", TokenMalformed),
    "not ASCII": ("\u00e9.\u00e9.\u00e9", TokenMalformed),
    "a good token and more": (token(claims()) + "\n", TokenMalformed),
    "very long": ("x" * 1_000_000, TokenMalformed),
    "very long, in three parts": (".".join(["eyJh" * 100_000] * 3), TokenMalformed),
    "header is a list": (f"{base64(b'[]')}.{base64(b'{}')}.x", TokenMalformed),
    "header is no JSON": (f"{base64(b'alg')}.{base64(b'{}')}.x", TokenMalformed),
    "claims are no JSON": (token(b"sub"), TokenMalformed),
    "claims are no text": (token(b"\xff\xfe"), TokenMalformed),
    "claims nested deep": (token(b"[" * 100_000), TokenMalformed),
    "claims with an endless number": (token(b'{"exp":' + b"9" * 5_000 + b"}"), TokenMalformed),
}


@pytest.mark.parametrize(("text", "error"), WRONG.values(), ids=WRONG.keys())
def test_a_token_that_is_wrong_is_refused(tokens: AccessTokens, text: str, error: type[TokenRefused]) -> None:
    assert refusal(tokens, text) is error


@pytest.mark.parametrize("value", [..., None], ids=["missing", "null"])
@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "iat", "exp", "jti", "sid"])
def test_a_claim_that_is_missing_or_null_is_missed(tokens: AccessTokens, claim: str, value: Any) -> None:
    assert refusal(tokens, token(claims(**{claim: value}))) is TokenInvalid


@given(st.text())
def test_no_text_is_taken_for_a_token(text: str) -> None:
    assert refusal(AccessTokens(SECRET), text) in (TokenMalformed, TokenForged)


@given(st.data())
def test_no_bit_of_a_token_can_be_changed(data: st.DataObject) -> None:
    part = data.draw(st.integers(0, 2))
    parts = [urlsafe_b64decode(text + "==") for text in token(claims(exp=LATER)).split(".")]
    bit = data.draw(st.integers(0, 8 * len(parts[part]) - 1))
    changed = bytearray(parts[part])
    changed[bit // 8] ^= 1 << bit % 8
    parts[part] = bytes(changed)

    assert refusal(AccessTokens(SECRET), ".".join(map(base64, parts))) in (TokenMalformed, TokenForged)


@pytest.mark.parametrize("known", [False, True], ids=["seen first", "seen before"])
def test_a_token_expires_on_the_second(tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    text = tokens.issue(USER, SESSION)
    expiry = jwt.decode(text, options={"verify_signature": False})["exp"]
    if known:
        assert refusal(tokens, text) is None

    monkeypatch.setattr(time, "time", lambda: expiry - 0.001)
    assert refusal(tokens, text) is None
    monkeypatch.setattr(time, "time", lambda: expiry)
    assert refusal(tokens, text) is TokenExpired


def test_a_token_that_is_known_expires_no_later_than_one_that_is_not(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tokens.issue(USER, SESSION)
    tokens.identify(text)

    monkeypatch.setattr(time, "time", lambda: LATER)
    assert refusal(tokens, text) is refusal(AccessTokens(SECRET), text) is TokenExpired


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature is verified, as they are."""
    seen: list[str] = []
    verify = jwt.decode_complete

    def watched(text: str, *arguments: Any, **options: Any) -> Any:
        seen.append(text)
        return verify(text, *arguments, **options)

    monkeypatch.setattr(jwt, "decode_complete", watched)
    return seen


def test_a_known_token_is_not_verified_again(tokens: AccessTokens, verified: list[str]) -> None:
    text = tokens.issue(USER, SESSION)
    for _ in range(3):
        tokens.identify(text)

    assert verified == [text]


def test_only_so_many_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch, verified: list[str]) -> None:
    monkeypatch.setattr(jwt_handler, "CACHED_TOKENS", 2)
    tokens = AccessTokens(SECRET)
    first, second, third = (tokens.issue(USER, SESSION) for _ in range(3))
    for text in (first, second, third, third, second, first):
        tokens.identify(text)

    assert verified == [first, second, third, first]


def test_a_token_that_was_refused_is_not_remembered(tokens: AccessTokens, verified: list[str]) -> None:
    forged = OURS.forged(SigningKey("HS256", OTHER_SECRET.encode()))
    for _ in range(2):
        assert refusal(tokens, forged) is TokenForged

    assert verified == [forged, forged]


def test_what_one_secret_signed_another_does_not_take(tokens: AccessTokens) -> None:
    others = AccessTokens(OTHER_SECRET)
    text = tokens.issue(USER, SESSION)
    tokens.identify(text)

    assert refusal(others, text) is TokenForged
