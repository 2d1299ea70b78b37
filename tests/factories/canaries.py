"""What must never be in a log is planted all over the suite; a run in which any of it was logged fails.

Everything is looked through at the end: what the applications of the tests logged, what the processes that they
started said, the logs of PostgreSQL, and what pytest captured. A canary is known by its mark, other secrets by their
form.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from xdist import is_xdist_worker
from xdist.workermanage import WorkerController

CANARY = "canary-5a1f"
"""Is in whatever the tests plant: titles, names, e-mail addresses, cookies, the secret that signs tokens."""

# Every part is bounded: a line may be long.
SECRETS = re.compile(
    b"|".join(
        (
            CANARY.encode(),
            rb"correct horse",  # the password of the documents' examples, and of everybody in the tests
            rb"[\w.+-]@[a-z0-9.-]{1,100}\.(?:com|org|net)\b",  # an e-mail address
            rb"eyJ[\w-]{10,1000}\.eyJ",  # a JWT
            rb"dw[a-z]_[\w-]{20}",  # a token of ours that is no JWT
            rb"\$argon2id\$",  # the hash of a password
            rb"(?i:authorization|cookie): ?\S",
            rb"postgres(?:ql)?(?:\+\w{1,20})?://",
        )
    )
)

# What donewell says to show how such a thing is written; and the one link that it is there to print.
_INTENDED = re.compile(
    rb"you@example\.com|postgresql://user:password@host/database|(?<=\"link\":\")[^\"]+(?=.*\"mail\.printed\")"
)

LOGS = pytest.StashKey[Path]()
LOOKED_THROUGH = pytest.StashKey[int]()
LEAKS = pytest.StashKey[list[str]]()
_LONGEST = 300
_MOST_TOLD = 20


class _Kept:
    """Keeps all that is logged in this process and by those that it starts: a file for each source."""

    def __init__(self) -> None:
        self._directory: Path | None = None
        self._process = ""
        self._files: dict[str, TextIO] = {}

    def begin(self, directory: Path, process: str) -> None:
        self._directory, self._process = directory, process

    def add(self, text: str, source: str) -> None:
        """Keep what a source has logged."""
        if self._directory is None:
            return
        if source not in self._files:
            path = self._directory / f"{self._process}, {source}"
            self._files[source] = path.open("a", buffering=1, encoding="utf-8", errors="backslashreplace")
        self._files[source].write(text)

    def add_file(self, path: Path, source: str) -> None:
        """Keep what a source has logged into a file, if it has."""
        if path.exists():
            self.add(path.read_text(errors="backslashreplace"), source)

    def add_database(self, data_dir: Path) -> None:
        """Keep what the PostgreSQL server of a data directory has logged."""
        for name in ("postgres.log", "postgres.log.1"):
            self.add_file(data_dir / name, "PostgreSQL")

    def end(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()


KEPT = _Kept()


def leaks(directory: Path) -> Iterator[str]:
    """Every line of the files in a directory that has a secret in it: which file, what secret, what line."""
    for path in sorted(directory.iterdir()):
        with path.open("rb") as log:
            for line in log:
                if found := SECRETS.search(_INTENDED.sub(b"", line)):
                    told = line.strip()[:_LONGEST].decode(errors="backslashreplace")
                    yield f"{path.name}: {found[0].decode()!r} in {told}"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Have one directory for the run, and one name for each process in it."""
    config = session.config
    if is_xdist_worker(session):
        given = config.workerinput  # type: ignore[attr-defined]
        KEPT.begin(Path(given["logs"]), given["workerid"])
        return
    config.stash[LOGS] = directory = Path(tempfile.mkdtemp(prefix="donewell-logs-"))
    KEPT.begin(directory, "main")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a worker the directory."""
    node.workerinput["logs"] = str(node.config.stash[LOGS])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what pytest has captured of a test that ran in this process; the last report has all of it."""
    if report.when == "teardown" and not hasattr(report, "node"):
        for name, text in report.sections:
            KEPT.add(f"{text}\n", name.lower())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look through all of it once every process has ended, and let the run fail over what is found."""
    KEPT.end()
    stash = session.config.stash
    if (directory := stash.get(LOGS, None)) is not None:
        stash[LOOKED_THROUGH] = sum(path.stat().st_size for path in directory.iterdir())
        stash[LEAKS] = list(leaks(directory))
        shutil.rmtree(directory)
        if stash[LEAKS]:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was found, and in how much."""
    stash = terminalreporter.config.stash
    if found := stash.get(LEAKS, []):
        terminalreporter.section(f"{len(found)} secrets in what was logged", red=True)
        for leak in found[:_MOST_TOLD]:
            terminalreporter.write_line(leak)
    elif looked_through := stash.get(LOOKED_THROUGH, 0):
        terminalreporter.write_line(f"No secret in {looked_through / 1e6:.1f} MB of logs")
