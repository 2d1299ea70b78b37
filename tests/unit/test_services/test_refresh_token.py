"""A refresh token is text that only we can have made, or it is none."""

import hashlib
import string
from base64 import urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from backend.auth.refresh_tokens import InvalidGrant, RefreshToken

PREFIX = "dwr_"
URL_SAFE = sorted(set(string.ascii_letters + string.digits + "-_="))

tokens = st.builds(RefreshToken, st.uuids(), st.uuids(), st.binary(min_size=64, max_size=64))
SOME = str(RefreshToken(UUID(int=1), UUID(int=2), bytes(64)))


def refused(text: str) -> bool:
    try:
        RefreshToken.parse(text)
    except InvalidGrant:
        return True
    return False


@given(tokens)
def test_a_token_comes_back_as_it_was(token: RefreshToken) -> None:
    assert RefreshToken.parse(str(token)) == token


@given(tokens)
def test_a_token_can_be_told_from_others_at_sight_and_sent_in_a_form(token: RefreshToken) -> None:
    assert str(token).startswith(PREFIX)
    assert set(str(token).removeprefix(PREFIX)) <= set(URL_SAFE)
    assert len(str(token)) <= 512, "the longest that a request takes"


@given(st.uuids(), st.uuids(), st.binary(min_size=32, max_size=32))
def test_a_new_token_is_for_its_session_and_cannot_be_guessed(user_id: UUID, session_id: UUID, key: bytes) -> None:
    one, other = (RefreshToken.new(user_id, session_id, key) for _ in range(2))

    assert (one.user_id, one.session_id) == (user_id, session_id)
    assert one.secret[:32] != other.secret[:32]


@given(tokens, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_token_is_known_by_the_key_that_made_it_alone(token: RefreshToken, key: bytes, another: bytes) -> None:
    made = RefreshToken.new(token.user_id, token.session_id, key)

    assert made.is_of(key)
    assert made.is_of(another) == (key == another)
    assert not token.is_of(key)


@given(tokens)
def test_what_is_kept_of_a_token_is_a_hash_of_its_secret(token: RefreshToken) -> None:
    assert token.hash() == hashlib.sha256(token.secret).digest()


@given(st.text() | st.text(st.sampled_from(URL_SAFE)).map(PREFIX.__add__))
@example("")
@example(PREFIX)
@example(SOME.removeprefix(PREFIX))
@example(SOME.upper())
@example(SOME.replace(PREFIX, "dwx_"))
@example(PREFIX + SOME)
@example(f" {SOME}")
@example(f"{SOME}\n")
@example(f"{SOME}=")
@example(PREFIX + urlsafe_b64encode(bytes(95)).decode())
@example(PREFIX + urlsafe_b64encode(bytes(97)).decode())
@example("\ud800")
def test_other_text_is_no_token(text: str) -> None:
    assert refused(text)


@given(tokens, st.text(min_size=1), st.data())
def test_a_token_with_anything_in_it_is_none(token: RefreshToken, more: str, data: st.DataObject) -> None:
    text = str(token)
    place = data.draw(st.integers(0, len(text)))

    assert refused(text[:place] + more + text[place:])


@given(tokens, st.data())
def test_a_truncated_token_is_none(token: RefreshToken, data: st.DataObject) -> None:
    text = str(token)
    begin = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(begin, len(text)))
    assume(text[begin:end] != text)

    assert refused(text[begin:end])


@pytest.mark.parametrize("padding", ["=", "==", "A==", "AA=", "AAA", "AAAA"])
def test_a_token_has_one_spelling(padding: str) -> None:
    assert refused(SOME + padding)


@given(st.uuids(), st.uuids(), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_token_has_one_successor_which_takes_the_key_to_find(
    user_id: UUID, session_id: UUID, key: bytes, another: bytes
) -> None:
    assume(key != another)
    token = RefreshToken.new(user_id, session_id, key)

    successor = token.successor(key)

    assert successor == token.successor(key)
    assert successor.is_of(key)
    assert (successor.user_id, successor.session_id) == (user_id, session_id)
    assert len({token.secret, successor.secret, token.successor(another).secret, successor.successor(key).secret}) == 4
