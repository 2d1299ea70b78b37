"""Rates, as they are written in settings."""

import pytest

from backend.config.rates import Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1/second", Rate(1, 1)),
        ("100/minute", Rate(100, 60)),
        ("20/hour", Rate(20, 3_600)),
        ("999999999/day", Rate(999_999_999, 86_400)),
        ("off", None),
    ],
)
def test_a_rate_is_a_number_in_a_time_or_none(text: str, rate: Rate | None) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0/minute",
        "-1/minute",
        "1",
        "1/",
        "/minute",
        "1/fortnight",
        "1 / minute",
        "1/minutes",
        "OFF",
        "1e9/day",
        "१/day",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="100/minute"):
        Rate.parse(text)
