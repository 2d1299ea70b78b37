"""What row-level security costs: Donewell with it, told the owner of each statement in several ways, and without."""

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness import cluster, load, machine, rls_forms, same_work
from benchmarks.harness.api import OPERATIONS, WRITES
from benchmarks.harness.contestants import BY_NAME, NO_PROCESS, Contestant, Server, running
from benchmarks.harness.cpu import Tree
from benchmarks.harness.load import Measurement
from benchmarks.harness.report import table, written
from benchmarks.harness.rls_database import ROLE, as_role, fenced, pooler
from benchmarks.harness.rls_lanes import ADMIN, WAYS
from benchmarks.harness.summary import Spread, spread
from benchmarks.harness.tools import RESULTS, cache

FIRST_PORT = 18_600
TODAY = "today"
PATHS = ("direct", "PgBouncer")
TITLES = {"direct": "Directly: server + database", "PgBouncer": "Through PgBouncer: server + PgBouncer + database"}
SETTLE = 0.2
LEGEND = """\
CPU microseconds a request, median of the rounds; in brackets, as a multiple of today's in the same round and on the
same way to the database: median (least to most).
"""


@dataclass(frozen=True, slots=True)
class Entrant:
    """Donewell in one of the ways, on one of the paths to a database of its own."""

    way: str
    path: str
    server: Server
    pooler: Tree


@dataclass(frozen=True, slots=True)
class Run:
    """A measurement, and what PgBouncer spent meanwhile."""

    way: str
    path: str
    measured: Measurement
    pooler_us: float

    @property
    def total_us(self) -> float:
        return self.measured.total_us + self.pooler_us


def rls(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rounds.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where the figures go; of a whole run: the results.")] = None,
) -> None:
    """Measure what row-level security costs a request, directly and through PgBouncer, and prove which way is sound."""
    facts = machine.facts()
    rounds, seconds = (3, 1) if quick else (5, 1)
    forms = rls_forms.tried()
    with ExitStack() as stack:
        directory = stack.enter_context(cluster.scratch("load"))
        entrants = []
        for number, (path, way) in enumerate((path, way) for path in PATHS for way in WAYS):
            typer.echo(f"starting {way}, {path}", err=True)
            entrants.append(stack.enter_context(entered(way, path, FIRST_PORT + number)))
        runs = [run for operation in OPERATIONS for run in measured(entrants, operation, rounds, seconds, directory)]
    titles = [f"### {TITLES[path]}\n\n{table(rows(runs, path))}" for path in PATHS]
    head = f"{machine.line(facts)}; {rounds} rounds of {seconds} s each.\n"
    text = "\n".join([head, LEGEND, *titles, f"### One statement\n\n{table(rls_forms.rows(forms))}"])
    typer.echo(f"\n{text}")
    results = {"facts": facts, "forms": [asdict(form) for form in forms], "runs": [asdict(run) for run in runs]}
    written(out or (cache("results") if quick else RESULTS), "rls", text, results)


@contextmanager
def entered(way: str, path: str, port: int) -> Iterator[Entrant]:
    """Start it, and prove that it does the same work. Today's role owns the tables, and no policy concerns it."""
    with ExitStack() as stack:
        database = stack.enter_context(fenced())
        role = "donewell" if way == TODAY else ROLE
        url, process = as_role(database.url, role), NO_PROCESS
        if path == PATHS[1]:
            url, process = stack.enter_context(pooler(database, role))
        contestant = Contestant(f"{way}, {path}", WAYS[way][0], _command, "donewell", environment={ADMIN: database.url})
        server = stack.enter_context(running(contestant, port=port, on=replace(database, url=url)))
        server = replace(server, database=database)
        different = {check: said for check, said in same_work.differences(server).items() if said}
        for check in BY_NAME["donewell"].waived:
            different.pop(check, None)
        if different:
            raise RuntimeError(f"{way}, {path}: {different}")
        yield Entrant(way, path, server, process)


def measured(entrants: Sequence[Entrant], operation: str, rounds: int, seconds: int, directory: Path) -> Iterator[Run]:
    """In turns, each time with another one first; the first round is for warming up."""
    able = [entrant for entrant in entrants if not (entrant.way == "lateral" and operation in WRITES)]
    order = deque(able)
    for turn in range(rounds + 1):
        typer.echo(f"{operation}: {f'round {turn} of {rounds}' if turn else 'warming up'}", err=True)
        for entrant in order:
            before = entrant.pooler.snapshot()
            run = load.measure(entrant.server, operation, turn, seconds if turn else 1, directory)
            pooled = entrant.pooler.spent(before) / 1e3 / max(1, run.requests)
            if run.refused or run.broken or run.unwritten:
                raise RuntimeError(f"{entrant.way}, {entrant.path}: not every request was carried out: {run}")
            if turn:
                yield Run(entrant.way, entrant.path, run, pooled)
            time.sleep(SETTLE)
        order.rotate(-1)


def rows(runs: Sequence[Run], path: str) -> list[Sequence[str]]:
    """A line for each way, with a column for each operation."""
    return [
        ("", *OPERATIONS),
        *((WAYS[way][0], *(_cell(runs, path, way, each) for each in OPERATIONS)) for way in WAYS),
    ]


def _cell(runs: Sequence[Run], path: str, way: str, operation: str) -> str:
    mine, todays = (
        [run for run in runs if (run.path, run.way, run.measured.operation) == (path, name, operation)]
        for name in (way, TODAY)
    )
    if not mine:
        return ""
    parts = [_median([run.measured.server_us for run in mine]), _median([run.measured.database_us for run in mine])]
    if path == PATHS[1]:
        parts.insert(1, _median([run.pooler_us for run in mine]))
    figures = " + ".join(f"{part:.0f}" for part in parts)
    # Rounds are compared with their like: each list is in their order.
    ratio: Spread = spread([run.total_us / other.total_us for run, other in zip(mine, todays, strict=True)])
    return figures if way == TODAY else f"{figures} [{ratio}]"


def _median(values: Sequence[float]) -> float:
    return spread(values).median


def _command(contestant: Contestant, _: Path, __: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.harness.rls_lanes", contestant.name.partition(",")[0]]
