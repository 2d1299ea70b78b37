"""How Alembic reaches the database. Run through `backend.database.migrate`, which says how to connect."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

import asyncpg
from alembic import context
from sqlalchemy import Connection, String, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import AutoString, SQLModel

import backend.models  # noqa: F401  registers every table

MIGRATION_LOCK = 0x646F6E65
"""The advisory lock that lets one of several starting instances migrate while the others wait: "done"."""


def _render(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """How a generated migration writes `item`; False for Alembic's own way. It does not import SQLModel."""
    return f"sa.{String(item.length)!r}" if kind == "type" and isinstance(item, AutoString) else False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        compare_server_default=True,
        render_item=_render,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        # Released with the transaction, so that it also works through a transaction pooler.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        context.run_migrations()


async def _connect_and_run(arguments: Mapping[str, Any]) -> None:
    async def connect(*_: Any, **__: Any) -> Any:
        return await asyncpg.connect(**arguments)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_connect_and_run(context.config.attributes["arguments"]))
