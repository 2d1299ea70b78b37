"""A refresh token is text that only we can have made, or it is none."""

import hashlib
import string
from base64 import urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from backend.services.sessions import InvalidGrant, RefreshToken

PREFIX = "dwr_"
URL_SAFE = sorted(set(string.ascii_letters + string.digits + "-_="))

tokens = st.builds(RefreshToken, st.uuids(), st.uuids(), st.binary(min_size=32, max_size=32))
SOME = str(RefreshToken(UUID(int=1), UUID(int=2), bytes(32)))


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


@given(st.uuids(), st.uuids())
def test_a_new_token_is_for_its_session_and_cannot_be_guessed(user_id: UUID, session_id: UUID) -> None:
    one, other = (RefreshToken.new(user_id, session_id) for _ in range(2))

    assert (one.user_id, one.session_id) == (user_id, session_id)
    assert len(one.secret) == 32
    assert one.secret != other.secret


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
@example(SOME.rstrip("="))
@example(f"{SOME}=")
@example(PREFIX + urlsafe_b64encode(bytes(63)).decode())
@example(PREFIX + urlsafe_b64encode(bytes(65)).decode())
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


@pytest.mark.parametrize("last", "BCDEFGHIJKLMNOP")
def test_a_token_has_one_spelling(last: str) -> None:
    # The last character before the padding has four bits to spare, which a decoder ignores.
    assert SOME.endswith("A==")
    assert refused(f"{SOME[:-3]}{last}==")
