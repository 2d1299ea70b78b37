"""The algorithm that counts requests: exact, even, and bounded in what it remembers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.config.rates import Rate
from backend.middleware import rate_limit
from backend.middleware.rate_limit import Buckets

NOW = 1_000_000.0


def taken(buckets: Buckets, times: int, now: float = NOW, who: str = "ada") -> int:
    """How many of so many requests at one moment may go on."""
    return sum(not buckets.take(who, now)[1] for _ in range(times))


@pytest.mark.parametrize("rate", [Rate(1, 1), Rate(7, 1), Rate(1_000, 60), Rate(100, 3_600), Rate(3, 86_400)])
def test_the_whole_allowance_may_be_used_at_once_and_not_one_more(rate: Rate) -> None:
    assert taken(Buckets(rate), 2 * rate.requests) == rate.requests


def test_it_comes_back_evenly() -> None:
    buckets = Buckets(Rate(60, 60))
    taken(buckets, 60)

    assert taken(buckets, 5, NOW + 0.9) == 0
    assert taken(buckets, 5, NOW + 1) == 1
    assert taken(buckets, 5, NOW + 4) == 3
    assert taken(buckets, 99, NOW + 64) == 60


def test_whoever_is_refused_is_told_when_to_come_again() -> None:
    buckets = Buckets(Rate(60, 60))
    taken(buckets, 60)

    spent, wait = buckets.take("ada", NOW + 0.25)

    assert spent == pytest.approx(59.75)
    assert wait == pytest.approx(0.75)
    assert buckets.take("ada", NOW + 0.25 + wait)[1] == 0


def test_what_is_refused_costs_nothing() -> None:
    buckets = Buckets(Rate(60, 60))
    taken(buckets, 1_000)

    assert taken(buckets, 5, NOW + 2) == 2


def test_each_has_an_allowance_of_their_own() -> None:
    buckets = Buckets(Rate(2, 60))

    assert (taken(buckets, 3, who="ada"), taken(buckets, 3, who="grace")) == (2, 2)


@given(gaps=st.lists(st.floats(0, 3), max_size=60))
def test_never_more_than_twice_the_allowance_in_any_period(gaps: list[float]) -> None:
    buckets, now, allowed = Buckets(Rate(5, 3)), NOW, []
    for gap in gaps:
        now += gap
        if not buckets.take("ada", now)[1]:
            allowed.append(now)

    assert all(sum(first <= one < first + 3 for one in allowed) <= 10 for first in allowed)


def test_who_has_the_whole_allowance_again_is_forgotten() -> None:
    buckets = Buckets(Rate(10, 10))
    for number in range(1_000):
        buckets.take(f"{number}", NOW + number)

    assert len(buckets) <= 3


def test_more_than_are_remembered_are_forgotten_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MOST_COUNTED", 100)
    buckets = Buckets(Rate(1, 60))
    for number in range(100):
        taken(buckets, 1, who=f"{number}")
    assert taken(buckets, 1, who="0") == 0

    assert taken(buckets, 1, who="one more") == 1

    assert len(buckets) == 100
    assert taken(buckets, 1, who="1") == 0 or taken(buckets, 1, who="0") == 1
