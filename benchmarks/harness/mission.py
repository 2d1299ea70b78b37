"""The mission's promise under load: a thousand users, minutes of it, a sign-in storm, a noisy user."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.harness import report
from benchmarks.harness.cpu import MIB
from benchmarks.harness.machine import facts, line
from benchmarks.harness.mission_plot import plot
from benchmarks.harness.mission_scenarios import QUICK, Lengths, Row, noisy_user, sign_in_storm, thousand_users
from benchmarks.harness.mission_soak import Soak, soak
from benchmarks.harness.tools import RESULTS, cache

MET = {True: "met", False: "MISSED", None: "-"}
GROWS = {True: "YES", False: "no", None: "cannot be told: disturbed"}
EXACT_BELOW = 100
"""Milliseconds from which on tenths say nothing."""

SCENARIOS: Mapping[str, tuple[str, Callable[[Lengths], Iterator[Row]]]] = {
    "users": ("1,000 users: a request a second each (k6), and closed loop (wrk)", thousand_users),
    "storm": ("Sign-in storm beside the paced users (whose CPU then includes it)", sign_in_storm),
    "noisy": ("A noisy user beside the paced ones", noisy_user),
}
NAMES = (*SCENARIOS, "soak")


def _ms(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:,.{0 if milliseconds >= EXACT_BELOW else 1}f}"


def _errors(row: Row) -> str:
    statuses = ", ".join(f"{count} times {status}" for status, count in row.figures.statuses.items())
    return f"{row.figures.errors}" + (f" ({statuses})" if statuses else "")


def _pair(server: float, database: float) -> str:
    return f"{server:.0f} + {database:.0f}"


def _cores(row: Row) -> str:
    disturbed = " !" if row.figures.disturbed else ""
    return f"{row.figures.load_cores:.2f}, {row.figures.others_cores:.2f}{disturbed}"


COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "server": lambda row: row.server,
    "load": lambda row: row.load,
    "req/s": lambda row: f"{row.figures.rate:,.0f}",
    "p50 ms": lambda row: _ms(row.figures.p50),
    "p95": lambda row: _ms(row.figures.p95),
    "p99": lambda row: _ms(row.figures.p99),
    "max": lambda row: _ms(row.figures.max),
    "reads p95": lambda row: _ms(row.figures.reads_p95),
    "late p99": lambda row: _ms(row.figures.late_p99),
    "errors": _errors,
    "asked": lambda row: MET[row.met],
    "CPU µs": lambda row: _pair(row.figures.server_us, row.figures.database_us),
    "MiB": lambda row: _pair(row.figures.server_memory / MIB, row.figures.database_memory / MIB),
    "conns": lambda row: str(row.figures.connections),
    "cores": _cores,
}
LEGEND = """\
Late: how long after its time a request was sent. Asked: paced p95 < 25 ms; closed loop p95 < 500 ms, p99 < 700 ms; no
errors. CPU (a request) and memory (PSS): server + database. Conns: to the database. Cores: what the load generator
took, and what all else on the machine did; with "!" that disturbed the run."""


def mission(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of the time; the figures are less steady.")] = False,
    only: Annotated[str, typer.Option(metavar="NAME,…", help=f"Of {', '.join(NAMES)}.")] = "",
    soak_seconds: Annotated[
        int | None, typer.Option(min=10, help="How long the soak lasts: 300 if not --quick.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the figures go; of a whole run: the results.")] = None,
) -> None:
    """The mission's promise: 1,000 users, five minutes of it, a sign-in storm, a noisy user."""
    chosen = only.split(",") if only else NAMES
    if unknown := set(chosen) - set(NAMES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}")
    lengths = QUICK if quick else Lengths()
    seconds = soak_seconds or lengths.soak
    whole = not only and not quick and seconds == lengths.soak
    directory = out or (RESULTS if whole else cache("results"))
    results: dict[str, Any] = {"machine": facts()}
    text: list[str] = []

    def show(title: str, rows: list[Row]) -> None:
        text.append(f"### {title}\n\n{table(rows)}")
        typer.echo(f"\n{text[-1]}")

    for name, (title, scenario) in SCENARIOS.items():
        if name in chosen:
            rows = list(scenario(lengths))
            results[name] = [asdict(row) for row in rows]
            show(title, rows)
    directory.mkdir(parents=True, exist_ok=True)
    if "soak" in chosen:
        soaked = soak(lengths, seconds)
        results["soak"] = asdict(soaked)
        show(f"Soak: {soaked.seconds} seconds of the paced users", [soaked.row])
        text.append(trends(soaked))
        typer.echo(f"\n{text[-1]}")
        plot(soaked, directory / "soak.svg")
    typer.echo(f"\n{LEGEND}")
    report.written(directory, "mission", "\n".join([*text, LEGEND, "", line(results["machine"])]) + "\n", results)
    typer.echo(f"written: {directory}/mission.*", err=True)


def table(rows: list[Row]) -> str:
    """A Markdown table that is aligned for people as well, with the rows' notes below."""
    lines = [list(COLUMNS), *([cell(row) for cell in COLUMNS.values()] for row in rows)]
    notes = [f"- {row.server}, {row.load}: {row.note}" for row in rows if row.note]
    return report.table(lines) + "".join(f"{note}\n" for note in ([""] if notes else []) + notes)


def trends(soaked: Soak) -> str:
    """What the soak's verdict rests on."""
    lines = [["", "at first", "at last", "grows"]]
    lines += [[trend.what, f"{trend.first:.1f}", f"{trend.last:.1f}", GROWS[trend.grows]] for trend in soaked.trends]
    return report.table(lines)
