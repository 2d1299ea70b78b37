"""Structured logging: structlog, one line an event, pretty on a terminal and JSON otherwise.

Events are named `thing.happened`. What never goes into one: tokens, passwords, e-mail addresses, titles, query strings.
"""

import json
import logging
import sys
from typing import Any, Literal

import msgspec
import structlog
from structlog.typing import Processor

type Format = Literal["auto", "json", "pretty"]


def _json(event: Any, **_: Any) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=str).decode()
    except UnicodeEncodeError:  # a lone surrogate: logging must not fail over what somebody sent
        return json.dumps(event, default=str)


def configure_logging(level: str, log_format: Format) -> None:
    """Send our events and those of the libraries' standard loggers to stderr in one format."""
    pretty = log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if pretty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
    )
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
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
