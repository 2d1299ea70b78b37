"""The stage of tests that would disturb others: a database of their own, and applications that come and go on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.factories.databases import clone
from tests.integration.test_database.stage import LANES, Lane, Stage, connected


@pytest.fixture(scope="session")
async def stage_url(server_url: str) -> str:
    """One database a worker: making one takes longer than most of these tests, which leave it as they found it."""
    return await clone(server_url)


@pytest.fixture
async def stage(stage_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """The stage. A test that leaves a connection open on it fails, and does not make the next one fail."""
    async with connected(stage_url) as watcher:
        stage = Stage(stage_url, tmp_path / "app.log", watcher)
        yield stage
        try:
            await stage.backends(0, "true")
        finally:
            await stage.end_backends()


@pytest.fixture(params=LANES)
def lane(request: pytest.FixtureRequest) -> Lane:
    """Each of the two lanes to the database."""
    return LANES[request.param]
