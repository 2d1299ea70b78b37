"""The month of docs/a-month.md, day by day, on a server and a PostgreSQL whose clock the page sets."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_docs.documents import ROOT
from tests.integration.test_docs.examples import Reader, examples_of, placed, run
from tests.integration.test_serve.processes import Donewell

LIBRARIES = sorted(Path("/usr").glob("lib/*/faketime/libfaketimeMT.so.1"))

pytestmark = pytest.mark.skipif(
    not LIBRARIES or shutil.which("curl") is None, reason="the page speaks curl, to a server with a clock of its own"
)

SERVE = """
import select, time
import backend.database.postgres_program as program
from backend.cli import main
time.sleep = lambda seconds: select.select([], [], [], seconds)  # its own asks for what the library does not know
program.ENVIRONMENT += tuple(sys.argv.pop().split())
main()
"""
"""`donewell`, whose PostgreSQL inherits the clock: the names of its settings are the last argument."""


@pytest.fixture
def clock() -> Iterator[Path]:
    """Seconds to add to the time that it is, where PostgreSQL may read it, whoever it runs as."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = Path(directory, "clock")
        path.write_text("+0")
        yield path


@pytest.fixture
def server(clock: Path, tmp_path: Path) -> Iterator[Donewell]:
    clocked = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    command = (sys.executable, "-c", f"import sys{SERVE}", "serve", " ".join(clocked))
    donewell = Donewell(tmp_path / "data", command=command, RATE_LIMIT="off", AUTH_RATE_LIMIT="off", **clocked)
    try:
        donewell.greeting()
        yield donewell
    finally:
        donewell.end()


async def test_a_month_goes_as_the_page_tells(server: Donewell, clock: Path, tmp_path: Path) -> None:
    examples = examples_of(placed((ROOT / "docs/a-month.md").read_text(), f"http://127.0.0.1:{server.port}"))

    outcomes = await asyncio.to_thread(run, examples, tmp_path, CLOCK=str(clock))

    documented, real = Reader(), Reader()
    for example, outcome in zip(examples, outcomes, strict=True):
        assert outcome.is_as_expected_of(example), (example.code, outcome)
        assert real.read(outcome.printed, example.form) == documented.read(example.shown, example.form), example.code
