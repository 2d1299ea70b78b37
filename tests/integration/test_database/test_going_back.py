"""Going back to an older version of the program, whose schema the newer one has moved on."""

import asyncio

import asyncpg

from backend.database import migrate
from backend.database.url import translate
from tests.factories.databases import execute

NEWER = "9999"


async def test_a_database_that_a_newer_version_has_migrated_is_left_as_it_is(own_database_url: str) -> None:
    await execute(own_database_url, f"UPDATE alembic_version SET version_num = '{NEWER}'")

    await asyncio.to_thread(migrate.upgrade, own_database_url)

    connection = await asyncpg.connect(**translate(own_database_url).arguments)
    assert await connection.fetchval(migrate.APPLIED) == NEWER
    await connection.close()
