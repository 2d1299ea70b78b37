"""Starts: how long an import takes and of what, how long until the first answer, and what the processes then hold."""

import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.harness import cluster
from benchmarks.harness.contestants import BY_NAME, HOST, settings_of
from benchmarks.harness.cpu import MIB, Tree, command_line, pss
from benchmarks.harness.processes import serving

PORT = 18_090
HEALTH = f"http://{HOST}:{PORT}/health/ready"
"""Answered once the database has been asked."""

SETTLE = 1.5
"""Seconds after the first answer in which the other workers start and all come to rest."""

IMPORT = "import backend.cli, backend.serving; backend.serving.application()"
"""All that a process that serves imports before it makes the application, in the way it does so."""

TIMED = f"import time; began = time.perf_counter(); {IMPORT}; print(time.perf_counter() - began)"
IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\w+)")

ROLES = {"resource_tracker": "resource tracker", "spawn_main": "worker", "postgres": "database", "/bin/sh": "guard"}
"""What a process is by what its command line has in it; the one without any of it is the one that we started."""

MAIN = "main process"

NEW = "data"
"""A data directory that is not there: each start has a working directory of its own."""


@dataclass(frozen=True, slots=True)
class Case:
    """A way to start: on a new data directory, on one that exists (`warm`), or on a database that `runs`."""

    title: str
    workers: int
    warm: bool = True
    runs: bool = False


CASES = (
    Case("new data directory, 1 worker", 1, warm=False),
    Case("new data directory, 2 workers", 2, warm=False),
    Case("embedded database, 1 worker", 1),
    Case("embedded database, 2 workers", 2),
    Case("DATABASE_URL, 1 worker", 1, runs=True),
    Case("DATABASE_URL, 2 workers", 2, runs=True),
)


def import_time() -> float:
    """Milliseconds that the imports of a serving process take."""
    return float(_python("-c", TIMED).stdout) * 1_000


def import_packages() -> dict[str, float]:
    """Milliseconds that the modules of each package take themselves, with the overhead of measuring it."""
    found: dict[str, float] = defaultdict(float)
    for microseconds, package in IMPORT_LINE.findall(_python("-X", "importtime", "-c", IMPORT).stderr):
        found[package] += int(microseconds) / 1_000
    return dict(sorted(found.items(), key=lambda part: -part[1]))


@contextmanager
def prepared() -> Iterator[Mapping[Case, Mapping[str, str]]]:
    """The settings of each case, on databases that have been served before unless they are to be new."""
    with (
        cluster.scratch("start") as embedded,
        cluster.scratch("start") as other,
        cluster.started(other) as running,
    ):
        warm = {"DATABASE_URL": running.url}, {"DATA_DIR": str(embedded)}
        settings = {case: warm[not case.runs] if case.warm else {"DATA_DIR": NEW} for case in CASES}
        for case in CASES:
            started(case, settings[case])
        yield settings


def started(case: Case, settings: Mapping[str, str], *, at_rest: bool = False) -> tuple[float, dict[str, list[float]]]:
    """Milliseconds from the command to its first answer; and, `at_rest`, the MiB of each process by its role."""
    with cluster.scratch("start") as directory:
        donewell = BY_NAME["donewell"]
        environment = {**settings_of(donewell, PORT, case.workers), **settings}
        command = donewell.command(donewell, directory, PORT)
        began = time.perf_counter()
        with serving(command, directory, environment, directory / "log", HEALTH) as pid:
            milliseconds = (time.perf_counter() - began) * 1_000
            if not at_rest:
                return milliseconds, {}
            time.sleep(SETTLE)
            return milliseconds, _memory(pid)


def _memory(pid: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for each in Tree(pid).pids():
        command = command_line(each).decode(errors="replace")
        role = next((role for mark, role in ROLES.items() if mark in command), MAIN)
        found.setdefault(role, []).append(pss(each) / MIB)
    return found


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
