"""The form of personal access tokens, and what a process remembers of them."""

import re
import zlib
from collections.abc import Callable

import pytest
from uuid_utils.compat import uuid7

from backend.auth import personal_tokens
from backend.auth.personal_tokens import PersonalTokens, has_form, hash_of, new_token
from backend.auth.principal import PresentedToken, Principal, TokenExpired, TokenMalformed
from backend.services.revocations import RETENTION

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
NEVER = 1 << 40


def principal(expires_at: int = NEVER) -> Principal:
    return Principal(uuid7(), uuid7(), expires_at, "token", frozenset({"tasks:read"}))


def test_a_token_is_a_prefix_256_random_bits_and_their_checksum() -> None:
    token = new_token()
    match = re.fullmatch(r"dwp_([0-9A-Za-z]{43})([0-9A-Za-z]{6})", token)

    assert match is not None
    assert 62 ** len(match[1]) >= 2**256
    checksum = 0
    for digit in match[2]:
        checksum = checksum * 62 + DIGITS.index(digit)
    assert checksum == zlib.crc32(match[1].encode())
    assert has_form(token)


def test_no_two_tokens_are_alike() -> None:
    assert len({new_token() for _ in range(1_000)}) == 1_000


def test_a_checksum_has_six_digits_however_small_it_is() -> None:
    assert personal_tokens._checksum("") == "000000"


@pytest.mark.parametrize(
    "garble",
    [
        lambda token: token[:-1],
        lambda token: f"{token}0",
        lambda token: f"{token}\n",
        lambda token: token.replace("dwp_", "dwr_"),
        lambda token: token[:4] + token[5:] + token[4],
        lambda token: token[:10] + ("a" if token[10] != "a" else "b") + token[11:],
        lambda token: f"{token[:-1]}é",
        lambda _: "dwp_",
        lambda _: "",
    ],
)
def test_what_is_garbled_has_not_the_form(garble: Callable[[str], str]) -> None:
    garbled = garble(new_token())

    assert not has_form(garbled)
    with pytest.raises(TokenMalformed):
        PersonalTokens().identify(garbled)


def test_what_was_not_looked_up_is_presented_as_a_hash() -> None:
    token = new_token()

    assert PersonalTokens().identify(token) == PresentedToken(hash_of(token))
    assert len(hash_of(token)) == 32


def test_what_was_looked_up_is_known_until_it_has_become_old(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, token, who = PersonalTokens(), new_token(), principal()
    now = 1_000.0
    monkeypatch.setattr(personal_tokens, "monotonic", lambda: now)
    tokens.remember(PresentedToken(hash_of(token)), who)

    assert tokens.identify(token) is who
    now += personal_tokens.REMEMBERED_FOR
    assert tokens.identify(token) == PresentedToken(hash_of(token))


def test_an_end_is_noticed_however_well_the_token_is_known() -> None:
    tokens, token = PersonalTokens(), new_token()
    tokens.remember(PresentedToken(hash_of(token)), principal(expires_at=1))

    with pytest.raises(TokenExpired):
        tokens.identify(token)


def test_those_that_were_used_least_recently_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal_tokens, "REMEMBERED", 2)
    tokens, (first, second, third) = PersonalTokens(), (new_token() for _ in range(3))
    for token in (first, second):
        tokens.remember(PresentedToken(hash_of(token)), principal())
    tokens.identify(first)

    tokens.remember(PresentedToken(hash_of(third)), principal())

    known = [isinstance(tokens.identify(token), Principal) for token in (first, second, third)]
    assert known == [True, False, True]


def test_a_token_is_not_remembered_for_longer_than_its_end_is() -> None:
    assert RETENTION.total_seconds() / 2 > personal_tokens.REMEMBERED_FOR
