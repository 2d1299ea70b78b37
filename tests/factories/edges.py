"""Applications whose edge is set otherwise than the session's: other origins, hosts, a public address."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.factories.applications import running, settings_for
from tests.factories.clients import Client, client_for

type Edge = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def edge(database_url: str, tmp_path: Path) -> Edge:
    """Starts an application with these settings, and gives a client of it that is nobody."""

    @asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[Client]:
        async with (
            running(settings_for(database_url, **settings), tmp_path / "app.log") as app,
            client_for(app) as client,
        ):
            yield client

    return start
