"""Text from outside: kept as it came but for normal form C, and limited by what would be stored."""

import unicodedata
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from backend.schemas.tasks import Description, Title
from backend.schemas.users import Name
from backend.utils.validators import Password

TYPES: Mapping[str, TypeAdapter[str]] = {
    "title": TypeAdapter(Title),
    "name": TypeAdapter(Name),
    "description": TypeAdapter(Description),
    "password": TypeAdapter(Password),
}
TITLE, DESCRIPTION, PASSWORD = TYPES["title"], TYPES["description"], TYPES["password"]
LIMITS = {"title": (1, 255), "name": (1, 255), "description": (0, 16_384), "password": (8, 256)}

COMBINED = "e\u0301"
"""Two characters that normal form C makes one."""

QA = "\u0958"
"""DEVANAGARI LETTER QA: one character that normal form C makes two."""

SHARP = "\U0001d160"
"""MUSICAL SYMBOL EIGHTH NOTE: one character that normal form C makes three."""

any_type = pytest.mark.parametrize("name", TYPES)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def codes(adapter: TypeAdapter[str], value: Any) -> list[str]:
    """What is wrong with the value."""
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return [fault["type"] for fault in error.errors()]
    return []


@given(texts)
@example(" \u2003\u00a0padded\u2028\n")
@example("e\u0301 \u212b \ufb01 \U0001f469\u200d\U0001f680 \u202eright to left")
def test_a_title_is_trimmed_and_in_normal_form_and_otherwise_as_it_came(text: str) -> None:
    expected = unicodedata.normalize("NFC", text.strip())

    assert (TITLE.validate_python(text) if expected else codes(TITLE, text)) == (expected or ["string_too_short"])


@given(texts)
@example("  indented\n\n\tcode  \r\n")
def test_a_description_keeps_its_white_space(text: str) -> None:
    assert DESCRIPTION.validate_python(text) == unicodedata.normalize("NFC", text)


@given(texts.map(lambda text: text + "long enough"))
@example("        ")
def test_a_password_keeps_its_white_space(text: str) -> None:
    assert PASSWORD.validate_python(text) == unicodedata.normalize("NFC", text)


@any_type
@given(text=texts.map(lambda text: text + "long enough"))
def test_what_was_accepted_once_is_accepted_again_and_stays_the_same(name: str, text: str) -> None:
    accepted = TYPES[name].validate_python(text)

    assert TYPES[name].validate_python(accepted) == accepted


@any_type
@given(before=st.text(), after=st.text())
def test_nul_is_refused_anywhere(name: str, before: str, after: str) -> None:
    assert codes(TYPES[name], f"{before}\0{after}") == ["nul_character"]


@any_type
@given(before=texts, surrogate=st.characters(categories=["Cs"]), after=texts)
def test_a_lone_surrogate_is_refused_anywhere(name: str, before: str, surrogate: str, after: str) -> None:
    assert codes(TYPES[name], f"{before}{surrogate}{after}") == ["string_unicode"]


@any_type
@pytest.mark.parametrize("value", [None, True, 0, 1.5, [], ["x"], {}])
def test_what_is_not_text_is_refused(name: str, value: Any) -> None:
    assert codes(TYPES[name], value) == ["string_type"]


@any_type
@pytest.mark.parametrize("mark", ["\u0301", "\u0327", "\u0f73"], ids=["acute", "cedilla", "a starter that is none"])
def test_a_letter_may_carry_many_marks_but_not_endlessly_many(name: str, mark: str) -> None:
    assert codes(TYPES[name], "password" + mark * 30) == []
    assert codes(TYPES[name], "password" + mark * 31) == ["combining_marks"]


@any_type
def test_marks_that_would_take_minutes_to_put_in_order_are_refused_at_once(name: str) -> None:
    assert codes(TYPES[name], "a" + "\u0301" * 250_000 + "\u0327" * 250_000) == ["combining_marks"]


@any_type
@pytest.mark.parametrize("character", ["x", "\U0001f600", "\u00e9"])
def test_limits_count_characters_not_bytes(name: str, character: str) -> None:
    least, most = LIMITS[name]

    assert codes(TYPES[name], character * most) == []
    assert codes(TYPES[name], character * (most + 1)) == ["string_too_long"]
    assert codes(TYPES[name], character * least) == []
    if least:
        assert codes(TYPES[name], character * (least - 1)) == ["string_too_short"]


@pytest.mark.parametrize(
    ("name", "text", "faults"),
    [
        pytest.param("title", QA * 127, [], id="title lengthened to 254"),
        pytest.param("title", QA * 128, ["string_too_long"], id="title lengthened from 128 to 256"),
        pytest.param("name", SHARP * 86, ["string_too_long"], id="name lengthened from 86 to 258"),
        pytest.param("description", QA * 8_193, ["string_too_long"], id="description lengthened to 16,386"),
        pytest.param("password", QA * 129, ["string_too_long"], id="password lengthened from 129 to 258"),
        pytest.param("title", COMBINED * 255, [], id="title shortened from 510 to 255"),
        pytest.param("title", COMBINED * 256, ["string_too_long"], id="title shortened to 256"),
        pytest.param("password", COMBINED * 7, ["string_too_short"], id="password shortened from 14 to 7"),
        pytest.param("password", COMBINED * 8, [], id="password shortened to 8"),
        pytest.param("title", " " * 300 + "x" * 255 + "\n" * 300, [], id="title with white space around it"),
        pytest.param("title", " \t\n\u2003 ", ["string_too_short"], id="title of nothing but white space"),
        pytest.param("name", "\u3000", ["string_too_short"], id="name of nothing but white space"),
        pytest.param("title", "", ["string_too_short"], id="no title"),
    ],
)
def test_limits_count_what_would_be_stored(name: str, text: str, faults: list[str]) -> None:
    assert codes(TYPES[name], text) == faults
