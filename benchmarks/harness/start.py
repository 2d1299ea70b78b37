"""What a start costs: import time by package, cold and warm start to the first answer, memory at rest."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness import machine
from benchmarks.harness.report import table, written
from benchmarks.harness.start_measure import CASES, MAIN, ROLES, import_packages, import_time, prepared, started
from benchmarks.harness.tools import RESULTS, cache

DEAREST = 15
PLACES = (MAIN, *ROLES.values())
SPREAD = ("least", "median", "most")
WARM = CASES[2].title


@dataclass(slots=True)
class Figures:
    """Milliseconds of each round, the latter two by the package and by the case's title; MiB of each process."""

    imports: list[float] = field(default_factory=list)
    packages: list[dict[str, float]] = field(default_factory=list)
    starts: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """By the case's title and the process's role."""


def start(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Three rounds; the figures are less steady.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where the figures go; of a whole run: the results.")] = None,
) -> None:
    """Measure import time, cold and warm start to the first answer, and memory at rest."""
    facts = machine.facts()
    figures = measured(3 if quick else 9)
    packages = min(figures.packages, key=lambda found: sum(found.values()))
    parts = {
        "Import time, ms": import_rows(figures.imports, packages),
        "Start to the first answer, ms": start_rows(figures.starts),
        "Memory at rest (proportional set size of each process), MiB": memory_rows(figures.memory),
        "Targets": target_rows(figures),
    }
    text = "\n".join([*(f"### {title}\n\n{table(rows)}" for title, rows in parts.items()), machine.line(facts) + "\n"])
    typer.echo(f"\n{text}")
    directory = out or (cache("results") if quick else RESULTS)
    written(directory, "start", text, {"facts": facts, **asdict(figures)})


def measured(rounds: int) -> Figures:
    """Import, and start in every way, in turns; the last time, see what is held."""
    figures = Figures()
    with prepared() as settings:
        for turn in range(1, rounds + 1):
            typer.echo(f"start: round {turn} of {rounds}", err=True)
            figures.imports.append(import_time())
            figures.packages.append(import_packages())
            for case in CASES:
                milliseconds, figures.memory[case.title] = started(case, settings[case], at_rest=turn == rounds)
                figures.starts.setdefault(case.title, []).append(milliseconds)
    return figures


def import_rows(imports: list[float], packages: dict[str, float]) -> list[Sequence[str]]:
    """The whole, and of the fastest what it consists of: the packages are sorted."""
    values = list(packages.values())
    parts = [*list(packages.items())[:DEAREST], ("others", sum(values[DEAREST:]))]
    rows: list[Sequence[str]] = [("", *SPREAD), ("together", *_spread(imports))]
    return rows + [(package, f"{milliseconds:.0f}", "", "") for package, milliseconds in parts]


def start_rows(times: dict[str, list[float]]) -> list[Sequence[str]]:
    return [("", *SPREAD), *((title, *_spread(values)) for title, values in times.items())]


def memory_rows(memory: dict[str, dict[str, list[float]]]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("", *PLACES, "all")]
    for title, roles in memory.items():
        cells = [_each(roles.get(role, [])) for role in PLACES]
        rows.append((title, *cells, f"{sum(map(sum, roles.values())):.0f}"))
    return rows


def target_rows(figures: Figures) -> list[Sequence[str]]:
    """Against what docs/performance.md promises."""
    serving = max(value for roles in figures.memory.values() for value in roles.get("worker") or roles[MAIN])
    targets = (
        ("import time, ms", 800, 500, statistics.median(figures.imports)),
        (f"start, {WARM}, ms", 2_000, 1_200, statistics.median(figures.starts[WARM])),
        ("memory per worker, MiB", 150, 110, serving),
    )
    rows: list[Sequence[str]] = [("", "must", "goal", "is", "")]
    for title, must, goal, value in targets:
        verdict = "goal" if value < goal else "must" if value < must else "MISSED"
        rows.append((title, f"< {must:,}", f"< {goal:,}", f"{value:,.0f}", verdict))
    return rows


def _spread(values: list[float]) -> list[str]:
    return [f"{figure:,.0f}" for figure in (min(values), statistics.median(values), max(values))]


def _each(values: list[float]) -> str:
    """Each process's; of many, how many and their sum."""
    return " + ".join(f"{value:.0f}" for value in values) if len(values) < 3 else f"{len(values)}: {sum(values):.0f}"
