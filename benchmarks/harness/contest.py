"""The contest: each contestant on its own database at once, proved to do the same work, then measured in turns."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import typer

from benchmarks.harness import cluster, floor, load, machine, pocketbase_work, same_work
from benchmarks.harness.api import OPEN_TASKS, OPERATIONS
from benchmarks.harness.cluster import Cluster
from benchmarks.harness.contestants import ALL, BY_NAME, FIRST_PORT, NO_PROCESS, NotAnswering, running
from benchmarks.harness.cpu import MIB, Tree
from benchmarks.harness.load import Measurement
from benchmarks.harness.tools import Missing

NAMES = (*BY_NAME, floor.NAME)
TITLES = {**{contestant.name: contestant.title for contestant in ALL}, floor.NAME: floor.TITLE}
MOST_ROUNDS = len(OPEN_TASKS) - 1
"""Each round completes another of each user's open tasks."""
WARM_UP = 2
"""Seconds of each operation before it counts: compilers and caches need them."""
SETTLE = 0.2
"""Seconds between one who has been measured and the next."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is measured at what, and for how long."""

    names: Sequence[str] = NAMES
    operations: Sequence[str] = OPERATIONS
    rounds: int = 5
    seconds: int = 2
    warm_up: int = WARM_UP


QUICK = Plan(("donewell", "idiomatic", "fastify", floor.NAME), ("list", "create"), rounds=4, warm_up=1)


@dataclass(slots=True)
class Outcome:
    """All that was found: who could not be started, what each does differently, every measurement, what each holds."""

    plan: Plan
    machine: dict[str, object]
    absent: dict[str, str] = field(default_factory=dict)
    differences: dict[str, dict[str, str]] = field(default_factory=dict)
    """For each contestant each check of `same_work` with what differs, or nothing."""
    runs: list[Measurement] = field(default_factory=list)
    held: dict[str, dict[str, float]] = field(default_factory=dict)
    """MiB of memory and connections to the database, right after the load."""

    def names(self) -> list[str]:
        """Who was measured."""
        return list(dict.fromkeys(run.contestant for run in self.runs))

    def unequal(self) -> dict[str, list[str]]:
        """Who does not do the same work, with what differs: neither measured nor waived."""
        return {
            name: found
            for name, checks in self.differences.items()
            if (found := [f"{check}: {said}" for check, said in checks.items() if said and not _waived(name, check)])
        }

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "runs": [run.as_dict() for run in self.runs]}


@dataclass(frozen=True, slots=True)
class Entrant:
    """One who is ready to be measured at an operation, in a round, for some seconds."""

    name: str
    measure: Callable[[str, int, int], Measurement]
    server: Tree
    database: Cluster


def hold(plan: Plan) -> Outcome:
    """Start all, compare them, measure them in turns (A B C … A B C …), and stop them."""
    outcome = Outcome(plan, machine.facts())
    with ExitStack() as stack:
        directory = stack.enter_context(cluster.scratch("load"))
        entrants = []
        for number, name in enumerate(plan.names):
            typer.echo(f"starting {TITLES[name]}", err=True)
            try:
                entrants.append(stack.enter_context(_entered(name, FIRST_PORT + number, directory, outcome)))
            except (NotAnswering, Missing) as error:
                outcome.absent[name] = str(error)
        ready = [entrant for entrant in entrants if entrant.name not in outcome.unequal()]
        for operation in plan.operations:
            outcome.runs += _measured(ready, operation, plan)
        for entrant in ready:
            outcome.held[entrant.name] = _held(entrant)
    return outcome


def _measured(entrants: Sequence[Entrant], operation: str, plan: Plan) -> Iterator[Measurement]:
    order = deque(entrants)
    for turn in range(plan.rounds + 1):
        typer.echo(f"{operation}: {f'round {turn} of {plan.rounds}' if turn else 'warming up'}", err=True)
        for entrant in order:
            measurement = entrant.measure(operation, turn, plan.seconds if turn else plan.warm_up)
            if turn:
                yield measurement
            time.sleep(SETTLE)
        order.rotate(-1)  # so that nobody always comes first


@contextmanager
def _entered(name: str, port: int, directory: Path, outcome: Outcome) -> Iterator[Entrant]:
    if name == floor.NAME:
        with floor.database() as database:
            yield Entrant(name, partial(floor.measure, database, directory=directory), NO_PROCESS, database)
        return
    with running(BY_NAME[name], port=port) as server:
        compare = same_work.differences if server.database.url else pocketbase_work.differences
        outcome.differences[name] = compare(server)
        yield Entrant(name, partial(load.measure, server, directory=directory), server.tree, server.database)


def _waived(name: str, check: str) -> bool:
    return check in BY_NAME[name].waived


def _held(entrant: Entrant) -> dict[str, float]:
    return {
        "server_mib": entrant.server.pss() / MIB,
        "database_mib": entrant.database.tree.pss() / MIB,
        "connections": entrant.database.connections(),
    }
