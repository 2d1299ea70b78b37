"""Processes that the tests of this directory start: how to reach them, and how to be sure that none is left."""

import asyncio
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from tests.factories.canaries import KEPT

NOBODY = 65534
DONEWELL = (sys.executable, "-m", "backend.cli")
START_LIMIT = 20
"""Seconds; a start takes about one on an idle machine."""

HOLD = """
import sys
from pathlib import Path
from backend.database.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as postgres:
    print(postgres.url, flush=True)
    sys.stdin.read()
"""
"""A program that runs the database of its argument until its input ends, and prints the URL."""


def environment(**more: str) -> dict[str, str]:
    """What a process gets: no setting of the machine that runs the tests."""
    wanted = ("PATH", "HOME", "TMPDIR")
    return {name: value for name, value in os.environ.items() if name in wanted or name.startswith("COVERAGE")} | more


def ordinary(command: Sequence[str | Path]) -> list[str | Path]:
    """The command, run as an ordinary user; as it is when we are one.

    The interpreter may lie where only root may look, so the user gets that one capability, to look.
    """
    if os.geteuid() != 0:
        return list(command)
    prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root become an ordinary user who can reach the interpreter")
    # Measuring coverage would write where that user may not.
    unset = [f"--unset={name}" for name in os.environ if name.startswith("COVERAGE")]
    return ["env", *unset, *prefix, *command]


def rows(url: str, statement: str) -> list[dict[str, Any]]:
    """The rows that a statement returns on a connection of its own."""

    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return [dict(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close(timeout=5)

    return asyncio.run(run())


def servers(data_dir: Path) -> list[psutil.Process]:
    """The main processes of the PostgreSQL servers that run on `data_dir`."""
    if not data_dir.exists():
        return []
    socket_directory = f"donewell-{data_dir.stat().st_ino:x}-"
    found = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and socket_directory in " ".join(process.info["cmdline"] or ())
    ]
    processes = {process.pid for process in found}
    return [process for process in found if process.ppid() not in processes]


def alive_of(processes: Sequence[psutil.Process], limit: float = 5.0) -> list[psutil.Process]:
    """Those that have not ended after `limit` seconds."""
    deadline = time.monotonic() + limit
    while (alive := [process for process in processes if _is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    # Where nothing adopts orphans they stay zombies.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_servers(data_dir: Path) -> None:
    """Leave no server on `data_dir`, whatever the test did."""
    for process in servers(data_dir):
        for victim in (process, *process.children(recursive=True)):
            victim.kill()


@contextmanager
def holder(
    data_dir: Path, *, command: Sequence[str | Path] = (sys.executable,), **more: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that runs the database of `data_dir`, and its URL; at the end it is told to stop."""
    process = subprocess.Popen(
        [*command, "-c", HOLD, data_dir],
        env=environment(**more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    with process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            if process.poll() is None:
                process.stdin.close()
                process.wait(timeout=10)


def free_port() -> int:
    """A port outside the range that the system gives to clients, so that no other test gets it meanwhile."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


def run_donewell(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A `donewell` command on `data_dir` that ends by itself."""
    return subprocess.run(
        [*DONEWELL, *arguments],
        env=environment(DATA_DIR=str(data_dir), **settings),
        cwd=data_dir.parent,
        capture_output=True,
        text=True,
        timeout=START_LIMIT,
        check=False,
    )


class Donewell:
    """A `donewell` that serves `data_dir`, started on a free port; `end` leaves nothing of it."""

    def __init__(self, data_dir: Path, *, command: Sequence[str | Path] = DONEWELL, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.errors = data_dir.with_name("stderr")
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                env=environment(DATA_DIR=str(data_dir), PORT=str(self.port), **settings),
                cwd=data_dir.parent,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def greeting(self) -> str:
        """What it prints when it serves, up to where the data is; the test fails if it stops before."""
        assert self.process.stdout
        text = ""
        while "Data" not in text:
            line = self.process.stdout.readline()
            assert line, f"it did not start: {self.errors.read_text()}"
            text += line
        return text

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """The status and the JSON of a response, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_LIMIT)
        try:
            connection.request(method, path, json.dumps(body) if body else None, self.headers(token))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    @staticmethod
    def headers(token: str | None) -> dict[str, str]:
        return {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=10)

    def end(self) -> None:
        """Kill what is left of it and of its database."""
        if self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            for process in family:
                if process.is_running():
                    process.kill()
        output, _ = self.process.communicate()
        kill_servers(self.data_dir)
        KEPT.add(output, "what donewell says")
        KEPT.add_file(self.errors, "what donewell says")
