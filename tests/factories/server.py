"""One embedded PostgreSQL for the whole run, started before any worker and stopped after all of them.

It does not wait for the disk, as one must that is to survive a power failure: what has that to prove has its own.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from xdist import is_xdist_worker
from xdist.workermanage import WorkerController

from backend.database import migrate
from backend.database.embedded import EmbeddedPostgres
from tests.factories.canaries import KEPT
from tests.factories.databases import SERVER_URL, create_template, execute

DIRECTORY = pytest.StashKey[Path]()
POSTGRES = pytest.StashKey[EmbeddedPostgres]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the server before any worker, and migrate the template that every database is cloned from."""
    stash = session.config.stash
    if is_xdist_worker(session):
        stash[SERVER_URL] = session.config.workerinput["server_url"]  # type: ignore[attr-defined]
        return
    stash[DIRECTORY] = directory = Path(tempfile.mkdtemp(prefix="donewell-tests-"))
    stash[POSTGRES] = postgres = EmbeddedPostgres(directory)
    postgres.start()
    stash[SERVER_URL] = postgres.url
    for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
        asyncio.run(execute(postgres.url, statement))
    migrate.upgrade(create_template(postgres.url))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a worker where the server is."""
    node.workerinput["server_url"] = node.config.stash[SERVER_URL]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave nothing running and nothing lying about."""
    if (postgres := session.config.stash.get(POSTGRES, None)) is not None:
        postgres.stop()
        KEPT.add_database(session.config.stash[DIRECTORY])
        shutil.rmtree(session.config.stash[DIRECTORY])
