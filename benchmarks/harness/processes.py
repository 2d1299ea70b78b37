"""A server process that is stopped whatever happens, and whose output goes to a file, as everyone's does."""

import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from os import killpg
from pathlib import Path

import httpx

START_LIMIT = 60.0
"""Seconds a server has to answer."""
STOP_LIMIT = 6.0
"""Seconds it has to stop in good order."""
POLL_INTERVAL = 0.05

GUARD = 'read -r _; kill -KILL "-$0"'
"""What a shell does with a server's process group when we, who hold its input, are gone."""


class NotAnswering(Exception):
    """A server that did not start."""


@contextmanager
def serving(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], log: Path, health: str
) -> Iterator[int]:
    """The number of a process, once it answers at `health`; it leads a process group that ends with us."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        with subprocess.Popen(
            ["/bin/sh", "-c", GUARD, str(process.pid)], stdin=subprocess.PIPE, start_new_session=True
        ) as guard:
            try:
                _wait_until_ready(health, process, log)
                yield process.pid
            finally:
                _stop(process)
                guard.kill()
    finally:
        _signal(process.pid, signal.SIGKILL)
        process.wait()


def _stop(process: subprocess.Popen[bytes]) -> None:
    _signal(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_LIMIT)


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError):
        killpg(group, number)


def _wait_until_ready(health: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(health).status_code == httpx.codes.OK:
                return
        time.sleep(POLL_INTERVAL)
    tail = log.read_text(errors="replace")[-2_000:]
    raise NotAnswering(f"It does not answer at {health}; its log ends with:\n{tail}")
