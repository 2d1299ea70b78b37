"""In which order what is in a file is written, and in how few statements."""

from collections.abc import Iterator

import pytest

from backend.formats.batches import BATCH, LONGEST_BATCH, Batches, Line, cut
from backend.formats.items import Found, Item, Kind


def item(source: str, parent: str | None = None, kind: Kind = "task", description: str = "") -> Item:
    return Item(kind, 1, source, {"description": description}, parent)


def released(line: Line, *items: Item) -> list[str]:
    return [one.source for given in items for one in line.ready(given)]


def test_what_comes_before_its_parent_follows_it_in_the_order_of_the_file() -> None:
    line = Line()

    assert released(line, item("c", "b"), item("b", "a"), item("d", "a"), item("e", "c"), item("f")) == ["f"]
    assert released(line, item("a")) == ["a", "b", "c", "e", "d"]
    assert not list(line.rest())


def test_what_has_waited_in_vain_comes_in_full_batches_and_stands_in_nothing() -> None:
    line = Line()
    released(line, *(item(f"t{number}", f"absent-{number}") for number in range(3 * BATCH)), item("below", "t0"))
    released(line, item("p", "absent", "project"))

    batches = list(line.rest())

    assert [len(batch) for batch in batches] == [BATCH, BATCH, BATCH, 1, 1]
    assert [{one.kind for one in batch} for batch in batches] == [{"task"}] * 4 + [{"project"}]
    found = {one.source: one for batch in batches for one in batch}
    assert (found["t7"].parent, found["t7"].losses) == (None, ("parent",))
    assert (found["below"].parent, found["below"].losses) == ("t0", ())


@pytest.mark.parametrize(
    ("items", "order", "alone"),
    [
        ([item("a", "a")], ["a"], ["a"]),
        ([item("a", "b"), item("b", "a"), item("c", "a")], ["a", "c", "b"], ["a"]),
        ([item("x", "a"), item("a", "b"), item("b", "a")], ["a", "x", "b"], ["a"]),
        ([item("a", "b"), item("b", "a"), item("c", "d"), item("d", "c")], ["a", "b", "c", "d"], ["a", "c"]),
        ([item("a", "b"), item("a", "a"), item("b", "a")], ["a", "b", "a"], ["a"]),
    ],
)
def test_of_a_circle_the_first_stands_in_nothing(items: list[Item], order: list[str], alone: list[str]) -> None:
    line = Line()
    released(line, *items)

    found = [one for batch in line.rest() for one in batch]

    assert sorted(one.source for one in found) == sorted(order)
    assert [one.source for one in found if one.parent is None] == alone
    for place, one in enumerate(found):
        assert one.parent in {None, *(before.source for before in found[:place])}


def test_ten_thousand_circles_take_no_longer_than_what_is_in_none() -> None:
    line = Line()
    released(line, *(item(f"t{number}", f"t{number ^ 1}") for number in range(20_000)))

    assert sum(len(batch) for batch in line.rest()) == 20_000


def test_a_batch_of_long_descriptions_is_a_short_one() -> None:
    long = [item(str(number), description="x" * (LONGEST_BATCH // 4)) for number in range(6)]

    assert [len(batch) for batch in cut(long)] == [5, 1]


def test_a_reader_that_fails_ends_the_file_with_what_has_been_read() -> None:
    def reading() -> Iterator[Found]:
        yield item("a")
        raise ZeroDivisionError("Water the plants")

    batches = Batches(reading())

    assert [one.source for one in batches.next() if isinstance(one, Item)] == ["a"]
    assert batches.ended
    assert batches.broken is not None
    assert (batches.broken.code, batches.broken.row) == ("unreadable", 1)
    assert batches.defect is not None
    assert batches.defect.startswith("ZeroDivisionError at test_batches.py:")
