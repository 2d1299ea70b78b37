"""The settings, and the database that they name: one of our own, or the operator's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from backend.process import Refusal, Signals, in_background

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from backend.config.settings import Settings
    from backend.database.embedded import EmbeddedPostgres

DATABASE_LIMIT = 1.2
"""Seconds that an orderly stop of our database has, which takes a fiftieth: the whole process has five."""

_SENTENCES = {
    "bool_parsing": "write on or off",
    "extra_forbidden": "is not known",
    "float_parsing": "write a number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "int_parsing": "write a whole number",
    "less_than_equal": "must be {le:g} or less",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_type": "must be an object",
    "string_too_short": "must not be empty",
    "string_type": "must be a text",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
}
"""What is wrong with a setting, by pydantic's name for it: its own sentences are for programmers."""


@contextmanager
def claimed(settings: Settings) -> Iterator[EmbeddedPostgres | None]:
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


def with_database(
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


@contextmanager
def reachable_database(settings: Settings) -> Iterator[str]:
    """The URL of the database: of a server that runs, or of our own, started for as long as this takes."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    from backend.database.embedded import AlreadyRunning, is_made, url_in

    if not is_made(settings.data_dir):
        raise Refusal(
            f"There is no database in {settings.data_dir.absolute()}: set DATA_DIR or DATABASE_URL as the server has it"
        )
    try:
        with claimed(settings) as database:
            ours = with_database(settings, database, Signals(exit_code=130)).database_url
            yield ours.get_secret_value() if ours else ""
    except Refusal as refusal:
        if not isinstance(refusal.__cause__, AlreadyRunning):
            raise
        yield url_in(settings.data_dir)


def _secret(path: Path) -> str:
    from backend.config.secret import kept_secret

    try:
        return kept_secret(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Refusal(
            f"The secret in {path} cannot be used ({reason}): restore it, or delete it and everyone signs in again"
        ) from error


def settings_of_environment() -> Settings:
    from pydantic import ValidationError

    from backend.config.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        # Never the input: it may be a secret.
        raise Refusal("; ".join(_fault(fault) for fault in error.errors())) from error
    except (ValueError, OSError) as error:
        raise Refusal(f"The settings cannot be read: {error.__cause__ or error}") from error


def _fault(fault: ErrorDetails) -> str:
    sentence = _SENTENCES.get(fault["type"])
    message = sentence.format_map(fault.get("ctx", {})) if sentence else fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return message  # of settings that cannot be together: it names them
    name, *path = map(str, fault["loc"])
    if name.upper() in message:
        return message
    where = ".".join(path)
    return f"{name.upper()} is not valid ({f'{where}: {message}' if where else message}): correct it"
