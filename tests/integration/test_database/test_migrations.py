"""Migrations and models agree, and bring any database to the schema of this version, whoever else tries to."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from backend.database import migrate, session
from backend.database.url import translate
from backend.domain.errors import DatabaseUnavailable
from tests.factories.databases import execute, named
from tests.integration.test_database.stage import LIMIT, Connection, Stage, connected, is_refusal, same_person

MIGRATION_LOCK = 0x646F6E65
"""What a migration holds while it runs, so that others wait."""

SCHEMA = """
    SELECT 'column' AS kind, table_name || '.' || column_name AS name,
           concat_ws(' ', data_type, is_nullable, column_default, generation_expression) AS definition
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'options', relname, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
    ORDER BY 1, 2
"""
"""Everything that migrations make, as text: what two databases of the same schema have in common."""

TABLES = "SELECT array_agg(tablename::text ORDER BY 1) FROM pg_tables WHERE schemaname = 'public'"


@pytest.fixture
async def empty_url(server_url: str) -> AsyncIterator[str]:
    """A database with nothing in it."""
    url = named(server_url, f"empty_{uuid4().hex}")
    name = urlsplit(url).path[1:]
    await execute(server_url, f"CREATE DATABASE {name}")
    yield url
    await execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def config(url: str) -> Config:
    made = Config(attributes={"arguments": translate(url).arguments})
    made.set_main_option("script_location", str(migrate.MIGRATIONS))
    return made


async def schema(connection: Connection) -> Sequence[tuple[str, ...]]:
    return [tuple(row) for row in await connection.fetch(SCHEMA)]


async def migrate_in_a_process(url: str, directory: Path) -> asyncio.subprocess.Process:
    """`donewell migrate`, as each of several instances runs it when it starts."""
    wanted = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "backend.cli", "migrate", env=wanted | {"DATABASE_URL": url}, cwd=directory
    )


async def test_models_and_migrations_agree(stage: Stage) -> None:
    assert await asyncio.to_thread(migrate.check, stage.url) == []


async def test_a_difference_between_models_and_migrations_is_found(own_database_url: str) -> None:
    await execute(own_database_url, "ALTER TABLE tasks ADD surplus integer")

    assert await asyncio.to_thread(migrate.check, own_database_url) != []


def test_the_newest_revision_is_known_without_loading_any() -> None:
    scripts = ScriptDirectory(str(migrate.MIGRATIONS))
    revisions = [script.revision for script in scripts.walk_revisions()]

    assert scripts.get_heads() == [migrate.head()]
    assert revisions == sorted(revisions, reverse=True)
    assert {len(revision) for revision in revisions} == {4}


async def test_migrating_again_changes_nothing(stage: Stage) -> None:
    before = await schema(stage.watcher)

    await asyncio.to_thread(migrate.upgrade, stage.url)
    await asyncio.to_thread(command.upgrade, config(stage.url), "head")

    assert await schema(stage.watcher) == before
    assert [row[0] for row in await stage.watcher.fetch(migrate.APPLIED)] == [migrate.head()]


async def test_instances_that_start_at_once_migrate_once(stage: Stage, empty_url: str, tmp_path: Path) -> None:
    async with connected(empty_url) as watcher:
        empty = replace(stage, url=empty_url, watcher=watcher)
        async with empty.holding(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"):
            processes = [await migrate_in_a_process(empty_url, tmp_path) for _ in range(2)]
            await empty.blocked(2)
        async with asyncio.timeout(LIMIT):
            codes = [await process.wait() for process in processes]

        assert codes == [0, 0]
        assert await schema(watcher) == await schema(stage.watcher)
        assert [row[0] for row in await watcher.fetch(migrate.APPLIED)] == [migrate.head()]


async def test_what_an_upgrade_made_a_downgrade_removes(own_database_url: str) -> None:
    async with connected(own_database_url) as watcher:
        before = await schema(watcher)

        await asyncio.to_thread(command.downgrade, config(own_database_url), "base")
        assert await watcher.fetchval(TABLES) == ["alembic_version"]

        await asyncio.to_thread(migrate.upgrade, own_database_url)
        assert await schema(watcher) == before


async def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    async with connected(empty_url) as watcher:
        await watcher.execute("CREATE TABLE tasks (theirs integer)")
        with pytest.raises((DatabaseUnavailable, DBAPIError, ValueError)):
            await asyncio.to_thread(migrate.upgrade, empty_url)
        assert await watcher.fetchval(TABLES) == ["tasks"]

        await watcher.execute("DROP TABLE tasks")
        await asyncio.to_thread(migrate.upgrade, empty_url)
        assert "users" in await watcher.fetchval(TABLES)


STATES = {
    "UPDATE alembic_version SET version_num = '0000'": False,
    "UPDATE alembic_version SET version_num = '9999'": True,
    "DELETE FROM alembic_version": False,
    "DROP TABLE alembic_version": False,
}
"""What makes a schema older, newer, half made, and none at all: and whether we can serve on it."""


async def test_readiness_follows_the_schema(
    own_database_url: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "READY_FOR", 0.0)
    async with replace(stage, url=own_database_url).application() as (_, client):
        assert (await client.get("/health/ready")).status_code == 200
        for statement, ready in STATES.items():
            await execute(own_database_url, statement)
            reply = await client.get("/health/ready")

            assert reply.status_code == 200 if ready else is_refusal(reply), statement
            assert (await client.get("/health/live")).status_code == 200


async def test_an_application_gets_ready_when_its_empty_database_is_migrated(
    stage: Stage, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "READY_FOR", 0.0)
    async with (
        stage.application() as (_, person),
        replace(stage, url=empty_url).serving() as app,
        same_person(app, person) as client,
    ):
        empty = await client.get("/health/ready")
        await asyncio.to_thread(migrate.upgrade, empty_url)
        migrated = await client.get("/health/ready")

    assert is_refusal(empty)
    assert migrated.status_code == 200
