"""What is logged is one line an event: JSON for machines, pretty for people, ours and the libraries' alike."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.utils.logging import REQUEST_ID, Format, configure_logging

type Configure = Callable[..., "Stream"]

LEVELS = ["debug", "info", "warning", "error"]


class Stream(io.StringIO):
    """Standard error, as it is: a terminal or not."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().split("\n") if line]

    def event(self) -> dict[str, Any]:
        """The only one."""
        (event,) = self.events()
        return event


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Configures logging, to a stream of its own; the application's is put back afterwards."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers, root.level

    def configured(level: str = "info", log_format: Format = "json", *, terminal: bool = False) -> Stream:
        stream = Stream(terminal=terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        configure_logging(level, log_format)
        return stream

    yield configured
    structlog.configure(**before)
    root.handlers = handlers
    root.setLevel(level)


def ours() -> Any:
    return structlog.get_logger()


def theirs() -> logging.Logger:
    return logging.getLogger("library.part")


LOGGERS = pytest.mark.parametrize("logger", [ours, theirs], ids=["ours", "a library's"])


def fail_with_secrets(logger: Any) -> None:
    """Log an exception that happened where a password was at hand."""
    password = "hunter2"
    try:
        len(password) / 0
    except ZeroDivisionError:
        logger.exception("thing.failed")


def test_an_event_is_one_line_of_json_with_its_level_and_time(configure: Configure) -> None:
    stream = configure()
    begun = datetime.now(UTC)
    ours().info("task.created", task_id="42")

    event = stream.event()
    assert begun <= datetime.fromisoformat(event.pop("timestamp")) <= datetime.now(UTC)
    assert event == {"event": "task.created", "level": "info", "task_id": "42"}


def test_a_time_is_in_utc_and_says_so(configure: Configure) -> None:
    stream = configure()
    ours().info("x")

    assert stream.event()["timestamp"].endswith("Z")


@LOGGERS
def test_an_event_says_in_which_request_it_happened(configure: Configure, logger: Callable[[], Any]) -> None:
    stream = configure()
    in_request = REQUEST_ID.set("r1")
    logger().warning("inside")
    REQUEST_ID.reset(in_request)
    logger().warning("outside")

    assert [event.get("request_id") for event in stream.events()] == ["r1", None]


@LOGGERS
def test_nothing_in_an_event_can_forge_another_line(configure: Configure, logger: Callable[[], Any]) -> None:
    stream = configure()
    logger().warning('x"}\n{"event": "forged"}\r\n\u2028\x1b[2J')

    assert len(stream.getvalue().split("\n")) == 2
    assert stream.event()["event"].startswith('x"}\n{')
    assert "\x1b" not in stream.getvalue()


def test_a_librarys_event_has_the_same_form_and_the_librarys_name(configure: Configure) -> None:
    stream = configure()
    theirs().warning("%s is %d%% full", "the disk", 93)

    event = stream.event()
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "the disk is 93% full", "level": "warning", "logger": "library.part"}


@pytest.mark.parametrize(("level", "least"), [(level, rank) for rank, level in enumerate(LEVELS)])
def test_nothing_less_severe_than_the_level_is_logged(configure: Configure, level: str, least: int) -> None:
    stream = configure(level)
    for severity in LEVELS:
        getattr(ours(), severity)("x")

    assert [event["level"] for event in stream.events()] == LEVELS[least:]


@pytest.mark.parametrize(
    ("level", "logged"),
    [
        ("debug", ["warning", "error"]),
        ("info", ["warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_libraries_are_heard_from_warnings_on(configure: Configure, level: str, logged: list[str]) -> None:
    stream = configure(level)
    for severity in LEVELS:
        getattr(theirs(), severity)("x")

    assert [event["level"] for event in stream.events()] == logged


@LOGGERS
def test_an_exception_is_part_of_its_events_line(configure: Configure, logger: Callable[[], Any]) -> None:
    stream = configure()
    fail_with_secrets(logger())

    event = stream.event()
    assert (event["event"], event["level"]) == ("thing.failed", "error")
    assert event["exception"].startswith("Traceback (most recent call last):\n")
    assert event["exception"].endswith("ZeroDivisionError")


@LOGGERS
def test_an_exception_is_shown_to_people_without_its_message(configure: Configure, logger: Callable[[], Any]) -> None:
    stream = configure(log_format="pretty")
    fail_with_secrets(logger())

    lines = stream.getvalue().rstrip().splitlines()
    assert "thing.failed" in lines[0]
    assert lines[1:][0] == "Traceback (most recent call last):"
    assert lines[-1] == "ZeroDivisionError"


@LOGGERS
@pytest.mark.parametrize("log_format", ["json", "pretty"])
def test_an_exception_does_not_show_what_variables_held(
    configure: Configure, log_format: Format, logger: Callable[[], Any]
) -> None:
    stream = configure(log_format=log_format)
    fail_with_secrets(logger())

    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize(
    ("log_format", "terminal", "pretty"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("json", True, False),
        ("json", False, False),
        ("pretty", True, True),
        ("pretty", False, True),
    ],
)
@LOGGERS
def test_people_get_it_pretty_and_machines_as_json(
    configure: Configure, log_format: Format, terminal: bool, pretty: bool, logger: Callable[[], Any]
) -> None:
    stream = configure(log_format=log_format, terminal=terminal)
    logger().warning("thing.happened")

    assert stream.getvalue().startswith("{") is not pretty
    assert len(stream.getvalue().splitlines()) == 1
    assert "thing.happened" in stream.getvalue()
    assert "warning" in stream.getvalue()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(UUID(int=1), "00000000-0000-0000-0000-000000000001", id="id"),
        pytest.param(date(2027, 3, 1), "2027-03-01", id="date"),
        pytest.param(PurePosixPath("data/x"), "data/x", id="path"),
        pytest.param(Decimal("1.50"), "1.50", id="decimal"),
        pytest.param(ValueError("no"), "no", id="exception"),
        pytest.param(["a", UUID(int=1)], ["a", "00000000-0000-0000-0000-000000000001"], id="list"),
        pytest.param({1: None}, {"1": None}, id="object"),
        pytest.param(float("nan"), None, id="no number"),
        pytest.param("\u00e9\U0001f600", "\u00e9\U0001f600", id="not ASCII"),
    ],
)
def test_a_value_is_shown_as_json_can(configure: Configure, value: object, shown: object) -> None:
    stream = configure()
    ours().info("x", value=value)

    assert stream.event()["value"] == shown


@LOGGERS
@pytest.mark.parametrize("log_format", ["json", "pretty"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters()))
def test_no_text_is_too_odd_to_be_logged(
    configure: Configure, logger: Callable[[], Any], log_format: Format, text: str
) -> None:
    stream = configure(log_format=log_format)
    logger().warning("%s", text)

    if log_format == "json":
        assert stream.event()["event"] == text
    else:
        assert stream.getvalue().endswith("\n")


def test_an_exception_is_logged_with_its_cause_and_without_their_messages(configure: Configure) -> None:
    stream = configure()
    error = ValueError("hunter2")
    error.__cause__ = KeyError("hunter2")
    ours().error("request.failed", exc_info=error)

    assert stream.event()["exception"] == "KeyError\n\nThis led to another exception:\n\nValueError"


def test_configuring_twice_logs_once(configure: Configure) -> None:
    configure()
    stream = configure()
    theirs().warning("x")

    assert len(stream.events()) == 1
