"""`donewell user`: what an operator does to accounts, on the database of a running server or of none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from backend.cli.databases import reachable_database, settings_of_environment
from backend.process import Refusal

if TYPE_CHECKING:
    from backend.config.settings import Settings
    from backend.services.lockouts import Lockouts

users = typer.Typer(help="Lock accounts out, and let them in again.")

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its e-mail address, or the id of its user.")]


@users.command()
def disable(account: Account) -> None:
    """Lock a user out: every session and token of theirs ends within seconds, and signing in is refused."""
    typer.echo(f"disabled {_done(lambda lockouts: lockouts.disable(account))}")


@users.command()
def enable(account: Account) -> None:
    """Let a user sign in again. What ended stays so."""
    typer.echo(f"enabled {_done(lambda lockouts: lockouts.enable(account))}")


def _done(work: Callable[[Lockouts], Awaitable[UUID | None]]) -> UUID:
    from backend.domain.errors import DatabaseUnavailable

    settings = settings_of_environment()
    with reachable_database(settings) as url:
        try:
            user_id = asyncio.run(_with_lockouts(settings, url, work))
        except DatabaseUnavailable as error:
            raise Refusal("The database cannot be reached: check DATABASE_URL, or start donewell") from error
    if user_id is None:
        raise Refusal("There is no such account: check the address or the id")
    return user_id


async def _with_lockouts(
    settings: Settings, url: str, work: Callable[[Lockouts], Awaitable[UUID | None]]
) -> UUID | None:
    from backend.database.session import Database
    from backend.services.lockouts import Lockouts
    from backend.services.revocations import Revocations
    from backend.utils.logging import configure_logging

    configure_logging(settings.log_level, settings.log_format)
    database = Database(url, pool_size=1, queue_limit=1, timeout=settings.database_timeout)
    await database.open()
    try:
        return await work(Lockouts(database, Revocations(database.fast)))
    finally:
        await database.close()
