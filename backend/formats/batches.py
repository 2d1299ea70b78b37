"""How the items of a file come to be written: a number at a time, and none before what it stands in. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice

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
                length += len(str(found.fields.get("description") or "")) if isinstance(found, Item) else 0
                if length > LONGEST_BATCH:
                    return batch
        except Broken as broken:
            self.broken = broken
        self.ended = self.broken is not None or len(batch) < BATCH
        return batch


class Line:
    """Where what comes before its parent waits for it. Siblings stay in the order of the file."""

    def __init__(self) -> None:
        self._passed: set[tuple[Kind, str]] = set()
        self._waiting: dict[tuple[Kind, str], list[Item]] = defaultdict(list)

    def ready(self, item: Item) -> Iterator[Item]:
        """What may be written now that this has come: nothing, or it and all that has waited for it."""
        if item.parent is not None and (item.kind, item.parent) not in self._passed:
            self._waiting[item.kind, item.parent].append(item)
            return
        ready = [item]
        while ready:
            one = ready.pop(0)
            yield one
            self._passed.add((one.kind, one.source))
            ready = self._waiting.pop((one.kind, one.source), []) + ready

    def rest(self) -> Iterator[Sequence[Item]]:
        """What has waited in vain, as if it stood in nothing; of a circle, one stands in nothing."""
        while self._waiting:
            sources = {(item.kind, item.source) for items in self._waiting.values() for item in items}
            missing = next((key for key in self._waiting if key not in sources), next(iter(self._waiting)))
            for item in self._waiting.pop(missing):
                alone = Item(
                    item.kind, item.row, item.source, item.fields, None, item.project, (*item.losses, "parent")
                )
                yield from _cut(list(self.ready(alone)))


def _cut(items: list[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
