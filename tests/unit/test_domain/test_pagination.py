"""A cursor says where a page begins, exactly; nothing but a cursor is taken for one."""

import string
import struct
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from backend.domain.errors import InvalidInput
from backend.domain.pagination import (
    Key,
    Place,
    Position,
    Rank,
    decode_cursor,
    decode_place,
    encode_cursor,
    encode_place,
)

URL_SAFE = set(string.ascii_letters + string.digits + "-_=")

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
positions = st.builds(Position, st.datetimes(timezones=st.just(UTC)), st.uuids())
cursors = positions.map(encode_cursor)
EPOCH_CURSOR = encode_cursor(Position(datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0)))


def is_an_instant(moment: datetime) -> bool:
    """Whether UTC has a name for it too: the first and last hours of the calendar do not have one in every zone."""
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return False
    return True


def packed(microseconds: int) -> str:
    """What a cursor would be for an instant that `datetime` may not reach."""
    return urlsafe_b64encode(struct.pack(">q16s", microseconds, bytes(16))).decode()


def refused(text: str) -> bool:
    """Whether the text is refused, with a fault that names the parameter."""
    try:
        decode_cursor(text)
    except InvalidInput as error:
        return [(fault.field, fault.code) for fault in error.faults] == [("cursor", "invalid_cursor")]
    return False


@given(positions)
@example(Position(datetime.min.replace(tzinfo=UTC), UUID(int=0)))
@example(Position(datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1)))
@example(Position(datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), UUID(int=1)))
def test_a_cursor_comes_back_as_the_position_it_was_made_of(position: Position) -> None:
    assert decode_cursor(encode_cursor(position)) == position


@given(st.datetimes(timezones=offsets).filter(is_an_instant), st.uuids())
def test_a_cursor_names_an_instant_whatever_the_zone_it_was_told_in(instant: datetime, row_id: UUID) -> None:
    cursor = encode_cursor(Position(instant, row_id))

    assert cursor == encode_cursor(Position(instant.astimezone(UTC), row_id))
    assert decode_cursor(cursor).instant == instant
    assert decode_cursor(cursor).instant.tzinfo is UTC


@given(cursors)
def test_a_cursor_needs_no_escaping_in_a_url(cursor: str) -> None:
    assert set(cursor) <= URL_SAFE
    assert len(cursor) <= 200, "the longest that a query takes"


@given(cursors, st.data())
def test_a_truncated_cursor_is_refused(cursor: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(cursor) - 1))
    end = data.draw(st.integers(begin, len(cursor)))
    assume(cursor[begin:end] != cursor)

    assert refused(cursor[begin:end])


@given(cursors, st.text(min_size=1), st.data())
def test_a_cursor_with_anything_in_it_is_refused(cursor: str, more: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(cursor)))

    assert refused(cursor[:place] + more + cursor[place:])


@given((st.text() | st.text(st.sampled_from(sorted(URL_SAFE)))).filter(lambda text: len(text) != len(EPOCH_CURSOR)))
def test_other_text_is_refused(text: str) -> None:
    assert refused(text)


@given(st.binary(max_size=64).filter(lambda raw: len(raw) != 24))
def test_bytes_of_another_length_are_refused(raw: bytes) -> None:
    assert refused(urlsafe_b64encode(raw).decode())


@given(st.binary(min_size=24, max_size=24).map(lambda raw: urlsafe_b64encode(raw).decode()))
def test_text_of_the_right_form_is_the_cursor_of_its_position_or_of_none(text: str) -> None:
    assert refused(text) or encode_cursor(decode_cursor(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(EPOCH_CURSOR + "=", id="padding that does not belong"),
        pytest.param(EPOCH_CURSOR + "\n", id="a line break at the end"),
        pytest.param(" " + EPOCH_CURSOR, id="a space in front"),
        pytest.param(EPOCH_CURSOR[:5] + "!" + EPOCH_CURSOR[5:], id="a character that a lenient decoder drops"),
        pytest.param("\uff21" + EPOCH_CURSOR[1:], id="a full-width letter"),
        pytest.param(EPOCH_CURSOR[:-1] + "\ud800", id="a lone surrogate"),
        pytest.param(EPOCH_CURSOR[:-1] + "\0", id="NUL"),
        pytest.param(packed(-1).replace("_", "/"), id="the other base64 alphabet"),
        pytest.param(packed(2**63 - 1), id="an instant after the year 9999"),
        pytest.param(packed(-(2**63)), id="an instant before the year 1"),
        pytest.param("12", id="an offset"),
        pytest.param("0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01", id="an id"),
    ],
)
def test_what_only_looks_like_a_cursor_is_refused(text: str) -> None:
    assert refused(text)


instants = st.datetimes(timezones=st.just(UTC))
KEYS: dict[type[Key], st.SearchStrategy[Key]] = {
    datetime: instants,
    int: st.integers(-(2**15), 2**15 - 1),
    str: st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=255),
    Rank: st.builds(Rank, st.floats(0, 3, width=32), instants),
}
kinds = st.sampled_from(sorted(KEYS, key=str))
orders = st.sampled_from("cCdDpPrtTuUyY")
longest = "\U0001f331" * 255


@given(kinds.flatmap(lambda kind: st.tuples(st.just(kind), st.none() | KEYS[kind])), orders, st.uuids())
@example((str, longest), "t", UUID(int=0))
@example((datetime, datetime.max.replace(tzinfo=UTC)), "d", UUID(int=2**128 - 1))
def test_a_place_in_any_order_comes_back_as_it_was(
    keyed: tuple[type[Key], Key | None], order: str, row_id: UUID
) -> None:
    kind, key = keyed
    cursor = encode_place(order, Place(key, row_id))

    assert decode_place(cursor, order, kind) == Place(key, row_id)
    assert set(cursor) <= URL_SAFE
    assert len(cursor) <= 2_000, "the longest that a query takes"
    assert refused(cursor), "by a list that is sorted by when its rows were made"


def refused_as(text: str, order: str, kind: type[Key]) -> bool:
    try:
        decode_place(text, order, kind)
    except InvalidInput as error:
        return [(fault.field, fault.code) for fault in error.faults] == [("cursor", "invalid_cursor")]
    return False


@given(cursors, kinds, orders)
def test_a_cursor_without_an_order_is_none_of_a_list_with_one(cursor: str, kind: type[Key], order: str) -> None:
    assert refused_as(cursor, order, kind)


@given(instants, st.uuids(), orders, orders)
def test_a_place_is_of_one_order(instant: datetime, row_id: UUID, order: str, other: str) -> None:
    assume(order != other)

    assert refused_as(encode_place(order, Place(instant, row_id)), other, datetime)


@given(st.text() | st.text(st.sampled_from(sorted(URL_SAFE))), kinds, orders)
@example("t" + urlsafe_b64encode(b"a\0b" + bytes(16)).decode(), str, "t")
@example("t" + urlsafe_b64encode(b"\xed\xa0\x80" + bytes(16)).decode(), str, "t")
@example("d" + urlsafe_b64encode(b"\x7f" + b"\xff" * 7 + bytes(16)).decode(), datetime, "d")
@example("d" + urlsafe_b64encode(bytes(3)).decode(), datetime, "d")
@example("r" + urlsafe_b64encode(b"\x7f\xc0\x00\x01" + bytes(24)).decode(), Rank, "r")
def test_other_text_is_no_place(text: str, kind: type[Key], order: str) -> None:
    assert refused_as(text, order, kind) or encode_place(order, decode_place(text, order, kind)) == text


@given(st.binary(min_size=16, max_size=64), kinds, orders)
def test_any_bytes_are_a_place_or_none(raw: bytes, kind: type[Key], order: str) -> None:
    text = order + urlsafe_b64encode(raw).decode()

    assert refused_as(text, order, kind) or encode_place(order, decode_place(text, order, kind)) == text
