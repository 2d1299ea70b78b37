"""The soak: the paced users for minutes, and whether anything grows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.harness.cpu import MIB
from benchmarks.harness.mission_load import DISTURBED, Figures, paced
from benchmarks.harness.mission_scenarios import EMBEDDED, USERS, Lengths, Row, serving

WARM_UP = 10
COMPARED = 60
"""Seconds at each end that are compared, or a fifth of a shorter run."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A measure at the beginning and at the end, and whether that is growth; None where it cannot be told."""

    what: str
    first: float
    last: float
    grows: bool | None


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that should not grow: more than `factor` times and `step` more is growth.

    A `touchy` one changes as well when something else uses the machine.
    """

    what: str
    of: Callable[[Figures], float]
    factor: float
    step: float
    touchy: bool = False


MEASURES = (
    Measure("p95, ms", lambda window: window.p95, 1.5, 3, touchy=True),
    Measure("server CPU, µs a request", lambda window: window.server_us, 1.2, 20, touchy=True),
    Measure("server memory, MiB", lambda window: window.server_memory / MIB, 1.03, 3),
    Measure("database connections", lambda window: window.connections, 1, 1),
    Measure("open files of the server", lambda window: window.open_files, 1, 10),
)


@dataclass(frozen=True, slots=True)
class Soak:
    """The windows in order, each of `window` seconds, and what became of each measure."""

    window: int
    windows: list[Figures]
    trends: list[Trend]
    row: Row

    @property
    def seconds(self) -> int:
        return self.window * len(self.windows)


def soak(lengths: Lengths, seconds: int) -> Soak:
    """Load the server on its embedded database and look at it window by window."""
    names = [str(number) for number in range(max(2, seconds // lengths.window))]
    phases = [("warm", WARM_UP), *((name, lengths.window) for name in names)]
    place = EMBEDDED[0]
    with serving(place) as server:
        run = paced(server, phases, USERS)
    windows = [run.phases[name] for name in names]
    compared = max(1, min(COMPARED // lengths.window, len(windows) // 5))
    trends = [_trend(measure, windows[:compared], windows[-compared:]) for measure in MEASURES]
    verdict = f"{_verdict(trends)}; {sum(window.errors for window in windows)} errors in all"
    return Soak(lengths.window, windows, trends, Row(place.title, "the last window", windows[-1], note=verdict))


def _trend(measure: Measure, first: Sequence[Figures], last: Sequence[Figures]) -> Trend:
    # The median: one window in which something else used the machine is not the end of it.
    before, after = (median(map(measure.of, windows)) for windows in (first, last))
    disturbed = measure.touchy and any(median(map(_others, windows)) > DISTURBED for windows in (first, last))
    grows = after > before * measure.factor and after >= before + measure.step
    return Trend(measure.what, before, after, None if disturbed else grows)


def _others(window: Figures) -> float:
    return window.others_cores


def _verdict(trends: Sequence[Trend]) -> str:
    growing = [trend.what.partition(",")[0] for trend in trends if trend.grows]
    unknown = [trend.what.partition(",")[0] for trend in trends if trend.grows is None]
    verdict = f"GROWTH of {' and '.join(growing)}" if growing else "no growth"
    return f"{verdict} (disturbed, so not judged: {', '.join(unknown)})" if unknown else verdict
