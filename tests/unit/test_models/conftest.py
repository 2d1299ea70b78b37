"""A connection to the real database, beneath everything of ours that would refuse first."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from backend.database.url import translate

type Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    """In a transaction that is never committed."""
    connection = await asyncpg.connect(**translate(database_url).arguments)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()
