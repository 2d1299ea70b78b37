"""The `donewell` command: `serve` (the default), `migrate`, `openapi`, `maintenance`, `user` and `import`. It knows
nothing of HTTP.

Exit codes: 0 done, or stopped on request; 2 something that the operator can put right, in one sentence on stderr;
1 anything else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.databases import claimed, settings_of_environment, with_database
from backend.cli.imports import import_file
from backend.cli.users import users
from backend.process import Refusal, Signals, Stopped, in_background, listening, raise_file_limit

if TYPE_CHECKING:
    from backend.config.settings import Settings
    from backend.database.embedded import EmbeddedPostgres

SECRET_ADVICE = "at least 32 random bytes, for example the output of `openssl rand -hex 32`"  # noqa: S105 - how to make one

KEY_ADVICE = "give Ed25519 keys in PEM, from `openssl genpkey -algorithm ed25519`, or secrets"

cli = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,  # they show the values of variables, and some are secrets
    help="The task backend that any to-do app can be built on. Its settings are environment variables.",
)
cli.add_typer(users, name="user")
cli.command("import")(import_file)


def main() -> None:
    """Run the command that the arguments name."""
    try:
        cli()
    except Refusal as refusal:
        typer.echo(f"donewell: {' '.join(str(refusal).split())}", err=True)
        sys.exit(2)
    except Stopped as stopped:
        # Nothing is left to do, and a thread that imports C code would not survive the end of the interpreter.
        os._exit(stopped.code)


@cli.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Serve the API, unless a command is named."""
    if context.invoked_subcommand is None:
        serve()


@cli.command()
def serve() -> None:
    """Serve the API, on a PostgreSQL of its own unless DATABASE_URL names one."""
    signals = Signals(exit_code=0)
    settings = settings_of_environment()
    if settings.database_url is not None and not settings.signing_keys():
        raise Refusal(f"DATABASE_URL is set and JWT_SECRET is not: set it to {SECRET_ADVICE}")
    if missing := settings.missing_for_mail():
        raise Refusal(
            f"SMTP_URL is set and not {' and '.join(missing)}: set what mail is from, and what its links begin with"
        )
    _check_keys(settings)
    raise_file_limit()
    with ExitStack() as stack:
        stack.callback(signals.ignore)
        database = stack.enter_context(claimed(settings))
        listener = stack.enter_context(listening(settings.host, settings.port))
        settings = with_database(settings, database, signals, meanwhile=lambda: _load(settings))
        from backend.serving import serve_alone, serve_with_workers

        _upgrade(settings)
        typer.echo(_greeting(settings, database))
        run = serve_with_workers if settings.web_concurrency > 1 else serve_alone
        run(settings, listener, signals.pass_to, embedded=database is not None)


def _check_keys(settings: Settings) -> None:
    from backend.auth.keys import Key

    for name, keys in settings.named_keys().items():
        for key in keys:
            try:
                Key.parse(key)
            except ValueError as error:
                raise Refusal(f"{name} has something that is {error}: {KEY_ADVICE}") from error


def _load(settings: Settings) -> None:
    from backend.serving import application

    # Workers import the application themselves: whoever minds them does without.
    if settings.web_concurrency == 1:
        application()


@cli.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether the migrations make what the models say.")
    ] = False,
    new: Annotated[
        str, typer.Option("--new", metavar="MESSAGE", help="Write the migration that the models still lack.")
    ] = "",
) -> None:
    """Bring the database to the schema of this version."""
    signals = Signals(exit_code=130)
    if check and new:
        raise Refusal("--check writes nothing and --new writes a migration: give one of them")
    if check:
        _check(signals)
    elif new:
        _write_migration(signals, new)
    else:
        settings = settings_of_environment()
        with claimed(settings) as database:
            _upgrade(with_database(settings, database, signals))


def _check(signals: Signals) -> None:
    from backend.database.migrate import check

    with _scratch_database(signals) as url:
        differences = check(url)
    if differences:
        typer.echo("\n".join(differences), err=True)
        sys.exit(1)


def _write_migration(signals: Signals, message: str) -> None:
    from backend.database.migrate import new_revision

    with _scratch_database(signals) as url:
        typer.echo(f"Written, to be read and corrected: {new_revision(url, message)}")


@contextmanager
def _scratch_database(signals: Signals) -> Iterator[str]:
    """A migrated database made for it: what compares code with code must not depend on the data that is there."""
    from tempfile import TemporaryDirectory

    from backend.config.settings import Settings
    from backend.database.migrate import upgrade

    with TemporaryDirectory() as directory:
        settings = Settings.model_construct(data_dir=Path(directory))
        with claimed(settings) as database:
            url = _url(with_database(settings, database, signals))
            upgrade(url)
            yield url


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document. Needs neither database nor secret."""
    import json

    from backend.main import describe

    typer.echo(json.dumps(describe().openapi(), indent=2, ensure_ascii=False))


@cli.command()
def maintenance() -> None:
    """Remove for good what has been in the trash for longer than TRASH_RETENTION days, and what else is long over."""
    from backend.cli.upkeep import maintain

    removed = maintain(settings_of_environment())
    for table, rows in removed.items():
        typer.echo(f"removed {rows} of {table}")
    if not removed:
        typer.echo("nothing to remove")


def _url(settings: Settings) -> str:
    """The database for migrations: past the pooler, if there is one."""
    url = settings.database_url_unpooled or settings.database_url
    return url.get_secret_value() if url else ""


def _url_name(settings: Settings) -> str:
    return "DATABASE_URL_UNPOOLED" if settings.database_url_unpooled else "DATABASE_URL"


def _upgrade(settings: Settings) -> None:
    from backend.database.migrate import upgrade
    from backend.domain.errors import DatabaseUnavailable

    try:
        in_background(lambda: upgrade(_url(settings))).result()
    except DatabaseUnavailable as error:
        cause = error.__cause__
        reason = (getattr(cause, "strerror", None) or str(cause)) if cause else "no answer"
        raise Refusal(
            f"The database cannot be reached ({reason or 'no answer in time'}):"
            f" check {_url_name(settings)} and that the database is running"
        ) from error
    except ValueError as error:
        raise Refusal(str(error)) from error


def _greeting(settings: Settings, database: EmbeddedPostgres | None) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - only compared
    url = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    data = f"{settings.data_dir.absolute()} (PostgreSQL included)" if database else "in the database of DATABASE_URL"
    docs = f"\n  Docs   {url}/docs" if settings.docs else ""
    return f"""\
donewell is serving; Ctrl-C stops it.

  API    {url}/api/v1{docs}
  Data   {data}

Register, for a start:

  curl {url}/api/v1/auth/register -H 'Content-Type: application/json' \\
    -d '{{"email": "you@example.com", "name": "You", "password": "a long sentence to remember"}}'
"""
