"""Data directories, one per test, with nothing left running on them."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.database.embedded import EmbeddedPostgres
from tests.factories.canaries import KEPT
from tests.integration.test_serve.processes import Donewell, kill_servers


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose cluster exists; to be copied, not used."""
    data_dir = tmp_path_factory.mktemp("made") / "data"
    with EmbeddedPostgres(data_dir):
        pass
    return data_dir


@pytest.fixture
def new_dir(tmp_path: Path) -> Iterator[Path]:
    """Where a data directory may be made; it does not exist yet."""
    data_dir = tmp_path / "data"
    yield data_dir
    kill_servers(data_dir)
    KEPT.add_database(data_dir)
    shutil.rmtree(data_dir, ignore_errors=True)  # 40 MB each


@pytest.fixture
def data_dir(made_once: Path, new_dir: Path) -> Path:
    """A data directory whose cluster exists."""
    subprocess.run(["cp", "-a", made_once, new_dir], check=True)
    return new_dir


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """An empty directory that an ordinary user may enter and write, removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path
        kill_servers(path / "data")
        KEPT.add_database(path / "data")


@pytest.fixture
def serve() -> Iterator[Callable[..., Donewell]]:
    """Start `donewell serve` with the arguments of `Donewell`; at the end nothing is left of any."""
    started: list[Donewell] = []

    def start(*arguments: Any, **settings: Any) -> Donewell:
        started.append(Donewell(*arguments, **settings))
        return started[-1]

    yield start
    for donewell in started:
        donewell.end()
