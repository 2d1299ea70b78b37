"""The figures of growth as a table, as JSON and as a plot."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.harness import report
from benchmarks.harness.growth_load import Point
from benchmarks.harness.plots import drawn

FLAT = 1.2
"""How many times the cost at the smallest size a cost may be and still pass for flat."""


@dataclass(frozen=True, slots=True)
class Series:
    """What grows, by a name for files and a title for people, and what it costs."""

    name: str
    title: str
    axis: str
    points: Sequence[Point]

    def of(self, operation: str) -> list[Point]:
        return sorted((point for point in self.points if point.operation == operation), key=lambda point: point.size)

    def ratio(self, point: Point) -> float:
        """To the cost at the smallest size."""
        return point.total_us / self.of(point.operation)[0].total_us

    def operations(self) -> list[str]:
        return list(dict.fromkeys(point.operation for point in self.points))

    def sizes(self) -> list[int]:
        return sorted({point.size for point in self.points})

    def steep(self) -> Iterator[Point]:
        """What is not flat."""
        return (point for point in self.points if self.ratio(point) > FLAT)

    def as_dict(self) -> dict[str, object]:
        points = [{**asdict(point), "total_us": point.total_us, "ratio": self.ratio(point)} for point in self.points]
        return {"title": self.title, "axis": self.axis, "points": points}


def table(series: Series) -> str:
    """Markdown: a row for each size; in each cell server + database microseconds and the ratio to the smallest size."""
    rows = [[series.axis, *series.operations()]]
    for size in series.sizes():
        found = {point.operation: point for point in series.points if point.size == size}
        rows.append([f"{size:,}", *(_cell(series, found[operation]) for operation in series.operations())])
    return f"### {series.title}\n\n" + report.table(rows) + _verdict(series)


def _cell(series: Series, point: Point) -> str:
    cost = f"{point.server_us:.0f} + {point.database_us:.0f} ({series.ratio(point):.2f}x)"
    return cost + (f", {point.errors} errors" if point.errors else "")


def _verdict(series: Series) -> str:
    steep = [f"{point.operation} at {point.size:,} ({series.ratio(point):.2f}x)" for point in series.steep()]
    return f"\nBeyond {FLAT}x: {', '.join(steep) or 'nothing'}.\n"


def plot(series: Series, path: Path) -> None:
    """Draw the costs, the rounds' range around them, and the ratios."""
    with drawn(path, 9, 3.6) as figure:
        costs, ratios = figure.subplots(1, 2)
        for operation in series.operations():
            points = series.of(operation)
            sizes = [point.size for point in points]
            costs.plot(sizes, [point.total_us for point in points], marker="o", label=operation)
            lowest, highest = zip(*((min(point.totals), max(point.totals)) for point in points), strict=True)
            costs.fill_between(sizes, lowest, highest, alpha=0.15)
            ratios.plot(sizes, [series.ratio(point) for point in points], marker="o", label=operation)
        ratios.axhline(FLAT, color="grey", linestyle="--", linewidth=1)
        costs.set_ylabel("server + database CPU, µs a request")
        ratios.set_ylabel(f"times the smallest (dashed: {FLAT})")
        for axes in (costs, ratios):
            axes.set_xscale("log")
            axes.set_xlabel(series.axis)
            axes.set_ylim(bottom=0)
            axes.grid(alpha=0.3)
        costs.legend(loc="lower left", ncols=2)
        figure.suptitle(series.title)
