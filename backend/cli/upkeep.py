"""`donewell maintenance`: the same that a server does now and then, at once and to the end."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from backend.cli.databases import reachable_database
from backend.config.settings import Settings
from backend.database.session import Database
from backend.domain.errors import DatabaseUnavailable
from backend.process import Refusal
from backend.services.maintenance import Maintenance
from backend.utils.logging import configure_logging


def maintain(settings: Settings) -> Mapping[str, int]:
    """How many rows of which tables were removed. Raises `Refusal`."""
    configure_logging(settings.log_level, settings.log_format)
    with reachable_database(settings) as url:
        try:
            return asyncio.run(_maintain(settings, url))
        except DatabaseUnavailable as error:
            raise Refusal("The database cannot be reached: check DATABASE_URL, or start donewell") from error


async def _maintain(settings: Settings, url: str) -> Mapping[str, int]:
    database = Database(url, pool_size=1, queue_limit=1, timeout=settings.database_timeout)
    await database.open()
    try:
        return await Maintenance(database.fast, timedelta(days=settings.trash_retention)).run()
    finally:
        await database.close()
