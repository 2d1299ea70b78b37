"""Structured logging: structlog, one line an event, pretty on a terminal and JSON otherwise.

Events are named `thing.happened`. What never goes into one: tokens, passwords, e-mail addresses, titles, query strings.
"""

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, ExcInfo, Processor

type Format = Literal["auto", "json", "pretty"]

REQUEST_ID: ContextVar[str] = ContextVar("request_id")
"""The id of the request that is being answered, which every event in it carries."""


_encode = msgspec.json.Encoder(enc_hook=str).encode

# What asyncpg tells of an error without quoting values.
_TELLING = ("sqlstate", "schema_name", "table_name", "column_name", "constraint_name")


def _with_request_id(_: Any, __: str, event: EventDict) -> EventDict:
    # Not structlog's own context variables, which look through all that the context holds.
    request_id = REQUEST_ID.get(None)
    if request_id is not None:
        event["request_id"] = request_id
    return event


def _with_time(_: Any, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = datetime.now(UTC)
    return event


def _json(_: Any, __: str, event: EventDict) -> str:
    try:
        return _encode(event).decode()
    except UnicodeEncodeError:  # a lone surrogate: logging must not fail over what somebody sent
        return json.dumps(event, default=str)


def _places(exc_info: ExcInfo) -> str:
    """An exception and what it came of as Python shows them, but without their messages.

    Messages quote what failed: a row of the database, a value that somebody sent.
    """
    texts: list[str] = []
    seen: list[BaseException] = []
    error: BaseException | None = exc_info[1]
    while error is not None and error not in seen:
        seen.append(error)
        texts.append(_place(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nThis led to another exception:\n\n".join(reversed(texts))


def _place(error: BaseException) -> str:
    frames = traceback.format_tb(error.__traceback__)
    told = [f"{name}={value}" for name in _TELLING if (value := getattr(error, name, None))]
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return "".join([*(["Traceback (most recent call last):\n"] if frames else []), *frames, " ".join([name, *told])])


def _print_places(stream: TextIO, exc_info: ExcInfo) -> None:
    stream.write("\n" + _places(exc_info))


def configure_logging(level: str, log_format: Format) -> None:
    """Send our events and those of the libraries' standard loggers to stderr in one format."""
    pretty = log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        _with_request_id,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True) if pretty else _with_time,
    ]
    rendering: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=_print_places)]
        if pretty
        else [structlog.processors.ExceptionRenderer(_places), _json]
    )
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries say little that an operator needs at info; uvicorn's start and stop lines are ours to print.
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))
