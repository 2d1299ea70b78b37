"""The temporary directory of one run of the embedded server, and what a killed run has left behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from backend.database.postgres_program import EmbeddedError, reachable

if sys.platform != "win32":
    import fcntl
    import pwd

BASE_LIMIT = 55
"""Bytes of the directory that holds ours: the path of a Unix socket may have 103 on macOS and 107 on Linux."""

GUARD = 'read -r _; read -r pid < "$2" && [ "$pid" = "$0" ] && kill -INT "$pid"; rm -rf -- "$1"'
"""What a shell does with a server's process number, the temporary directory and the server's own file of its number.

We hold the other end of its input and never write to it: reading ends when we do. The server removes its file when it
ends, and the system may then give its number to another program.
"""

BASES = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - ours is made by mkdtemp, inside
POLL_INTERVAL = 0.005


class Runtime:
    """The temporary directory of one run: the socket, who may use it, and the programs when theirs is out of reach.

    `data_dir/runtime` links to it, so that people find the socket and the next run finds what a killed one left.
    """

    def __init__(self, data_dir: Path, *, shared: bool, programs: bool) -> None:
        """Make it; `shared` with the system user of the server, with `programs` that can be executed in it."""
        base = _base(shared=shared, programs=programs)
        self.path = Path(tempfile.mkdtemp(prefix=_prefix(data_dir), dir=base))
        self.path.chmod(0o711 if shared else 0o700)
        self._link = data_dir / "runtime"
        self._pid_file = data_dir / "postgres" / "postmaster.pid"
        self._link.symlink_to(self.path)
        # systemd-tmpfiles removes what is old from temporary directories, but not from under a locked one.
        self._descriptor = os.open(self.path, os.O_RDONLY)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def socket_directory(self) -> Path:
        return self.path / "s"

    def settings(self, role: str) -> dict[str, str]:
        """The server's settings for a socket here that lets the system user we are in as `role`, and nobody else.

        The mode of the socket's directory is not enough: as root we share the server's system user with others.
        """
        user = pwd.getpwuid(os.geteuid()).pw_name.replace('"', '""')
        texts = {"hba_file": "local all all peer map=donewell\n", "ident_file": f'donewell "{user}" {role}\n'}
        for name, text in texts.items():
            path = self.path / name
            path.write_text(text)
            path.chmod(0o644)
        files = {name: str(self.path / name) for name in texts}
        return {"unix_socket_directories": str(self.socket_directory), **files}

    def guard(self, server: int) -> None:
        """Have the server with that process number shut down and the directory removed when we are killed."""
        self._guard = subprocess.Popen(  # noqa: S603 - our own words
            ["/bin/sh", "-c", GUARD, str(server), self.path, self._pid_file],
            env={"PATH": os.defpath},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def remove(self) -> None:
        """Remove the directory, and the guard, which must not outlive the server; whatever resists stays."""
        if self._guard is not None:
            with self._guard:
                self._guard.kill()
        os.close(self._descriptor)
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):
            self._link.unlink()


def clear_remains(data_dir: Path, cluster: Path, limit: float) -> None:
    """Stop the server that a killed run on `data_dir` has left, within about `limit` seconds, and remove its files.

    Only for the holder of the lock on `data_dir`.
    """
    link = data_dir / "runtime"
    if link.is_symlink():
        runtime = link.readlink()
        # In a copy of a data directory the link leads to the run of the original.
        if runtime.name.startswith(_prefix(data_dir)):
            _stop_orphan(runtime, cluster / "postmaster.pid", limit)
            shutil.rmtree(runtime, ignore_errors=True)
        link.unlink()
    for unfinished in data_dir.glob("postgres.new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)


def stop_server(pid: int, is_gone: Callable[[], bool], limit: float) -> None:
    """Shut the server down within `limit` seconds; failing that, have it drop everything: its log keeps what counts."""
    for number, patience in ((signal.SIGINT, limit), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 1.0)):
        if is_gone():
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not is_gone():
            time.sleep(POLL_INTERVAL)


def _stop_orphan(runtime: Path, pid_file: Path, limit: float) -> None:
    import psutil  # noqa: PLC0415 - takes as long to import as a warm start takes

    def is_gone() -> bool:
        # Where nothing adopts orphans, as in many containers, they stay zombies.
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        if not is_gone() and any(str(runtime) in argument for argument in process.cmdline()):
            stop_server(process.pid, is_gone, limit)
        # The next server would take a zombie, or another program that now has the number, for a running server.
        if process.is_running() and (is_gone() or process.name() != "postgres"):
            pid_file.unlink(missing_ok=True)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return


def _prefix(data_dir: Path) -> str:
    return f"donewell-{data_dir.stat().st_ino:x}-"


def _base(*, shared: bool, programs: bool) -> Path:
    for base in dict.fromkeys((tempfile.gettempdir(), *BASES)):
        path = Path(base)
        if (
            len(os.fsencode(base)) <= BASE_LIMIT
            and os.access(path, os.W_OK | os.X_OK)
            and (not shared or reachable(path))
            and not (programs and _forbids_programs(path))
        ):
            return path
    raise EmbeddedError(
        "No temporary directory suits PostgreSQL: set TMPDIR to one with a short path that every user may enter"
    )


def _forbids_programs(path: Path) -> bool:
    return sys.platform == "linux" and bool(os.statvfs(path).f_flag & os.ST_NOEXEC)
