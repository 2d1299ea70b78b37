"""Keys can be rotated without signing anyone out, and each is for one algorithm alone."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from backend.auth.jwt_handler import AUDIENCE, ISSUER, AccessTokens
from backend.auth.keys import Key
from backend.auth.principal import TokenForged, TokenInvalid, TokenRefused
from tests.factories.applications import SECRET
from tests.factories.issuers import SigningKey, base64
from tests.unit.test_auth.issuing import OURS, SESSION, USER

OTHER_SECRET = "another secret of at least 32 bytes"


def pem(key: Any, encryption: KeySerializationEncryption | None = None) -> str:
    encoded: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return encoded.decode()


def public_pem(private: str) -> str:
    key = Key.parse(private).verifying
    return str(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


PRIVATE, OTHER_PRIVATE = pem(Ed25519PrivateKey.generate()), pem(Ed25519PrivateKey.generate())
KINDS = pytest.mark.parametrize("key", [SECRET, PRIVATE], ids=["HS256", "EdDSA"])


def token(secret: str = SECRET, **header: Any) -> str:
    """What a good token says, signed with a secret; it names no key unless it is told to."""
    return SigningKey("HS256", secret.encode()).token(OURS.claims(), **{**OURS.header, "kid": ..., **header})


def takes(verifier: AccessTokens, text: str) -> bool:
    try:
        return verifier.identify(text).user_id == USER
    except TokenRefused:
        return False


@KINDS
def test_a_token_names_the_key_that_signed_it(key: str) -> None:
    header = jwt.get_unverified_header(AccessTokens(key).issue(USER, SESSION))

    assert header == {"alg": Key.parse(key).algorithm, "typ": "at+jwt", "kid": Key.parse(key).id}
    assert takes(AccessTokens(key), AccessTokens(key).issue(USER, SESSION))


@pytest.mark.parametrize("new", [OTHER_SECRET, OTHER_PRIVATE], ids=["to HS256", "to EdDSA"])
@KINDS
def test_a_key_that_no_longer_signs_is_good_until_it_is_taken_away(key: str, new: str) -> None:
    before = AccessTokens(key).issue(USER, SESSION)
    meanwhile = AccessTokens(new, key)

    assert takes(meanwhile, before)
    assert takes(AccessTokens(new), meanwhile.issue(USER, SESSION))
    assert not takes(AccessTokens(new), before)


def test_a_public_key_is_enough_to_take_what_its_private_key_signed() -> None:
    assert takes(AccessTokens(SECRET, public_pem(PRIVATE)), AccessTokens(PRIVATE).issue(USER, SESSION))


def test_others_verify_with_the_public_keys_what_is_signed() -> None:
    tokens = AccessTokens(PRIVATE, SECRET, OTHER_PRIVATE)

    key_set = jwt.PyJWKSet.from_dict({"keys": list(tokens.public_keys())})
    text = tokens.issue(USER, SESSION)
    key = key_set[jwt.get_unverified_header(text)["kid"]]

    assert len(key_set.keys) == 2
    assert jwt.decode(text, key, algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER)["sub"] == str(USER)


def test_nothing_secret_is_among_the_public_keys() -> None:
    told = str(AccessTokens(PRIVATE, SECRET).public_keys())

    assert SECRET not in told
    assert "'d'" not in told
    assert "oct" not in told


def test_a_token_without_a_key_id_is_one_of_the_secret() -> None:
    text = token()

    assert takes(AccessTokens(PRIVATE, SECRET), text)
    assert not takes(AccessTokens(PRIVATE), text)


@pytest.mark.parametrize("as_secret", [public_pem(PRIVATE), Key.parse(PRIVATE).public["x"]], ids=["PEM", "JWK"])  # type: ignore[index]
@pytest.mark.parametrize("named", [True, False], ids=["kid", "no kid"])
def test_a_public_key_is_no_secret(as_secret: str, *, named: bool) -> None:
    header = {"kid": Key.parse(PRIVATE).id} if named else {}
    forged = token(as_secret, **header)

    with pytest.raises(TokenForged):
        AccessTokens(PRIVATE).identify(forged)


def test_a_key_is_for_its_algorithm_alone() -> None:
    for alg in ("HS256", "HS512", "none", "ES256"):
        with pytest.raises(TokenForged):
            AccessTokens(PRIVATE, SECRET).identify(token(alg=alg, kid=Key.parse(PRIVATE).id))


INJECTED = ["", "../../../../dev/null", "' OR 1=1 --", "x" * 100_000, "\0", Key.parse(OTHER_SECRET).id]


@pytest.mark.parametrize("kid", INJECTED, ids=["empty", "path", "SQL", "long", "NUL", "of another server"])
@pytest.mark.parametrize("secret", [SECRET, ""], ids=["our secret", "an empty secret"])
def test_a_key_id_that_is_not_ours_leads_nowhere(kid: str, secret: str) -> None:
    with pytest.raises(TokenForged):
        AccessTokens(SECRET).identify(token(secret, kid=kid))


@pytest.mark.parametrize("kid", [1, None, [], {"$ne": None}, True], ids=repr)
def test_a_key_id_that_is_no_text_is_refused(kid: Any) -> None:
    with pytest.raises(TokenInvalid):
        AccessTokens(SECRET).identify(token(kid=kid))


@pytest.mark.parametrize("name", ["jku", "x5u", "x5c", "jwk"])
def test_a_key_that_comes_with_the_token_is_not_looked_at(name: str) -> None:
    """`jwk` and `x5c` bring a key, `jku` and `x5u` say where one is: RFC 8725 section 3.10."""
    brought: dict[str, Any] = {
        "jku": "http://127.0.0.1:9/jwks.json",
        "x5u": "http://127.0.0.1:9/key.pem",
        "x5c": [base64(b"certificate")],
        "jwk": {"kty": "oct", "k": base64(OTHER_SECRET.encode())},
    }
    with pytest.raises(TokenForged):
        AccessTokens(SECRET).identify(token(OTHER_SECRET, **{name: brought[name]}))


@given(st.text(min_size=32), st.text(min_size=32))
def test_different_secrets_have_different_names(one: str, other: str) -> None:
    assert (Key.parse(one).id == Key.parse(other).id) == (one.strip() == other.strip())


def test_a_key_may_be_written_in_one_line() -> None:
    assert Key.parse(PRIVATE.replace("\n", "\\n")).id == Key.parse(PRIVATE).id


BAD = {
    "RSA": pem(rsa.generate_private_key(65_537, 2_048)),
    "Ed448": pem(Ed448PrivateKey.generate()),
    "a passphrase": pem(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"passphrase")),
    "half of it": PRIVATE[:60],
    "no key": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_what_is_no_ed25519_key_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(ValueError, match="key") as refused:
        Key.parse(text)

    assert text.splitlines()[0] not in str(refused.value)


def test_a_public_key_cannot_sign() -> None:
    with pytest.raises(ValueError, match="private"):
        AccessTokens(public_pem(PRIVATE), SECRET)
