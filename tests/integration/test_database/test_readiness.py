"""Whether the database is ready: anybody may ask, and however many do, it is asked once a second."""

import asyncio
from dataclasses import replace
from time import monotonic

import httpx

from backend.database.session import READY_FOR
from tests.factories.clients import client_for
from tests.factories.databases import execute
from tests.integration.test_database.stage import LIMIT, Stage, eventually, is_refusal

LOCK = "LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"


async def test_many_who_ask_at_once_cost_one_statement(stage: Stage) -> None:
    async with stage.serving(database_timeout=LIMIT) as app, client_for(app) as client:
        async with stage.holding(LOCK):
            asking = [asyncio.create_task(client.get(path)) for path in ("/health", "/health/ready") * 25]
            await stage.blocked(1)
            gone = asking.pop(0)
            gone.cancel()
            await asyncio.wait([gone])
            await asyncio.sleep(0.1)
            assert app.state.database.admitted() == 1

        assert [reply.status_code for reply in await asyncio.gather(*asking)] == [200] * 49
        async with stage.holding(LOCK):
            # It has just been asked.
            async with asyncio.timeout(LIMIT / 2):
                assert (await client.get("/health")).status_code == 200


async def test_what_changes_is_seen_within_a_second(stage: Stage, own_database_url: str) -> None:
    async with replace(stage, url=own_database_url).serving() as app, client_for(app) as client:

        async def ready() -> httpx.Response:
            return await client.get("/health/ready")

        async def is_refused() -> bool:
            return is_refusal(await ready())

        async def is_ready() -> bool:
            return (await ready()).status_code == 200

        assert await is_ready()
        for name, other, seen in (("alembic_version", "away", is_refused), ("away", "alembic_version", is_ready)):
            began = monotonic()
            await execute(own_database_url, f"ALTER TABLE {name} RENAME TO {other}")
            await eventually(seen)
            assert monotonic() - began < READY_FOR + 1
        assert await is_ready()
