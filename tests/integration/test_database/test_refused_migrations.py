"""Databases that cannot be migrated: each is refused with a sentence for the operator."""

from collections.abc import AsyncIterator

import pytest

from backend.database import migrate
from tests.factories.databases import execute, named


@pytest.fixture
async def foreign_url(own_database_url: str) -> str:
    """A database that another program's migrations have made."""
    await execute(own_database_url, "UPDATE alembic_version SET version_num = 'ae1027a6acf'")
    return own_database_url


@pytest.fixture
async def powerless_url(server_url: str) -> AsyncIterator[str]:
    """An empty database whose role may create nothing in it."""
    await execute(server_url, "CREATE DATABASE powerless")
    url = named(server_url, "powerless")
    await execute(url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC, pg_database_owner")
    await execute(url, "ALTER DATABASE powerless SET role TO pg_monitor")
    yield url
    await execute(server_url, "DROP DATABASE powerless WITH (FORCE)")


@pytest.fixture
async def crowded_url(server_url: str) -> AsyncIterator[str]:
    """A database in which another program keeps users of its own."""
    await execute(server_url, "CREATE DATABASE crowded")
    url = named(server_url, "crowded")
    await execute(url, "CREATE TABLE users (id int)")
    yield url
    await execute(server_url, "DROP DATABASE crowded WITH (FORCE)")


def test_another_programs_database_is_refused(foreign_url: str) -> None:
    with pytest.raises(ValueError, match=r"not one of ours .*: set DATABASE_URL to one of its own"):
        migrate.upgrade(foreign_url)


def test_a_role_without_rights_is_refused(powerless_url: str) -> None:
    with pytest.raises(ValueError, match=r"may not create tables \(permission denied"):
        migrate.upgrade(powerless_url)


def test_another_programs_tables_are_refused(crowded_url: str) -> None:
    with pytest.raises(ValueError, match=r"tables of another program \(relation \"users\" already exists\)"):
        migrate.upgrade(crowded_url)
