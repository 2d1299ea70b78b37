"""Fractional keys: order, room for one more, and how long they grow where many are moved to one place."""

import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.ordering import FARTHEST, LONGEST, SHORT, between, end, make_room, spread

# A head that says how long the whole part is, and a fraction that does not end in zero.
KEY = re.compile(r"[A-Za-z][0-9A-Za-z]*")
MOVES = 100_000

# Where to take a row from, and where to put it, in a list of so many.
PLACES: dict[str, tuple[int, Callable[[random.Random, int], tuple[int, int]]]] = {
    "the last of 20 second": (20, lambda _, rows: (rows - 1, 1)),
    "the last of 1,000 second": (1_000, lambda _, rows: (rows - 1, 1)),
    "the last of 1,000 first": (1_000, lambda _, rows: (rows - 1, 0)),
    "the last of 1,000 to the middle": (1_000, lambda _, rows: (rows - 1, rows // 2)),
    "any of 1,000 to the middle": (1_000, lambda random, rows: (random.randrange(rows), rows // 2)),
    "two that change places": (1_000, lambda _, rows: (rows // 2, rows // 2 + 1)),
    "the first of 1,000 last": (1_000, lambda _, rows: (0, rows - 1)),
}


def is_key(key: str) -> bool:
    head = ord(key[0])
    whole = head - ord("a") + 2 if key[0] >= "a" else ord("Z") - head + 2
    return bool(KEY.fullmatch(key)) and len(key) >= whole and not key[whole:].endswith("0")


class Rows:
    """A list in which rows are moved as the services do it."""

    def __init__(self, number: int) -> None:
        self.keys = [end(revision) for revision in range(1, number + 1)]
        self.revision = number
        self.longest = self.rewritten = 0

    def move(self, source: int, target: int) -> None:
        self.revision += 1
        del self.keys[source]
        before, after = self.keys[:target][-FARTHEST - 1 :], self.keys[target:][: FARTHEST + 1]
        last = end(self.revision)
        key = between(before[-1] if before else None, after[0]) if after else last
        new, moved = ([key], 0) if len(key) <= LONGEST else make_room(before, after, last)[::-1]
        self.keys[target - moved : target - moved + len(new) - 1] = new
        self.rewritten += len(new)
        self.longest = max(self.longest, *map(len, new))


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=60))
def test_between_any_two_there_is_a_key(places: list[int]) -> None:
    keys = [end(1)]
    for place in places:
        at = place % (len(keys) + 1)
        before, after = keys[at - 1] if at else None, keys[at] if at < len(keys) else None
        key = between(before, after)
        assert is_key(key)
        keys.insert(at, key)

    assert keys == sorted(set(keys))


@given(st.integers(0, 2**48 - 2), st.integers(1, 200), st.sets(st.integers(0, 200)))
def test_what_is_spread_is_in_order_and_not_taken(revision: int, number: int, others: set[int]) -> None:
    before, after = end(revision), end(revision + 1)
    room = spread(before, after, 201)
    taken = {room[other] for other in others}

    keys = spread(before, after, number, taken)

    assert len(keys) == number
    assert [before, *keys, after] == sorted({before, *keys, after})
    assert taken.isdisjoint(keys)
    assert all(map(is_key, keys))


@given(st.integers(0, 2**48 - 2))
def test_an_end_is_behind_those_before_it(revision: int) -> None:
    assert is_key(end(revision))
    assert end(revision) < end(revision + 1)
    assert end(revision) < between(end(revision), end(revision + 1)) < end(revision + 1)


@pytest.mark.parametrize(("before", "after"), [("a1", "a1"), ("a2", "a1"), ("a10", None), ("?", None)])
def test_what_is_no_key_or_in_no_order_is_refused(before: str, after: str | None) -> None:
    with pytest.raises(ValueError, match="no keys in this order"):
        between(before, after)
    with pytest.raises(ValueError, match="no keys in this order"):
        spread(before, after, 2)


@pytest.mark.usefixtures("uncounted")
@pytest.mark.parametrize("place", PLACES)
def test_keys_stay_short_however_often_rows_are_moved_to_one_place(place: str) -> None:
    number, choose = PLACES[place]
    chance = random.Random(1)
    rows = Rows(number)

    for _ in range(MOVES):
        rows.move(*choose(chance, number))

    assert rows.keys == sorted(set(rows.keys))
    assert len(rows.keys) == number
    assert rows.longest <= LONGEST
    assert rows.rewritten <= 4 * MOVES


def test_making_room_leaves_the_order_and_what_is_far_away() -> None:
    before = [end(number) for number in range(1_000)]
    after = [end(number) for number in range(1_000, 2_000)]

    moved, keys = make_room(before[-FARTHEST - 1 :], after[: FARTHEST + 1], end(2_001))

    assert (moved, len(keys)) == (25, 51)
    assert before[-26] < keys[0] < keys[-1] < after[25]
    assert max(map(len, keys)) <= SHORT
