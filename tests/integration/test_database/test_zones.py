"""The database has the same idea of the world's clocks as we have: due dates are compared on both sides."""

from datetime import UTC, datetime
from importlib.resources import files

import asyncpg

from backend.domain.due import Due, instant
from backend.utils.validators import iana_zone


async def test_in_every_zone_it_is_the_same_time(database_url: str) -> None:
    zones = {iana_zone(name) for name in files("tzdata").joinpath("zones").read_text().split()}
    moments = [datetime(year, month, 15, 12, tzinfo=UTC) for year in (2000, 2012, 2025) for month in range(1, 13)]
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT zone, moment, moment AT TIME ZONE zone AS local"
            " FROM unnest($1::text[]) AS zone, unnest($2::timestamptz[]) AS moment",
            sorted(zones),
            moments,
        )
    finally:
        await connection.close()

    differ = {zone for zone, moment, local in rows if instant(Due(local.date(), local.time(), zone), "UTC") != moment}

    assert len(rows) == len(zones) * len(moments)
    assert differ == set()
