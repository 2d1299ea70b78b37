"""The `donewell` command: `serve` (the default), `migrate` and `openapi`. It knows the process and nothing of HTTP.

Exit codes: 0 done, or stopped on request; 2 something that the operator can put right, in one sentence on stderr;
1 anything else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.process import Refusal, Signals, Stopped, in_background, listening, raise_file_limit

if TYPE_CHECKING:
    from backend.config.settings import Settings
    from backend.database.embedded import EmbeddedPostgres

DATABASE_LIMIT = 1.2
"""Seconds that an orderly stop of our database has, which takes a fiftieth: the whole process has five."""

SECRET_ADVICE = "at least 32 random bytes, for example the output of `openssl rand -hex 32`"  # noqa: S105 - how to make one

KEY_ADVICE = "give Ed25519 keys in PEM, from `openssl genpkey -algorithm ed25519`, or secrets"

cli = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,  # they show the values of variables, and some are secrets
    help="The task backend that any to-do app can be built on. Its settings are environment variables.",
)


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
    settings = _settings()
    if settings.database_url is not None and not settings.signing_keys():
        raise Refusal(f"DATABASE_URL is set and JWT_SECRET is not: set it to {SECRET_ADVICE}")
    _check_keys(settings)
    raise_file_limit()
    with ExitStack() as stack:
        stack.callback(signals.ignore)
        database = stack.enter_context(_claimed(settings))
        listener = stack.enter_context(listening(settings.host, settings.port))
        settings = _with_database(settings, database, signals, meanwhile=lambda: _load(settings))
        from backend.serving import serve_alone, serve_with_workers

        _upgrade(settings)
        typer.echo(_greeting(settings, database))
        run = serve_with_workers if settings.web_concurrency > 1 else serve_alone
        run(settings, listener, signals.pass_to)


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
        settings = _settings()
        with _claimed(settings) as database:
            _upgrade(_with_database(settings, database, signals))


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
        with _claimed(settings) as database:
            url = _url(_with_database(settings, database, signals))
            upgrade(url)
            yield url


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document. Needs neither database nor secret."""
    import json

    from backend.main import describe

    typer.echo(json.dumps(describe().openapi(), indent=2, ensure_ascii=False))


@contextmanager
def _claimed(settings: Settings) -> Iterator[EmbeddedPostgres | None]:
    """Our own database, if it is the one to use: not started, but nobody else can; stopped at the end."""
    if settings.database_url is not None:
        yield None
        return
    if settings.database_url_unpooled is not None:
        raise Refusal("DATABASE_URL_UNPOOLED is set and DATABASE_URL is not: set both, or neither")
    from backend.database.embedded import EmbeddedError, EmbeddedPostgres

    database = EmbeddedPostgres(settings.data_dir)
    try:
        database.lock()
        yield database
    except EmbeddedError as error:
        raise Refusal(str(error)) from error
    finally:
        database.stop(DATABASE_LIMIT)


def _with_database(
    settings: Settings,
    database: EmbeddedPostgres | None,
    signals: Signals,
    meanwhile: Callable[[], object] = lambda: None,
) -> Settings:
    """The settings with the URL and the secret of `database`, which is launched while `meanwhile` is done."""
    if database is None:
        in_background(meanwhile).result()
        return settings
    with ExitStack() as stack:
        with signals.held():
            launch = in_background(database.launch)
            # No signal comes between the start of a server and its stop.
            stack.callback(wait, [launch])
        in_background(meanwhile).result()
        launch.result()
    database.wait_until_ready()
    from pydantic import SecretStr

    secret = settings.jwt_secret or SecretStr(_secret(settings.data_dir / "jwt_secret"))
    return settings.model_copy(update={"database_url": SecretStr(database.url), "jwt_secret": secret})


def _secret(path: Path) -> str:
    from backend.config.secret import kept_secret

    try:
        return kept_secret(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Refusal(
            f"The secret in {path} cannot be used ({reason}): restore it, or delete it and everyone signs in again"
        ) from error


def _settings() -> Settings:
    from pydantic import ValidationError

    from backend.config.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        # Never the input: it may be a secret.
        faults = [_fault(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors()]
        raise Refusal("; ".join(faults)) from error
    except (ValueError, OSError) as error:
        raise Refusal(f"The settings cannot be read: {error.__cause__ or error}") from error


def _fault(name: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message if name.upper() in message else f"{name.upper()} is not valid ({message}): correct it"


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


if __name__ == "__main__":
    main()
