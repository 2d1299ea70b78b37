"""wrk for the mission's scenarios: clients who send their next request as soon as the last is answered."""

import random
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import dataset
from benchmarks.harness.api import request
from benchmarks.harness.contestants import Server
from benchmarks.harness.load import wrk_command, wrk_result
from benchmarks.harness.mission_load import Figures, measured
from benchmarks.harness.mission_watch import Watch

MIX = ("list",) * 7 + ("read", "create", "change")
WRITES = ("create", "change")
NOISE_LIMIT = 120
"""Seconds after which noise ends by itself, should nobody be left to end it."""

LONGEST = re.compile(r"Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s|m)\s")
UNITS = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}


@dataclass(slots=True)
class Noise:
    """A load in the background, made by a process; what became of it is there once it has ended."""

    pid: int
    rate: float = 0.0
    p95: float = 0.0
    errors: int = 0


def closed_loop(server: Server, users: Sequence[int], connections: int, warm_up: int, seconds: int) -> Figures:
    """The figures of `connections` clients, each request that of any of the users."""
    with _requests(users, MIX) as file:
        with _wrk(server, file, connections, warm_up) as process:
            process.communicate()
        with _wrk(server, file, connections, seconds) as process, Watch(server, [process.pid]) as watch:
            begin = time.time()
            output, _ = process.communicate()
        result = _result(output)
    return measured(
        watch,
        # Not wrk's own time: it counts from its start, a moment before it connects.
        (begin, begin + result["seconds"]),
        requests=int(result["requests"]),
        times=(result["p50"], result["p95"], result["p99"], result["max"]),
        errors=int(result["refused"] + result["broken"]),
        statuses={},
    )


@contextmanager
def noise(server: Server, user: int, connections: int, operations: Sequence[str]) -> Iterator[Noise]:
    """One user with many connections, for as long as the block lasts."""
    with _requests([user], operations) as file, _wrk(server, file, connections, NOISE_LIMIT) as process:
        seen = Noise(process.pid)
        yield seen
        process.send_signal(signal.SIGINT)  # it then says what it saw
        output, _ = process.communicate()
    result = _result(output)
    seen.rate = result["requests"] / result["seconds"]
    seen.p95 = result["p95"]
    seen.errors = int(result["refused"] + result["broken"])


@contextmanager
def _requests(users: Sequence[int], operations: Sequence[str]) -> Iterator[Path]:
    """A file of requests for load.lua: of each user one for each entry in `operations`."""
    with tempfile.NamedTemporaryFile("wb") as file:
        for user in users:
            for operation in operations:
                asked = request(operation, user, random.randrange(dataset.TASKS_EACH))
                file.write(asked.encode() + b"\0")
        file.flush()
        yield Path(file.name)


@contextmanager
def _wrk(server: Server, file: Path, connections: int, seconds: int) -> Iterator[subprocess.Popen[str]]:
    command = wrk_command(server.url, file, connections, seconds, patience=20)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _result(output: str) -> dict[str, float]:
    """What load.lua says at the end, times in milliseconds, and the longest, which wrk says itself."""
    found = LONGEST.search(output)
    if found is None:
        raise RuntimeError(f"wrk failed: {output[-2_000:]}")
    result = wrk_result(output)
    for name in ("p50", "p95", "p99"):
        result[name] /= 1_000
    result["max"] = float(found[1]) * UNITS[found[2]]
    return result
