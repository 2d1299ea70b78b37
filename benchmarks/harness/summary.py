"""What the rounds come to: medians, and ratios taken round by round, of runs that stood side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.harness.load import Measurement

FIGURES = ("server_us", "database_us", "total_us", "rate", "p50_ms", "p95_ms", "p99_ms")


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several rounds, and how far they lie apart."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"

    def inverse(self) -> "Spread":
        """Of the reciprocal values."""
        return Spread(1 / self.median, 1 / self.most, 1 / self.least)


def spread(values: Sequence[float]) -> Spread:
    """What the values of several rounds come to."""
    return Spread(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Summary:
    """The runs of a contest, by contestant and operation."""

    runs: Sequence[Measurement]

    def of(self, contestant: str, operation: str) -> list[Measurement]:
        """The rounds, in order."""
        return [run for run in self.runs if (run.contestant, run.operation) == (contestant, operation)]

    def figure(self, name: str, contestant: str, operation: str) -> Spread:
        """One of `FIGURES` over the rounds."""
        return spread([getattr(run, name) for run in self.of(contestant, operation)])

    def errors(self, contestant: str, operation: str) -> int:
        """Answers that were refusals, requests without an answer, and writes that wrote nothing, in all rounds."""
        return sum(run.refused + run.broken + run.unwritten for run in self.of(contestant, operation))

    def ratio(self, name: str, contestant: str, reference: str, operation: str) -> Spread | None:
        """A figure as a multiple of the reference's in the same round, if both were measured."""
        pairs = list(zip(self.of(contestant, operation), self.of(reference, operation), strict=False))
        if not pairs or any(getattr(other, name) == 0 for _, other in pairs):
            return None
        return spread([getattr(run, name) / getattr(other, name) for run, other in pairs])

    def as_rows(self, references: Sequence[str]) -> Iterator[dict[str, object]]:
        """For JSON: all figures and the ratios of CPU time to each reference."""
        for contestant, operation in dict.fromkeys((run.contestant, run.operation) for run in self.runs):
            row: dict[str, object] = {"contestant": contestant, "operation": operation}
            row |= {name: asdict(self.figure(name, contestant, operation)) for name in FIGURES}
            row["errors"] = self.errors(contestant, operation)
            for reference in references:
                for name in ("server_us", "total_us"):
                    ratio = self.ratio(name, contestant, reference, operation)
                    row[f"{name}_to_{reference}"] = asdict(ratio) if ratio else None
            yield row
