"""How the items of a file come to be written: a number at a time, and none before what it stands in. Pure."""

import traceback
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from backend.formats.items import Broken, Found, Item, Kind, Reading

BATCH = 500
"""Items that are in memory, and in one statement, at a time."""

LONGEST_BATCH = 500_000
"""Characters of descriptions in a batch: the database takes its time to index them."""

MOST_ITEMS = 50_000
"""In a file: a heavy user of a to-do app has a tenth of them."""


class Batches:
    """A reading, cut into batches. `broken` is what ended it before its end."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.taken = 0
        self.ended = False
        self.broken: Broken | None = None
        self.defect: str | None = None
        """What went wrong in us, and where, if that ended it."""

    def next(self) -> Sequence[Found]:
        """The next batch; after the last, `ended`."""
        batch: list[Found] = []
        length = 0
        try:
            for found in islice(self._reading, BATCH):
                if self.taken == MOST_ITEMS:
                    raise Broken("too_many_items", f"A file may have {MOST_ITEMS:,} items")  # noqa: TRY301 - it ends as others do
                batch.append(found)
                self.taken += 1
                length += _length(found)
                if length > LONGEST_BATCH:
                    return batch
        except Broken as broken:
            self.broken = broken
        except Exception as error:  # noqa: BLE001 - what has been taken in is told all the same
            self.broken = Broken("unreadable", "From here on the file cannot be read", batch[-1].row if batch else 0)
            self.defect = _place(error)
        self.ended = self.broken is not None or len(batch) < BATCH
        return batch


def cut(items: Iterable[Item]) -> Iterator[Sequence[Item]]:
    """The items in batches."""
    batch: list[Item] = []
    length = 0
    for item in items:
        batch.append(item)
        length += _length(item)
        if len(batch) == BATCH or length > LONGEST_BATCH:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _length(found: Found) -> int:
    return len(str(found.fields.get("description") or "")) if isinstance(found, Item) else 0


def _place(error: Exception) -> str:
    """Not what it says: that may be from the file."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


type Key = tuple[Kind, str]


class Line:
    """Where what comes before its parent waits for it. Siblings stay in the order of the file."""

    def __init__(self) -> None:
        self._passed: set[Key] = set()
        self._waiting: dict[Key, list[Item]] = defaultdict(list)

    def ready(self, item: Item) -> Iterator[Item]:
        """What may be written now that this has come: nothing, or it and all that has waited for it."""
        if item.parent is not None and (item.kind, item.parent) not in self._passed:
            self._waiting[item.kind, item.parent].append(item)
            return
        ready = deque([item])
        while ready:
            one = ready.popleft()
            yield one
            self._passed.add((one.kind, one.source))
            ready.extendleft(reversed(self._waiting.pop((one.kind, one.source), ())))

    def rest(self) -> Iterator[Sequence[Item]]:
        """What has waited in vain, as if it stood in nothing; of a circle, one stands in nothing.

        A batch is of one kind.
        """
        released = [one for root in self._roots() for one in self.ready(root)]
        for kind in dict.fromkeys(item.kind for item in released):
            yield from cut(item for item in released if item.kind == kind)

    def _roots(self) -> Iterator[Item]:
        """Each has to be released before the next is asked for."""
        sources = {(item.kind, item.source) for items in self._waiting.values() for item in items}
        for missing in [key for key in self._waiting if key not in sources]:
            yield from map(_alone, self._waiting.pop(missing))
        # What is left stands in a circle, or in what does.
        left = {(item.kind, item.source): item for items in self._waiting.values() for item in items}
        for item in left.values():
            if _above(item) in self._waiting:
                yield _alone(self._taken_from_circle(item, left))

    def _taken_from_circle(self, item: Item, left: Mapping[Key, Item]) -> Item:
        """The first in the circle that is come to from this item upwards. It waits no more."""
        passed: set[Key] = set()
        while (item.kind, item.source) not in passed:
            passed.add((item.kind, item.source))
            item = left[_above(item)]
        self._waiting[_above(item)] = [one for one in self._waiting[_above(item)] if one is not item]
        return item


def _above(item: Item) -> Key:
    return item.kind, item.parent or ""


def _alone(item: Item) -> Item:
    return replace(item, parent=None, losses=(*item.losses, "parent"))
