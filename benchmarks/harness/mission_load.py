"""The load of the mission's scenarios: k6 for users who keep a pace, wrk for clients who do not."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import dataset
from benchmarks.harness.api import token
from benchmarks.harness.contestants import Server
from benchmarks.harness.mission_watch import Watch
from benchmarks.harness.tools import BENCHMARKS, k6

type Phases = Sequence[tuple[str, int]]
"""What is told apart, in order: names and seconds."""

DISTURBED = 0.2
"""Cores taken by something else on the machine from which on times are not to be trusted."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was seen while something lasted. Times in milliseconds, memory in bytes, CPU in microseconds a request."""

    requests: int
    rate: float
    p50: float
    p95: float
    p99: float
    max: float
    errors: int
    statuses: dict[str, int]
    """How many answers had which of the statuses that say what went wrong; 0 is no answer at all."""
    server_us: float
    database_us: float
    load_cores: float
    """Cores that the load generator itself took."""
    server_memory: int
    database_memory: int
    connections: int
    open_files: int
    others_cores: float
    """Cores that everything else on the machine took: what disturbs."""
    reads_p95: float | None = None
    late_p99: float | None = None
    """How long after their time the slowest hundredth of requests was sent; None where nothing is due at a time."""

    @property
    def disturbed(self) -> bool:
        return self.others_cores > DISTURBED


@dataclass(frozen=True, slots=True)
class Paced:
    """A run of k6: the figures of its phases, and its metrics for whoever wants more."""

    phases: dict[str, Figures]
    metrics: dict[str, dict[str, float]]


def paced(
    server: Server,
    phases: Phases,
    users: Sequence[int],
    *,
    script: str = "paced",
    people: Sequence[Mapping[str, str]] = (),
    beside: Sequence[int] = (),
) -> Paced:
    """Each of the users sends a request a second, through all phases; `beside` are other generators of load."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "users.json").write_text(json.dumps([_user(user) for user in users]))
        (directory / "people.json").write_text(json.dumps(people))
        summary = directory / "summary.json"
        settings = {
            "BASE": server.url,
            "PHASES": json.dumps(phases),
            "USERS": str(directory / "users.json"),
            "PEOPLE": str(directory / "people.json"),
            "OUT": str(summary),
            # Collecting less often halves what k6 takes of the cores that it shares with the server.
            "GOGC": "400",
        }
        with started_k6(script, settings) as process, Watch(server, [process.pid, *beside]) as watch:
            _, said = process.communicate()
        if process.returncode or not summary.exists():
            raise RuntimeError(f"k6 failed: {said.decode(errors='replace')[-2_000:]}")
        return _paced(json.loads(summary.read_text()), phases, watch)


@contextmanager
def started_k6(script: str, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """k6 at work on a script, stopped at the end."""
    path = BENCHMARKS / "k6" / f"{script}.js"
    command = [*k6(), "run", "--quiet", "--no-usage-report", "--address=", "--log-output=stderr", str(path)]
    with subprocess.Popen(
        command, env=os.environ | settings, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _user(user: int) -> dict[str, Any]:
    tasks = [str(dataset.task_id(user, index)) for index in range(dataset.TASKS_EACH)]
    return {"token": token(user), "tasks": tasks}


def _paced(summary: dict[str, Any], phases: Phases, watch: Watch) -> Paced:
    metrics = {name: metric["values"] for name, metric in summary["metrics"].items()}
    moment = summary["setup_data"]["start"] / 1000
    figures = {}
    for phase, seconds in phases:
        times = metrics[f"http_req_duration{{phase:{phase}}}"]
        statuses = {
            name.rpartition("status:")[2].rstrip("}"): int(values["count"])
            for name, values in metrics.items()
            if name.startswith(f"http_reqs{{phase:{phase},status:") and values["count"]
        }
        figures[phase] = measured(
            watch,
            (moment, moment + seconds),
            requests=int(times["count"]),
            times=(times["med"], times["p(95)"], times["p(99)"], times["max"]),
            errors=int(metrics[f"http_reqs{{phase:{phase},expected_response:false}}"]["count"]),
            statuses=statuses,
            reads_p95=metrics[f"http_req_duration{{phase:{phase},kind:read}}"]["p(95)"],
            late_p99=metrics[f"late{{phase:{phase}}}"]["p(99)"],
        )
        moment += seconds
    return Paced(figures, metrics)


def measured(
    watch: Watch,
    span: tuple[float, float],
    *,
    requests: int,
    times: tuple[float, float, float, float],
    errors: int,
    statuses: dict[str, int],
    reads_p95: float | None = None,
    late_p99: float | None = None,
) -> Figures:
    """The figures of a span of time (Unix seconds); `times` are p50, p95, p99 and the longest."""
    begin, end = span
    server, database, load, others = watch.cpu(begin, end)
    peak = asdict(watch.peak(begin, end))
    del peak["time"]
    return Figures(
        requests,
        requests / (end - begin),
        *times,
        errors=errors,
        statuses=statuses,
        server_us=server / max(requests, 1) * 1e6,
        database_us=database / max(requests, 1) * 1e6,
        load_cores=load / (end - begin),
        **peak,
        others_cores=others / (end - begin),
        reads_p95=reads_p95,
        late_p99=late_p99,
    )
