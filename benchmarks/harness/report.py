"""The outcome of a contest as Markdown that reads well in a terminal too, and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import machine
from benchmarks.harness.contest import TITLES, Outcome
from benchmarks.harness.contestants import BY_NAME
from benchmarks.harness.plots import bars
from benchmarks.harness.summary import Summary
from benchmarks.harness.targets import OURS, TARGETS

REFERENCE = "idiomatic"
REFERENCES = (REFERENCE, OURS)
HEADS = (
    "", "server µs", "database µs", "together", "requests/s", "p50 ms", "p95 ms", "p99 ms", "errors",
    "server / FastAPI + SQLModel", "together / Donewell",
)  # fmt: skip
LEGEND = """\
CPU time per request (from the scheduler's own count) of the server's processes and of its database's, median of the
rounds. Ratios are taken round by round, of runs that stood side by side: median (least to most).
"""


def markdown(outcome: Outcome) -> str:
    """The whole report."""
    summary = Summary(outcome.runs)
    plan = outcome.plan
    parts = [
        f"{machine.line(outcome.machine)}; {plan.rounds} rounds of {plan.seconds} s each.\n",
        LEGEND,
        *(f"### {operation}\n\n{table(_operation(outcome, summary, operation))}" for operation in plan.operations),
        f"### Memory and connections, right after the load\n\n{table(_held(outcome))}",
        f"### Targets\n\n{table(_targets(outcome, summary))}",
        f"### The same work\n\n{''.join(_work(outcome))}",
    ]
    return "\n".join(parts)


def save(outcome: Outcome, directory: Path, name: str) -> list[Path]:
    """Write the report, the raw rounds and the plot."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{name}.{ending}" for ending in ("md", "json", "svg")]
    whole = {"summary": list(Summary(outcome.runs).as_rows(REFERENCES)), **outcome.as_dict()}
    paths[0].write_text(markdown(outcome))
    paths[1].write_text(json.dumps(whole, indent=1) + "\n")
    bars(outcome, paths[2])
    return paths


def written(directory: Path, name: str, text: str, results: Mapping[str, Any]) -> None:
    """Write what a scenario found, for people and as JSON."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (directory / f"{name}.md").write_text(text)


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, aligned: names to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(rows[0], widths), rule, *(_line(row, widths) for row in rows[1:])]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))]


def _operation(outcome: Outcome, summary: Summary, operation: str) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [HEADS]
    for name in outcome.names():
        figures = [summary.figure(figure, name, operation).median for figure in ("server_us", "database_us")]
        rest = [summary.figure(figure, name, operation).median for figure in ("total_us", "rate")]
        latencies = [summary.figure(figure, name, operation).median for figure in ("p50_ms", "p95_ms", "p99_ms")]
        ratios = [
            summary.ratio("server_us", name, REFERENCE, operation),
            summary.ratio("total_us", name, OURS, operation),
        ]
        rows.append(
            [
                TITLES[name],
                *(f"{figure:,.0f}" for figure in (*figures, *rest)),
                *(f"{latency:.1f}" for latency in latencies),
                str(summary.errors(name, operation)),
                *(str(ratio) if ratio else "" for ratio in ratios),
            ]
        )
    return rows


def _held(outcome: Outcome) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("", "server MiB", "database MiB", "connections")]
    rows += [
        (TITLES[name], *(f"{held[what]:.0f}" for what in ("server_mib", "database_mib", "connections")))
        for name, held in outcome.held.items()
    ]
    return rows


def _targets(outcome: Outcome, summary: Summary) -> list[Sequence[str]]:
    operations = outcome.plan.operations
    rows: list[Sequence[str]] = [("Donewell", "must", "goal", *operations)]
    for target in TARGETS:
        sign = "≥" if target.cheaper else "≤"
        what = "server CPU" if target.figure == "server_us" else "all CPU"
        found = [target.reached(summary, operation) for operation in operations]
        cells = [f"{value.median:.2f} {target.verdict(value.median)}" if value else "" for value in found]
        relation = f"{what}, times cheaper than" if target.cheaper else f"{what}, of"
        if any(found):
            name = f"{relation} {TITLES[target.peer]}"
            rows.append((name, f"{sign} {target.must:.2f}", f"{sign} {target.goal:.2f}", *cells))
    return rows


def _work(outcome: Outcome) -> Iterator[str]:
    unequal = outcome.unequal()
    for name, checks in outcome.differences.items():
        passed = sum(not said for said in checks.values())
        yield f"- {TITLES[name]}: {passed} of {len(checks)} checks passed\n"
        for check, why in BY_NAME[name].waived.items():
            yield f"    - waived, {check}: {why}\n"
        for difference in unequal.get(name, ()):
            yield f"    - NOT MEASURED, {difference}\n"
    for name, why in outcome.absent.items():
        yield f"- {TITLES[name]}: NOT MEASURED, it could not be started: {' '.join(why.split())}\n"
