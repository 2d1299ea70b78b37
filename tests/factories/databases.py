"""Databases: cloned from a template that the migrations made, so that a test sees the schema of production."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from backend.database.url import translate

SERVER_URL = pytest.StashKey[str]()
TEMPLATE = "donewell_template"


async def execute(url: str, statement: str) -> None:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(**translate(url).arguments)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def named(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def create_template(server_url: str) -> str:
    """An empty database to migrate; gives its URL."""
    asyncio.run(execute(server_url, f"CREATE DATABASE {TEMPLATE}"))
    return named(server_url, TEMPLATE)


async def clone(server_url: str) -> str:
    """A migrated, empty database; gives its URL."""
    name = f"test_{uuid4().hex}"
    await execute(server_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    return named(server_url, name)


@pytest.fixture(scope="session")
def server_url(pytestconfig: pytest.Config) -> str:
    """The server of this test run, with an empty database that is not migrated."""
    return pytestconfig.stash[SERVER_URL]


@pytest.fixture(scope="session")
async def database_url(server_url: str) -> str:
    """This worker's database, shared by its tests."""
    return await clone(server_url)


@pytest.fixture
async def own_database_url(server_url: str) -> AsyncIterator[str]:
    """A database for one test alone: for outages, races and whatever else the others would notice."""
    url = await clone(server_url)
    yield url
    await execute(server_url, f'DROP DATABASE "{urlsplit(url).path[1:]}" WITH (FORCE)')
