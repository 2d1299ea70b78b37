"""Recurrence against RFC 5545 read a day at a time: random rules, with and without COUNT."""

from datetime import date, timedelta
from itertools import islice, takewhile

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from backend.domain.recurrence import check, occurrences
from backend.domain.recurrence_rule import InvalidRule, parse
from tests.unit.test_domain.rfc5545 import DAY, Series
from tests.unit.test_domain.rules import rules, starts

# Counting lines takes longer than all else here, and others have been on them.
pytestmark = pytest.mark.usefixtures("uncounted")

WINDOW = timedelta(days=1_000)

TIMES = 10 * settings().max_examples


@settings(max_examples=TIMES)
@given(text=rules(), start=starts, later=st.integers(0, 20_000), earlier=st.integers(1, 500))
@example("FREQ=YEARLY;BYWEEKNO=-52;BYDAY=TH;WKST=TH", date(1991, 1, 31), 0, 1)
@example("FREQ=YEARLY;BYWEEKNO=52", date(1993, 1, 31), 0, 1)
def test_a_series_has_the_days_that_the_rfc_gives_it(text: str, start: date, later: int, earlier: int) -> None:
    """From before its start, just after it and, without looking at what lies between, decades later."""
    rule, series = parse(text), Series(text, start)
    for after in (start - earlier * DAY, start, start + later * DAY):
        until = after + WINDOW
        found = list(takewhile(lambda day: day <= until, occurrences(rule, start, after)))  # noqa: B023

        assert found == list(series.days(after + DAY, until))


@settings(max_examples=TIMES // 4)
@given(text=rules(), start=starts, count=st.integers(1, 30), later=st.integers(-500, 800))
def test_a_series_ends_with_the_last_that_count_gives_it(text: str, start: date, count: int, later: int) -> None:
    counted = list(islice(Series(text, start).days(start, start + WINDOW), count))
    assume(len(counted) == count)
    after = start + later * DAY

    found = list(occurrences(parse(f"{text};COUNT={count}"), start, after))

    assert found == [day for day in counted if day > after]


@given(text=rules())
def test_the_canonical_text_says_the_same(text: str) -> None:
    canonical = str(parse(text))

    assert parse(canonical) == parse(text)
    assert str(parse(canonical)) == canonical


@settings(max_examples=TIMES // 4)
@given(text=rules(), start=starts)
def test_what_is_refused_for_having_no_day_has_none_for_years(text: str, start: date) -> None:
    try:
        check(parse(text), start)
    except InvalidRule:
        assert not any(Series(text, start).days(start + DAY, start + 3 * WINDOW))
