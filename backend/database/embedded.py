"""A PostgreSQL server of our own, for a machine that has none: private to one donewell, kept in the data directory."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from filelock import FileLock, Timeout

from backend.database.postgres_program import (
    INSTALLATION,
    EmbeddedError,
    Program,
    account_for,
    copy_installation,
    installed,
    reachable,
)
from backend.database.postgres_runtime import POLL_INTERVAL, Runtime, clear_remains, stop_server

__all__ = ["AlreadyRunning", "EmbeddedError", "EmbeddedPostgres", "url_in"]

NAME = "donewell"
"""Of the database and of the role that owns it."""

OURS = ("lock", "postgres", "jwt_secret")
"""How the names begin by which a data directory is told from somebody's home."""

START_LIMIT = 60.0
"""Seconds a start may take: replaying the log after a power failure is the slow case."""

STOP_LIMIT = 4.0
"""Seconds an orderly stop may take."""

LOG_LIMIT = 1 << 20
"""Bytes of server log above which a start begins a new one and keeps the last."""

INITDB = (
    f"--username={NAME}",
    "--auth=peer",
    "--encoding=UTF8",
    "--locale=C",
    # pg_trgm leaves out every letter that LC_CTYPE does not know, whatever the locale provider.
    "--lc-ctype=" + ("en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"),
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)

SERVER = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The details of an error and its statement carry people's e-mail addresses and titles.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class AlreadyRunning(EmbeddedError):
    """Another donewell has the data directory."""


def is_made(data_dir: Path) -> bool:
    """Whether a server has ever kept its data there."""
    return (data_dir / "postgres").exists()


def url_in(data_dir: Path) -> str:
    """The libpq URL of the database that runs in a data directory, for the system user who started it alone."""
    return _url(data_dir.absolute() / "runtime" / "s")


def _url(socket_directory: Path) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={quote(str(socket_directory), safe='')}"


class EmbeddedPostgres:
    """The server of one data directory, which is created (mode 0700) if need be; a context manager.

    While it runs nobody else can start it. What it has acknowledged survives a crash: ours, its own, the machine's.
    Whatever keeps it from starting is an `EmbeddedError`. Not for several threads at once.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()
        self._cluster = self._data_dir / "postgres"
        self._log_path = self._data_dir / "postgres.log"
        # It may be started in one thread and stopped in another, so the lock belongs to the process.
        self._lock = FileLock(self._data_dir / "lock", blocking=False, mode=0o600, thread_local=False)
        self._log_start = 0
        self._runtime: Runtime | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The libpq URL of the database, valid while the server runs, for the system user who started it alone."""
        if self._runtime is None:
            raise EmbeddedError("The database is not running: start it first")
        return _url(self._runtime.socket_directory)

    def lock(self) -> None:
        """Claim the data directory until `stop`. `start` does so too; on its own, it tells at once that another has."""
        if sys.platform == "win32":
            raise EmbeddedError("The embedded database does not run on Windows: set DATABASE_URL")
        with self._explained():
            self._data_dir.parent.mkdir(parents=True, exist_ok=True)
            self._data_dir.mkdir(mode=0o700, exist_ok=True)
            names = [path.name for path in self._data_dir.iterdir()]
            if names and not any(name.startswith(OURS) for name in names):
                raise EmbeddedError(f"There are other files in {self._data_dir}: set DATA_DIR to one of donewell's own")
            if not self._lock.is_locked:
                self._lock.acquire()

    def start(self) -> None:
        """Return when the server accepts connections; the first time, create its cluster and database."""
        try:
            self.launch()
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """The part of `start` that must not be interrupted; call `stop` whatever becomes of it."""
        self.lock()
        with self._explained():
            clear_remains(self._data_dir, self._cluster, STOP_LIMIT)
            with self._open_log() as log:
                self._launch(log)

    def wait_until_ready(self) -> None:
        """The part of `start` that waits, and may be interrupted."""
        deadline = time.monotonic() + START_LIMIT
        while (server := self._server) is not None and not self._is_ready(server.pid):
            if server.poll() is not None or time.monotonic() > deadline:
                raise self._failure()
            time.sleep(POLL_INTERVAL)

    def stop(self, limit: float = STOP_LIMIT) -> None:
        """Stop the server, orderly within `limit` seconds and by force after, and let go of the data directory.

        Open transactions are rolled back. Harmless when nothing runs.
        """
        if (server := self._server) is not None:
            stop_server(server.pid, lambda: server.poll() is not None, limit)
            self._server = None
        if self._runtime is not None:
            self._runtime.remove()
            self._runtime = None
        self._lock.release()

    def _launch(self, log: IO[bytes]) -> None:
        source = installed()
        account = account_for(self._cluster)
        in_place = account is None or reachable(source / INSTALLATION)
        self._runtime = runtime = Runtime(self._data_dir, shared=account is not None, programs=not in_place)
        if not in_place:
            copy_installation(source, runtime.path)
            source = runtime.path
        program = Program(source / INSTALLATION / "bin", account)
        runtime.socket_directory.mkdir(mode=0o700)
        program.give(runtime.socket_directory)
        self._prepare(program, log)
        options = [f"--{name}={value}" for name, value in (SERVER | runtime.settings(NAME)).items()]
        self._server = program.spawn("postgres", "-D", _here(self._cluster), *options, cluster=self._cluster, log=log)
        runtime.guard(self._server.pid)

    def _prepare(self, program: Program, log: IO[bytes]) -> None:
        if not self._cluster.exists():
            self._create(program, log)
        try:
            version = (self._cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise EmbeddedError(
                f"There is no PostgreSQL cluster in {self._cluster}: move it away or set DATA_DIR to another directory"
            ) from None
        if version != (ours := program.major()):
            raise EmbeddedError(
                f"The data in {self._cluster} is from PostgreSQL {version} and this is PostgreSQL {ours}:"
                " move it with pg_upgrade or pg_dump, or set DATA_DIR to another directory"
            )
        program.give_all(self._cluster)

    def _create(self, program: Program, log: IO[bytes]) -> None:
        """Make the cluster under another name and rename it when it is whole: half of one is never taken for one."""
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self._data_dir))
        program.give(fresh)
        single = ("--single", "-D", _here(fresh), "-c", "exit_on_error=true", "postgres")
        made = program.run("initdb", "-D", _here(fresh), *INITDB, cluster=fresh, log=log) and program.run(
            "postgres", *single, cluster=fresh, log=log, text=f"CREATE DATABASE {NAME};\n"
        )
        if not made:
            shutil.rmtree(fresh, ignore_errors=True)
            raise self._failure()
        fresh.rename(self._cluster)
        directory = os.open(self._data_dir, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _is_ready(self, pid: int) -> bool:
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return bool(lines) and lines[0] == str(pid) and lines[-1].strip() == "ready"

    @contextmanager
    def _open_log(self) -> Iterator[IO[bytes]]:
        if self._log_path.exists() and self._log_path.stat().st_size > LOG_LIMIT:
            self._log_path.replace(self._log_path.with_suffix(".log.1"))
        self._log_path.touch(mode=0o600)
        with self._log_path.open("ab") as log:
            self._log_start = log.tell()
            yield log

    def _failure(self) -> EmbeddedError:
        with self._log_path.open("rb") as whole:
            whole.seek(self._log_start)
            lines = whole.read().decode(errors="replace").splitlines() or ["it gave no reason in time"]
        fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
        reason = (fatal[-1] if fatal else " ".join(lines[-3:])).rstrip(".")
        return EmbeddedError(f"PostgreSQL did not start on {self._cluster} ({reason}): see {self._log_path}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Timeout:
            raise AlreadyRunning(
                f"Another donewell is running on the data directory {self._data_dir}:"
                " stop it or set DATA_DIR to another directory"
            ) from None
        except OSError as error:
            reason = "Not a directory" if isinstance(error, FileExistsError) else error.strerror
            raise EmbeddedError(
                f"The data directory {self._data_dir} cannot be used ({reason}):"
                " set DATA_DIR to a directory that you can write to"
            ) from error


def _here(cluster: Path) -> str:
    """How a process that runs in `cluster` names it, even where it may not enter the directories above."""
    magic = Path("/proc/self/cwd")
    return str(magic if magic.exists() else cluster)
