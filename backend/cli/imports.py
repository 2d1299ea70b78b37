"""`donewell import`: what a file has becomes somebody's tasks, on the database of a running server or of none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.databases import reachable_database, settings_of_environment
from backend.process import Refusal

if TYPE_CHECKING:
    from backend.config.settings import Settings

_BY_ENDING = {".json": "json", ".csv": "csv", ".ics": "ics"}


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)],
    user: Annotated[str, typer.Option("--user", metavar="ACCOUNT", help="Whose: an e-mail address, or a user's id.")],
    form: Annotated[
        str, typer.Option("--format", help="json, csv, ics, todoist, microsoft or vikunja; else by the file's ending.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen.")] = False,
) -> None:
    """Take a file of tasks in. The same file again adds nothing."""
    from backend.domain.errors import DatabaseUnavailable, InvalidInput
    from backend.formats import FORMATS

    form = form or _BY_ENDING.get(file.suffix.lower(), "")
    if form not in FORMATS:
        raise Refusal(f"Name the format of the file with --format: {', '.join(FORMATS)}")
    settings = settings_of_environment()
    with reachable_database(settings) as url:
        try:
            report = asyncio.run(_taken_in(settings, url, file, user, form, dry_run=dry_run))
        except DatabaseUnavailable as error:
            raise Refusal("The database cannot be reached: check DATABASE_URL, or start donewell") from error
        except InvalidInput as error:
            raise Refusal(f"The file cannot be taken in: {error.faults[0].message}") from error
    if report is None:
        raise Refusal("There is no such account: check the address or the id")
    _tell(report)
    if not report["finished"]:
        raise typer.Exit(1)


async def _taken_in(
    settings: Settings, url: str, file: Path, account: str, form: str, *, dry_run: bool
) -> Mapping[str, Any] | None:
    from backend.database.session import Database
    from backend.services.lockouts import account_of
    from backend.services.transfer import Transfers
    from backend.utils.logging import configure_logging

    configure_logging(settings.log_level, settings.log_format)
    database = Database(url, pool_size=1, queue_limit=1, timeout=settings.database_timeout)
    await database.open()
    try:
        owner = await account_of(database, account)
        if owner is None:
            return None
        with file.open("rb") as content, _progress() as progress:
            return await Transfers(database).take_in(owner, form, content, progress, dry_run=dry_run)
    finally:
        await database.close()


class _progress:  # noqa: N801 - used as a block
    """A bar on stderr, where that is a terminal. How many items a file has is only known at its end."""

    def __enter__(self) -> Callable[[int], object]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.completed} items"), BarColumn(), TimeElapsedColumn())
        self._shown = Progress(*columns, console=Console(stderr=True), transient=True)
        self._shown.start()
        bar = self._shown.add_task("", total=None)
        return lambda taken: self._shown.update(bar, completed=taken)

    def __exit__(self, *_: object) -> None:
        self._shown.stop()


def _tell(report: Mapping[str, Any]) -> None:
    for kind in ("projects", "labels", "filters", "tasks", "occurrences"):
        counts = report[kind]
        if any(counts.values()):
            created = "would be created" if report["dry_run"] else "created"
            typer.echo(f"{kind}: {counts['created']} {created}, {counts['exists']} exist, {counts['skipped']} skipped")
    for name, number in report["losses"].items():
        typer.echo(f"lost: {name} ({number})")
    for row in report["problems"]:
        typer.echo(f"row {row['row']}: {row['field'] or row['kind'] or 'file'}: {row['message']}", err=True)
