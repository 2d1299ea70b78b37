"""The application, as production builds it: real middleware, real tokens, real database, its own log."""

import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stderr
from io import TextIOBase
from pathlib import Path
from typing import Any, TextIO

import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI

from backend.config.settings import Settings
from backend.main import create_app
from tests.factories.canaries import CANARY, KEPT
from tests.factories.mailboxes import MailServer, settings_of

SECRET = f"{CANARY} 3f9b2c71e8a04d5f96b1c0d7e2a8453f"

FRONTEND = "https://app.example.com"
FRONTEND_SECRET = f"{CANARY} c41e0a7d93f5b8264d7a1e0c95f3b286"
"""A frontend that makes tokens with a secret that it shares with us: people who sign in elsewhere come with these."""


def settings_for(database_url: str, **others: Any) -> Settings:
    """Settings that owe nothing to the environment of whoever runs the tests."""
    return Settings(
        _env_file=None,
        _env_prefix="tests_take_none_",
        database_url=database_url,
        jwt_secret=SECRET,
        **{"log_format": "json", "better_auth_url": FRONTEND, "better_auth_secret": FRONTEND_SECRET, **others},
    )


class _Log(TextIOBase):
    """Goes to the log of the application that was started last.

    A logger keeps the stream of its first use for as long as the process lives; the applications of tests come and go.
    """

    def __init__(self) -> None:
        self._streams: list[TextIO] = []

    def write(self, text: str) -> int:
        KEPT.add(text, "applications")
        return (self._streams[-1] if self._streams else sys.__stderr__ or sys.stderr).write(text)

    @contextmanager
    def into(self, stream: TextIO) -> Iterator[None]:
        self._streams.append(stream)
        try:
            yield
        finally:
            self._streams.remove(stream)


_LOG = _Log()


def built(settings: Settings, *, embedded: bool = False) -> FastAPI:
    """The application, not started, whose log goes where `running` says."""
    with redirect_stderr(_LOG):
        return create_app(settings, embedded=embedded)


@asynccontextmanager
async def running(settings: Settings, log: Path, *, embedded: bool = False) -> AsyncIterator[FastAPI]:
    """The application, started and later stopped, logging to a file."""
    with log.open("a", buffering=1) as stream, _LOG.into(stream):
        app = built(settings, embedded=embedded)
        async with LifespanManager(app):
            yield app


@pytest.fixture(scope="session")
def log_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this worker's application logs."""
    return tmp_path_factory.mktemp("logs") / "app.log"


@pytest.fixture(scope="session")
async def app(database_url: str, mailboxes: MailServer, log_path: Path) -> AsyncIterator[FastAPI]:
    """This worker's application."""
    async with running(settings_for(database_url, **settings_of(mailboxes)), log_path) as app:
        yield app


@pytest.fixture
def logged(app: FastAPI, log_path: Path) -> Callable[[], list[dict[str, Any]]]:  # noqa: ARG001  it writes the log
    """What has been logged since the test began, a dictionary a line."""
    begin = log_path.stat().st_size

    def read() -> list[dict[str, Any]]:
        with log_path.open() as stream:
            stream.seek(begin)
            return [json.loads(line) for line in stream]

    return read
