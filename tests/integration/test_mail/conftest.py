"""Applications on a database of their own, and a mail server that is told how to misbehave."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.factories.mailboxes import MailServer, serving
from tests.integration.test_database.stage import Stage, connected


@pytest.fixture
async def stage(own_database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """The stage: what waits on it is this test's alone."""
    async with connected(own_database_url) as watcher:
        yield Stage(own_database_url, tmp_path / "app.log", watcher)


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    """A mail server for one test alone."""
    async with serving() as server:
        yield server
