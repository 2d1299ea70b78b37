"""PostgreSQL clusters: one per contestant, with the product's own start and PostgreSQL's own defaults (fsync on)."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.database.embedded import EmbeddedPostgres
from benchmarks.harness.cpu import Tree, command_line
from benchmarks.harness.tools import cache

NAME = "postgres"
"""The directory of the cluster inside a data directory."""

BACKEND = re.compile(rb"postgres: \S+ donewell ")
"""How a server process of PostgreSQL that serves a client of the database `donewell` calls itself."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server: its libpq URL (over a Unix socket, as superuser) and its processes."""

    url: str
    data_dir: Path
    tree: Tree

    def connections(self) -> int:
        """How many clients it serves."""
        return sum(BACKEND.match(command_line(pid)) is not None for pid in self.tree.pids())


@contextmanager
def started(data_dir: Path) -> Iterator[Cluster]:
    """The server of `data_dir`, made empty if it is not there, stopped at the end."""
    with EmbeddedPostgres(data_dir) as server:
        yield Cluster(server.url, data_dir, Tree(postmaster(data_dir)))


@contextmanager
def copied(template: Path) -> Iterator[Path]:
    """A data directory with a copy of the stopped cluster in `template`, removed at the end."""
    with scratch("cluster") as directory:
        subprocess.run(["cp", "-a", "--reflink=auto", str(template / NAME), str(directory / NAME)], check=True)
        # What a copy leaves to be written must not be written while something is measured.
        os.sync()
        yield directory


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A directory on the disk of the cache (a temporary one may be memory, where fsync costs nothing)."""
    base = cache("runs")
    for left in base.glob("[0-9]*-*"):
        if not Path("/proc", left.name.partition("-")[0]).exists():  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-{prefix}-", dir=base))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def postmaster(data_dir: Path) -> int:
    """The process number of the running server of `data_dir`."""
    return int((data_dir / NAME / "postmaster.pid").read_text().split("\n", 1)[0])
