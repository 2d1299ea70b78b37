"""What it costs to find the next due date: of usual rules, and of the dearest of random hostile ones.

`uv run python -m benchmarks.recurrence`; microseconds of CPU.
"""

import random
import statistics
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from time import thread_time

from backend.domain.due import Due
from backend.domain.recurrence import Recurrence, check, next_due
from backend.domain.recurrence_rule import InvalidRule, Rule, parse

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BEGAN = date(1970, 1, 31)
USUAL = (
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=MONTHLY",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY",
    "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
    "FREQ=DAILY;COUNT=1000",
)
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
HOSTILE = 5_000


def took(step: Callable[[], object], times: int) -> float:
    """The least of so many measurements."""
    best = float("inf")
    for _ in range(times):
        begin = thread_time()
        step()
        best = min(best, thread_time() - begin)
    return best * 1e6


def following(rule: Rule) -> Due | None:
    due = Due(BEGAN, time(9), "Europe/Berlin")
    return next_due(Recurrence(rule), due, start=BEGAN, now=NOW, viewer_zone="UTC")


def hostile(chance: random.Random) -> str:
    """Rare days, large intervals, high counts."""

    def from_both_ends(last: int) -> str:
        return str(chance.choice((-1, 1)) * chance.randint(1, last))

    by = {
        "BYMONTH": chance.choice(("2", "4", "6")),
        "BYMONTHDAY": chance.choice(("29", "30", "31", "-31", from_both_ends(31))),
        "BYDAY": ",".join(chance.sample(DAYS, chance.randint(1, 7))),
        "BYYEARDAY": chance.choice(("366", "-366", from_both_ends(366))),
        "BYWEEKNO": chance.choice(("53", "1", from_both_ends(53))),
        "BYSETPOS": from_both_ends(366),
        "COUNT": "1000",
    }
    head = f"FREQ={chance.choice(('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'))};INTERVAL={chance.choice((1, 2, 7, 1000))}"
    return ";".join([head, *(f"{name}={value}" for name, value in by.items() if chance.random() < 0.4)])


def main() -> None:
    following(parse("FREQ=DAILY"))  # imports dateutil
    for text in USUAL:
        print(f"{took(lambda text=text: following(parse(text)), 200):10,.0f}  {text}")  # type: ignore[misc]  # noqa: T201
    chance = random.Random(5)
    kept: dict[str, float] = {}
    refused: dict[str, float] = {}
    for _ in range(HOSTILE):
        text = hostile(chance)
        try:
            rule = parse(text)
        except InvalidRule:
            continue
        try:
            check(rule, BEGAN)
        except InvalidRule:
            refused[text] = took(lambda rule=rule: following(rule), 2)  # type: ignore[misc]
        else:
            kept[text] = took(lambda rule=rule: following(rule), 2)  # type: ignore[misc]
    for name, costs in (("hostile rules", kept), ("rules that are refused", refused)):
        worst = max(costs, key=lambda text: costs[text])
        print(f"{statistics.median(costs.values()):10,.0f}  the median of {len(costs):,} {name}")  # noqa: T201
        print(f"{costs[worst]:10,.0f}  the dearest of them: {worst}")  # noqa: T201


if __name__ == "__main__":
    main()
