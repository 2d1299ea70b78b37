"""Places in a list: fractional keys, of which there is always another between any two. Pure.

A key is text that is compared byte by byte. Rows are put at the end by `end`; `between` and `spread` make keys for what
is moved. Those never come behind an end that was given, so that the next one is free.
"""

from collections.abc import Collection, Sequence

from fractional_indexing import FIError, generate_key_between, generate_n_keys_between

LONGEST = 40
"""Characters. Where a key would be longer, its neighbours are spread anew: `make_room`."""

SHORT = 24
"""Characters of a key that leaves room again."""

FARTHEST = 800
"""How many rows on each side are spread anew at most."""

_NEAREST = 25


def end(revision: int) -> str:
    """The place behind all that were given before this revision of the owner's."""
    return f"l{revision:012x}"


def between(before: str | None, after: str | None) -> str:
    """A place behind the one and in front of the other; None is where the list begins, or where it ends.

    Raises `ValueError` for what are no keys in this order.
    """
    try:
        key: str = generate_key_between(before, after)
    except FIError as error:
        raise ValueError("these are no keys in this order") from error
    return key


def spread(before: str | None, after: str | None, number: int, taken: Collection[str] = ()) -> list[str]:
    """So many places in order and evenly apart, none of which is taken already. Raises as `between` does."""
    try:
        keys: list[str] = generate_n_keys_between(before, after, number + len(taken))
    except FIError as error:
        raise ValueError("these are no keys in this order") from error
    free = [key for key in keys if key not in taken]
    return [free[place * len(free) // number] for place in range(number)]


def make_room(
    before: Sequence[str], after: Sequence[str], last: str, taken: Collection[str] = ()
) -> tuple[int, list[str]]:
    """New keys for what stands in front of a place and behind it, and for one more row there, all short.

    `before` and `after` have the keys in order, of a long list the `FARTHEST` + 1 nearest to the place, and `last` is
    behind all of them. No key is one that these rows have now, nor one of those taken besides. Gives for how many of
    `before` there are new keys, and these, in the order of the rows. As few rows as do change: 25 on each side, or
    twice as many, and so on.
    """
    reach = _NEAREST
    while True:
        low, high = max(0, len(before) - reach), min(len(after), reach)
        moved = {*before[low:], *after[:high]}
        bounds = before[low - 1] if low else None, after[high] if high < len(after) else last
        keys = spread(*bounds, len(moved) + 1, moved.union(taken))
        if reach >= FARTHEST or moved == {*before, *after} or max(map(len, keys)) <= SHORT:
            return len(before) - low, keys
        reach *= 2
