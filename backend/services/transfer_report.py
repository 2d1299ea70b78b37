"""What becomes of the items of a file, told row by row."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.domain.errors import Fault
from backend.formats.items import Item, Kind
from backend.services.transfer_statements import TABLES

type Outcome = Literal["created", "exists", "skipped"]

MOST_ROWS = 1_000
"""Rows that a report tells of one by one."""


@dataclass(slots=True)
class Report:
    """What became of the items so far."""

    finished: bool = True
    counts: dict[Kind, Counter[Outcome]] = field(default_factory=lambda: defaultdict(Counter))
    losses: Counter[str] = field(default_factory=Counter)
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    problems: list[Mapping[str, Any]] = field(default_factory=list)

    def item(self, item: Item, outcome: Outcome, fault: Fault | None = None) -> None:
        """Note what became of an item, and why."""
        self.losses.update(item.losses if outcome == "created" else ())
        self.row(item.row, item.kind, outcome, fault)

    def row(self, row: int, kind: Kind | None, outcome: Outcome, fault: Fault | None = None) -> None:
        """Note what became of a row, and why."""
        if kind is not None:
            self.counts[kind][outcome] += 1
        why = {"field": fault.field or None, "code": fault.code, "message": fault.message} if fault else _PLAIN
        entry = {"row": row, "kind": kind, "outcome": outcome, **why}
        if len(self.rows) < MOST_ROWS:
            self.rows.append(entry)
        if outcome == "skipped" and len(self.problems) < MOST_ROWS:
            self.problems.append(entry)

    def outcomes(self) -> Mapping[str, Mapping[str, int]]:
        """How many of each kind came to what."""
        return {f"{kind}s": {name: self.counts[kind][name] for name in _OUTCOMES} for kind in TABLES}


_PLAIN = {"field": None, "code": None, "message": None}
_OUTCOMES: tuple[Outcome, ...] = ("created", "exists", "skipped")
