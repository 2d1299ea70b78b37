"""The table of what must not pass for an access token, tried on our tokens and on other issuers' alike."""

import math
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from backend.auth.issuers import LEEWAY, LONGEST_LIFETIME, LONGEST_TOKEN, Issuers
from backend.auth.jwt_handler import AccessTokens
from backend.auth.principal import (
    ForeignSubject,
    Principal,
    TokenExpired,
    TokenForged,
    TokenInvalid,
    TokenMalformed,
    TokenRefused,
)
from backend.auth.refresh_tokens import RefreshToken
from backend.config.issuers import TrustedIssuer
from tests.factories.applications import FRONTEND, FRONTEND_SECRET, SECRET
from tests.factories.issuers import KeyServer, SigningKey, base64, key_server, signing_key
from tests.unit.test_auth.issuing import (
    ISSUERS,
    KEYED,
    PEM,
    SESSION,
    SUBJECT,
    USER,
    Issuing,
    soon,
)

type Forge = Callable[[Issuing], str]
type Refusal = type[TokenRefused] | None

ATTACKER = "http://127.0.0.1:{port}"
OTHER_ALGORITHMS = ("none", "None", "HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA", "dir", "")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[KeyServer]:
    """The other issuer's key set, with a key for each algorithm."""
    async with key_server(*(issuing.key for issuing in KEYED.values())) as server:
        yield server


@pytest.fixture(params=ISSUERS)
def issuing(request: pytest.FixtureRequest) -> Issuing:
    return ISSUERS[request.param]


async def identified(issuers: Issuers, text: str) -> Principal | ForeignSubject:
    """Whose token it is: an issuer's that it names, or ours."""
    return await issuers.identify(text) or AccessTokens(SECRET, PEM).identify(text)


async def refusal(issuers: Issuers, text: str) -> Refusal:
    try:
        await identified(issuers, text)
    except TokenRefused as error:
        return type(error)
    return None


async def test_a_good_token_tells_whose_it_is(issuers: Issuers, issuing: Issuing) -> None:
    claims = issuing.claims()
    found = await identified(issuers, issuing.token(claims))

    if isinstance(found, Principal):
        assert issuing.whose == "ours"
        assert (found.user_id, found.expires_at) == (USER, claims["exp"])
    else:
        assert (found.issuer, found.subject, found.name) == (FRONTEND, SUBJECT, "Ada")
        assert found.expires_at == claims["exp"]


def other_key(issuing: Issuing) -> SigningKey:
    """A key of the same kind, which nobody trusts."""
    return signing_key(issuing.key.algorithm, "attacker")


def unsigned(text: str) -> str:
    return text.rpartition(".")[0] + "."


def resaid(issuing: Issuing) -> str:
    header, _, signature = issuing.token().split(".")
    _, claims, _ = issuing.token(issuing.claims(subject="0192f3c1-b2a4-7d10-8000-3b5d2f1c9e09")).split(".")
    return f"{header}.{claims}.{signature}"


SIGNED_WRONG: dict[str, Forge] = {
    "no signature": lambda by: unsigned(by.token()),
    "alg none, no signature": lambda by: unsigned(by.token(alg="none")),
    "alg nOnE, no signature": lambda by: unsigned(by.token(alg="nOnE")),
    "alg null": lambda by: by.token(alg=None),
    "a foreign key": lambda by: by.forged(other_key(by)),
    "a foreign key of its own name": lambda by: other_key(by).token(by.claims(), typ=by.header.get("typ", ...)),
    "claims of another token": resaid,
    "another issuer's key": lambda by: by.forged(signing_key("EdDSA", "another issuer")),
}


@pytest.mark.parametrize("forge", SIGNED_WRONG.values(), ids=SIGNED_WRONG)
async def test_a_signature_that_is_not_the_issuers_is_refused(issuers: Issuers, issuing: Issuing, forge: Forge) -> None:
    assert await refusal(issuers, forge(issuing)) is TokenForged


@pytest.mark.parametrize("algorithm", OTHER_ALGORITHMS)
async def test_the_algorithm_is_the_keys_and_not_the_tokens(issuers: Issuers, issuing: Issuing, algorithm: str) -> None:
    if algorithm == issuing.key.algorithm:
        return
    assert await refusal(issuers, issuing.token(alg=algorithm)) is TokenForged


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_what_everybody_knows_of_a_key_is_no_secret(issuers: Issuers, issuing: Issuing, algorithm: str) -> None:
    for secret in issuing.known_secrets():
        for said in {algorithm, issuing.key.algorithm}:
            forged = issuing.forged(SigningKey(algorithm, secret), alg=said)
            assert await refusal(issuers, forged) is TokenForged, secret


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "file:///dev/null",
        "' UNION SELECT 'secret' --",
        "x'; DROP TABLE users; --",
        "$(sleep 9)",
        "http://169.254.169.254/",
        "\0",
        "",
        " ",
        "x" * 5_000,
        "__class__",
    ],
    ids=ascii,
)
async def test_a_kid_names_a_key_and_is_good_for_nothing_else(
    issuers: Issuers, server: KeyServer, issuing: Issuing, kid: str
) -> None:
    await identified(issuers, KEYED["EdDSA"].token())
    before = len(server.requests)
    forged = [other_key(issuing), *(SigningKey("HS256", secret) for secret in (b"", b"secret", b"\0", kid.encode()))]

    for key in forged:
        assert await refusal(issuers, issuing.forged(key, kid=kid, alg=key.algorithm)) is TokenForged
    assert len(server.requests) == before


@pytest.mark.parametrize("kid", [7, 1.5, True, None, ["x"], {"kid": "x"}], ids=str)
async def test_a_kid_that_is_no_text_is_refused(issuers: Issuers, issuing: Issuing, kid: Any) -> None:
    error = await refusal(issuers, issuing.forged(other_key(issuing), kid=kid))
    assert error is not None
    assert issubclass(error, TokenInvalid)


@pytest.mark.parametrize("issuing", KEYED.values(), ids=KEYED)
async def test_the_key_of_another_kid_does_not_help(issuers: Issuers, issuing: Issuing) -> None:
    for other in KEYED.values():
        if other is not issuing:
            assert await refusal(issuers, issuing.token(kid=other.key.kid)) is TokenForged
    assert await refusal(issuers, issuing.token(kid=...)) is TokenForged


async def test_keys_that_a_token_brings_along_are_not_looked_at(
    issuers: Issuers, server: KeyServer, issuing: Issuing
) -> None:
    key = other_key(issuing)
    public = {"kty": "oct", "k": base64(key.private), "kid": key.kid} if key.algorithm == "HS256" else key.jwk()
    await identified(issuers, KEYED["EdDSA"].token())
    before = len(server.requests)
    async with key_server(public) as attacker:
        brought: list[dict[str, Any]] = [
            {"jwk": public},
            {"jku": attacker.url},
            {"x5u": attacker.url},
            {"x5c": ["AAAA"]},
            {"jku": attacker.url, "jwk": public, "x5u": attacker.url, "x5c": ["AAAA"], "x5t": "AAAA"},
        ]
        for header in brought:
            for kid in (key.kid, issuing.key.kid):
                assert await refusal(issuers, issuing.forged(key, kid=kid, **header)) is TokenForged
            # A good token stays so, whatever it brings along.
            assert await refusal(issuers, issuing.token(**header)) is None
        assert attacker.requests == []
    assert len(server.requests) == before


CRITICAL: list[Any] = [["x"], ["exp"], ["b64"], [], "x", 7, None, {}, [7]]


@pytest.mark.parametrize("crit", CRITICAL, ids=str)
async def test_an_extension_that_must_be_understood_is_not(issuers: Issuers, issuing: Issuing, crit: Any) -> None:
    error = await refusal(issuers, issuing.token(crit=crit, x=1, b64=True))

    # PyJWT understands b64, which changes nothing when it is true.
    assert error is TokenInvalid or (issuing.whose == "ours" and crit == ["b64"] and error is None)


SAYS_WRONG: dict[str, tuple[Forge, Refusal, Refusal]] = {
    # What is forged, what our own token is refused with, and what another's.
    "expired": (lambda by: by.token(by.claims(exp=soon(-1))), TokenExpired, TokenExpired),
    "expired now": (lambda by: by.token(by.claims(exp=soon(0))), TokenExpired, TokenExpired),
    "expired long ago": (lambda by: by.token(by.claims(exp=1)), TokenExpired, TokenExpired),
    "expired before time": (lambda by: by.token(by.claims(exp=-1)), TokenExpired, TokenExpired),
    "expires never": (lambda by: by.token(by.claims(exp=math.inf)), TokenInvalid, TokenInvalid),
    "expires at no number": (lambda by: by.token(by.claims(exp=math.nan)), TokenInvalid, TokenInvalid),
    "expires at a word": (lambda by: by.token(by.claims(exp="soon")), TokenInvalid, TokenInvalid),
    "expires at a list": (lambda by: by.token(by.claims(exp=[soon(9)])), TokenInvalid, TokenInvalid),
    # Ours says so only if we do.
    "expires at a huge number": (lambda by: by.token(by.claims(exp=10**400)), None, TokenInvalid),
    "not yet": (lambda by: by.token(by.claims(nbf=soon(LEEWAY + 5))), TokenInvalid, TokenInvalid),
    "not yet, at a word": (lambda by: by.token(by.claims(nbf="now")), TokenMalformed, TokenMalformed),
    "issued later": (lambda by: by.token(by.claims(iat=soon(LEEWAY + 5))), TokenInvalid, TokenInvalid),
    "issued at a word": (lambda by: by.token(by.claims(iat="now")), TokenInvalid, TokenInvalid),
    "another audience": (lambda by: by.token(by.claims(audience="other")), TokenInvalid, TokenInvalid),
    "other audiences": (lambda by: by.token(by.claims(audience=["a", "b"])), TokenInvalid, TokenInvalid),
    "an audience like ours": (
        lambda by: by.token(by.claims(aud=f"{by.good['audience']}/")),
        TokenInvalid,
        TokenInvalid,
    ),
    "an audience in capitals": (
        lambda by: by.token(by.claims(aud=by.good["audience"].upper())),
        TokenInvalid,
        TokenInvalid,
    ),
    "no audience in a list": (lambda by: by.token(by.claims(aud=[])), TokenInvalid, TokenInvalid),
    "an audience that is a number": (lambda by: by.token(by.claims(aud=7)), TokenInvalid, TokenInvalid),
    "audiences that are numbers": (lambda by: by.token(by.claims(aud=[7])), TokenInvalid, TokenInvalid),
    # Nobody's token then: it is measured by ours, which another's key has not signed.
    "another issuer": (lambda by: by.token(by.claims(iss="https://example.com")), TokenInvalid, TokenForged),
    "an issuer like it": (lambda by: by.token(by.claims(iss=f"{by.good['issuer']}/")), TokenInvalid, TokenForged),
    "several issuers": (lambda by: by.token(by.claims(iss=[by.good["issuer"]])), TokenInvalid, TokenForged),
    "an issuer that is an object": (lambda by: by.token(by.claims(iss={})), TokenInvalid, TokenForged),
    "the other issuer": (
        lambda by: by.token(by.claims(iss=FRONTEND if by.whose == "ours" else "donewell")),
        TokenForged,
        TokenForged,
    ),
    "no issuer": (lambda by: by.token(by.claims(iss=...)), TokenInvalid, TokenForged),
    "no audience": (lambda by: by.token(by.claims(aud=...)), TokenInvalid, TokenInvalid),
    "no subject": (lambda by: by.token(by.claims(sub=...)), TokenInvalid, TokenInvalid),
    "no expiry": (lambda by: by.token(by.claims(exp=...)), TokenInvalid, TokenInvalid),
    "an expiry of null": (lambda by: by.token(by.claims(exp=None)), TokenInvalid, TokenInvalid),
    "no time of issue": (lambda by: by.token(by.claims(iat=...)), TokenInvalid, None),
    "an empty subject": (lambda by: by.token(by.claims(sub="")), TokenInvalid, TokenInvalid),
    "a subject that is a number": (lambda by: by.token(by.claims(sub=7)), TokenInvalid, TokenInvalid),
    "a subject that is a list": (lambda by: by.token(by.claims(sub=[SUBJECT])), TokenInvalid, TokenInvalid),
    "a long subject": (lambda by: by.token(by.claims(sub="x" * 256)), TokenInvalid, TokenInvalid),
    "a subject with NUL": (lambda by: by.token(by.claims(sub="x\0")), TokenInvalid, TokenInvalid),
    "a subject on two lines": (lambda by: by.token(by.claims(sub="x\ny")), TokenInvalid, TokenInvalid),
    "a subject beyond ASCII": (lambda by: by.token(by.claims(sub="\u00e9")), TokenInvalid, TokenInvalid),
    "half a character": (lambda by: by.token(by.claims(sub="\ud800")), TokenInvalid, TokenInvalid),
    "a refresh token's type": (lambda by: by.token(typ="refresh+jwt"), TokenInvalid, TokenInvalid),
    "an ID token's type": (lambda by: by.token(typ="id_token+jwt"), TokenInvalid, TokenInvalid),
    "a logout token's type": (lambda by: by.token(typ="logout+jwt"), TokenInvalid, TokenInvalid),
    "a proof's type": (lambda by: by.token(typ="dpop+jwt"), TokenInvalid, TokenInvalid),
    "an empty type": (lambda by: by.token(typ=""), TokenInvalid, TokenInvalid),
    "a type that is a list": (lambda by: by.token(typ=["at+jwt"]), TokenInvalid, TokenInvalid),
    "a type that is a number": (lambda by: by.token(typ=7), TokenInvalid, TokenInvalid),
    "claims are a list": (lambda by: by.token([]), TokenMalformed, TokenForged),
    "our refresh token": (
        lambda _: str(RefreshToken.new(USER, SESSION, b"k" * 32)),
        TokenMalformed,
        TokenMalformed,
    ),
}


@pytest.mark.parametrize("name", SAYS_WRONG)
async def test_a_token_that_is_not_for_us_or_not_for_now_is_refused(
    issuers: Issuers, issuing: Issuing, name: str
) -> None:
    forge, ours, anothers = SAYS_WRONG[name]
    expected = ours if issuing.whose == "ours" else anothers

    for _ in range(2):  # what was refused once is not remembered as good
        assert await refusal(issuers, forge(issuing)) is expected


ANOTHERS = {name: issuing for name, issuing in ISSUERS.items() if issuing.whose != "ours"}

OF_OTHERS: dict[str, tuple[Forge, Refusal]] = {
    "type JWT": (lambda by: by.token(typ="JWT"), None),
    "type jwt": (lambda by: by.token(typ="jwt"), None),
    "type at+jwt": (lambda by: by.token(typ="at+jwt"), None),
    "type application/at+jwt": (lambda by: by.token(typ="application/AT+JWT"), None),
    "type null": (lambda by: by.token(typ=None), None),
    "several audiences, one of them ours": (lambda by: by.token(by.claims(aud=["other", FRONTEND])), None),
    "a clock that is a little fast": (lambda by: by.token(by.claims(iat=soon(30), nbf=soon(30))), None),
    "good for a month": (lambda by: by.token(by.claims(exp=soon(LONGEST_LIFETIME - 5))), None),
    "good for longer": (lambda by: by.token(by.claims(exp=soon(LONGEST_LIFETIME + 5))), TokenInvalid),
    "good for years": (lambda by: by.token(by.claims(exp=4_102_444_800)), TokenInvalid),
    "the longest subject": (lambda by: by.token(by.claims(sub="x" * 255)), None),
    "a name that is no text": (lambda by: by.token(by.claims(name=["Ada"])), None),
    "no name": (lambda by: by.token(by.claims(name=...)), None),
    "an ID token, by its nonce": (lambda by: by.token(by.claims(nonce="x")), TokenInvalid),
    "an ID token, by its hash": (lambda by: by.token(by.claims(at_hash="x")), TokenInvalid),
    "a logout token": (lambda by: by.token(by.claims(events={})), TokenInvalid),
    "Keycloak's access token": (lambda by: by.token(by.claims(typ="Bearer")), None),
    "Keycloak's refresh token": (lambda by: by.token(by.claims(typ="Refresh")), TokenInvalid),
    "Keycloak's ID token": (lambda by: by.token(by.claims(typ="ID")), TokenInvalid),
    "Cognito's access token": (lambda by: by.token(by.claims(token_use="access")), None),
    "Cognito's ID token": (lambda by: by.token(by.claims(token_use="id")), TokenInvalid),
    "a kind that is a list": (lambda by: by.token(by.claims(typ=["Bearer"])), TokenInvalid),
    "too long": (lambda by: by.token(by.claims(name="x" * LONGEST_TOKEN)), TokenForged),
}


@pytest.mark.parametrize("issuing", ANOTHERS.values(), ids=ANOTHERS)
@pytest.mark.parametrize("name", OF_OTHERS)
async def test_what_is_asked_of_another_issuers_token(issuers: Issuers, issuing: Issuing, name: str) -> None:
    forge, expected = OF_OTHERS[name]

    assert await refusal(issuers, forge(issuing)) is expected


async def test_an_issuers_token_is_good_only_for_its_own_name(server: KeyServer) -> None:
    # Two issuers with one key set: each has its own people.
    other = "https://other.example.com"
    trusted = [
        TrustedIssuer(issuer=FRONTEND, jwks_url=server.url, audience="one"),
        TrustedIssuer(issuer=other, jwks_url=server.url, audience="two"),
    ]
    issuers, by = Issuers(trusted, {FRONTEND: FRONTEND_SECRET}), KEYED["EdDSA"]

    for issuer, audience, expected in ((FRONTEND, "one", None), (other, "two", None), (FRONTEND, "two", TokenInvalid)):
        assert await refusal(issuers, by.token(by.claims(iss=issuer, aud=audience))) is expected
    shared = SigningKey("HS256", FRONTEND_SECRET.encode())
    assert await refusal(issuers, shared.token(by.claims(aud="one"))) is None
    assert await refusal(issuers, shared.token(by.claims(iss=other, aud="two"))) is TokenForged


async def test_an_algorithm_that_the_operator_does_not_allow_is_refused(server: KeyServer) -> None:
    trusted = TrustedIssuer(issuer=FRONTEND, jwks_url=server.url, audience=FRONTEND, algorithms=("ES256",))
    issuers = Issuers([trusted], {})

    assert {name: await refusal(issuers, by.token()) for name, by in ANOTHERS.items()} == {
        "shared secret": TokenForged,
        "EdDSA": TokenForged,
        "RS256": TokenForged,
        "ES256": None,
    }
