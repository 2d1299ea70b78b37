"""Who takes part, and how each is started: `with running(contestant) as server: …`."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import cluster, pocketbase
from benchmarks.harness.api import Request, requests
from benchmarks.harness.cluster import Cluster
from benchmarks.harness.cpu import Tree
from benchmarks.harness.dataset import SECRET, Schema, schema_template
from benchmarks.harness.processes import NotAnswering, serving
from benchmarks.harness.tools import CONTESTANTS, node, node_environment, python_environment

__all__ = ["ALL", "BY_NAME", "Contestant", "NotAnswering", "Server", "running"]

HOST = "127.0.0.1"
FIRST_PORT = 18_000
NO_PROCESS = Tree(0)


@dataclass(frozen=True, slots=True)
class Contestant:
    """One who takes part. `command` installs what it needs and gives the command that serves.

    It gets the contestant, the directory of this run and the port. Without a `schema` the data is its own affair.
    """

    name: str
    title: str
    command: Callable[["Contestant", Path, int], list[str]]
    schema: Schema | None = "peers"
    workers: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    health: str = "/health/live"
    requests: Callable[[str, int], list[Request]] = requests
    waived: Mapping[str, str] = field(default_factory=dict)
    """Checks of `same_work` that it need not pass, and why."""

    @property
    def directory(self) -> Path:
        """Its own in `benchmarks/contestants`: of the same name, up to a dash."""
        return CONTESTANTS / self.name.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Server:
    """A contestant that answers at `url` (`http://127.0.0.1:…`, without a slash)."""

    contestant: Contestant
    url: str
    tree: Tree
    """The server's processes; on an embedded database without the database's."""
    database: Cluster
    """Without URL and processes where the server itself is the database."""
    log: Path


def _donewell(_: Contestant, __: Path, ___: int) -> list[str]:
    return [sys.executable, "-m", "backend.cli", "serve"]


def _python(contestant: Contestant, _: Path, __: int) -> list[str]:
    """A Python peer says in `start.sh` how it is deployed; `python` there is that of its own environment."""
    path = f"PATH={python_environment(contestant.directory)}:{os.environ['PATH']}"
    return ["env", path, "/bin/sh", str(contestant.directory / "start.sh")]


def _node(contestant: Contestant, _: Path, __: int) -> list[str]:
    return ["env", "NODE_ENV=production", str(node()), str(node_environment(contestant.directory) / "server.js")]


def _pocketbase(_: Contestant, run: Path, port: int) -> list[str]:
    return pocketbase.command(run, HOST, port)


_DONEWELL: Any = {
    "command": _donewell,
    "schema": "donewell",
    # Requests are counted as they would be for anybody, and none is refused: the load comes from one address, and some
    # of it asks more than a person may. Of sign-ins an address has ten in line at most, unless there is no limit.
    "environment": {"LOG_FORMAT": "json", "RATE_LIMIT": "100000000/minute", "AUTH_RATE_LIMIT": "off"},
    "waived": {"same_order": "its contract puts the version behind the due date"},
}

ALL = (
    Contestant("donewell", "Donewell", **_DONEWELL),
    Contestant("donewell-2", "Donewell, 2 workers", **_DONEWELL, workers=2),
    Contestant("limit", "bare ASGI + asyncpg", _python, "donewell"),
    Contestant("idiomatic", "FastAPI + SQLModel", _python),
    Contestant("litestar", "Litestar + Advanced Alchemy", _python),
    Contestant("django", "Django REST framework", _python),
    Contestant("fastify", "Fastify + pg", _node),
    Contestant("express", "Express + Drizzle", _node),
    Contestant("pocketbase", "PocketBase", _pocketbase, None, health=pocketbase.HEALTH, requests=pocketbase.requests),
)
BY_NAME = {contestant.name: contestant for contestant in ALL}


def settings_of(contestant: Contestant, port: int, workers: int) -> dict[str, str]:
    """The environment in which a contestant starts, but for its database."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "HOST": HOST,
        "PORT": str(port),
        "JWT_SECRET": SECRET,
        "WEB_CONCURRENCY": str(workers),
        **contestant.environment,
    }


@contextmanager
def running(
    contestant: Contestant,
    *,
    port: int = FIRST_PORT,
    workers: int | None = None,
    on: Cluster | None = None,
    embedded: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Start a contestant and stop it at the end, whatever happens. Raises `NotAnswering` or `tools.Missing`.

    It gets a cluster of its own with the data of `dataset.GROUPS`, or works on the running cluster `on`. `embedded`
    (Donewell alone) has it run the database itself. `environment` adds settings.
    """
    with ExitStack() as stack:
        directory = stack.enter_context(cluster.scratch(contestant.name))
        command = contestant.command(contestant, directory, port)
        settings = {**settings_of(contestant, port, workers or contestant.workers), **(environment or {})}
        if contestant.schema is None:
            on = Cluster("", directory, NO_PROCESS)
        elif on is None:
            copy = stack.enter_context(cluster.copied(schema_template(contestant.schema)))
            on = Cluster("", copy, NO_PROCESS) if embedded else stack.enter_context(cluster.started(copy))
        settings |= {"DATA_DIR": str(on.data_dir)} if embedded else {"DATABASE_URL": on.url}
        url = f"http://{HOST}:{port}"
        log = directory / "log"
        tree = Tree(stack.enter_context(serving(command, directory, settings, log, url + contestant.health)))
        if embedded:
            postmaster = cluster.postmaster(on.data_dir)
            tree, on = Tree(tree.root, without=postmaster), Cluster("", on.data_dir, Tree(postmaster))
        yield Server(contestant, url, tree, on, log)
