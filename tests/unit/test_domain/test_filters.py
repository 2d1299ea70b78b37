"""A filter is what its text says, the text comes back from it, and nothing else than a filter is taken for one."""

import subprocess
import sys
import time
import unicodedata
from datetime import UTC, date, datetime
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from backend.domain.filters import (
    DEEPEST,
    LONGEST,
    MOST_TESTS,
    And,
    Comparison,
    DateField,
    Day,
    DayUnit,
    Filter,
    Flag,
    FlagName,
    HourUnit,
    InvalidFilter,
    Not,
    Offset,
    Or,
    Priority,
    ReferenceField,
    Relative,
    TextField,
    Weekday,
    parse,
    render,
)

ID = UUID("0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01")
A, B, C = Flag("completed"), Flag("overdue"), Flag("recurring")


def due(operator: Any, value: Any) -> Comparison:
    return Comparison("due", operator, value)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("completed", A),
        ("  OverDue\n", B),
        ("!completed", Not(A)),
        ("not not completed", Not(Not(A))),
        ("completed & overdue & recurring", And((A, B, C))),
        ("completed and overdue && recurring", And((A, B, C))),
        ("completed | overdue or recurring", Or((A, B, C))),
        ("completed || overdue & recurring", Or((A, And((B, C))))),
        ("(completed | overdue) & recurring", And((Or((A, B)), C))),
        ("!completed & overdue", And((Not(A), B))),
        ("!(completed & overdue)", Not(And((A, B)))),
        ("!due<today", Not(due("<", Relative("today")))),
        ("(((completed)))", A),
        ("completed & (overdue & recurring)", And((A, And((B, C))))),
        ('title ~ "milk"', Comparison("title", "~", "milk")),
        (r'description ~ "a \"b\" \\ c"', Comparison("description", "~", r'a "b" \ c')),
        ('title ~ "e\u0301"', Comparison("title", "~", "\u00e9")),
        ('title ~ "(& | !)"', Comparison("title", "~", "(& | !)")),
        ("priority >= Medium", Comparison("priority", ">=", Priority.MEDIUM)),
        ("priority != none", Comparison("priority", "!=", Priority.NONE)),
        ('label = "work"', Comparison("label", "=", "work")),
        ('label != "Zu Hause"', Comparison("label", "!=", "Zu Hause")),
        ("label = none", Comparison("label", "=", None)),
        ('label = "none"', Comparison("label", "=", "none")),
        ('label IN("a","b")', Comparison("label", "in", ("a", "b"))),
        ('label in ("a")', Comparison("label", "in", ("a",))),
        (f"project = {ID}", Comparison("project", "=", ID)),
        (f"parent != {str(ID).upper()}", Comparison("parent", "!=", ID)),
        ("project = none", Comparison("project", "=", None)),
        ("due = none", due("=", None)),
        ("completed_at != none", Comparison("completed_at", "!=", None)),
        ("due <= 2027-03-01", due("<=", date(2027, 3, 1))),
        ("start>2027-03-01", Comparison("start", ">", date(2027, 3, 1))),
        ("created < 2027-03-01T09:00:00Z", Comparison("created", "<", datetime(2027, 3, 1, 9, tzinfo=UTC))),
        ("updated >= 2027-03-01t09:00+01:30", Comparison("updated", ">=", datetime(2027, 3, 1, 7, 30, tzinfo=UTC))),
        ("due = 2027-03-01T09:00:00.123456z", due("=", datetime(2027, 3, 1, 9, 0, 0, 123456, UTC))),
        ("due < now", due("<", Relative("now"))),
        ("due < NOW+90MIN", due("<", Relative("now", Offset(90, "min")))),
        ("due < now - 1mo", due("<", Relative("now", Offset(-1, "mo")))),
        ("due = today", due("=", Relative("today"))),
        ("due = tomorrow+7d", due("=", Relative("tomorrow", Offset(7, "d")))),
        ("due = sunday - 1w", due("=", Relative("sunday", Offset(-1, "w")))),
        ("due < 7d", due("<", Relative("today", Offset(7, "d")))),
        ("due < + 2y", due("<", Relative("today", Offset(2, "y")))),
        ("due > -2w", due(">", Relative("today", Offset(-2, "w")))),
        ("due < 12h", due("<", Relative("now", Offset(12, "h")))),
        ("due > -30min", due(">", Relative("now", Offset(-30, "min")))),
    ],
)
def test_a_filter_says_what_it_says(text: str, tree: Filter) -> None:
    assert parse(text) == tree
    assert parse(render(tree)) == tree


FACTORS = ["!", "(", *get_args(FlagName.__value__)]
NEXT = ["|", "&", "the end"]
MOMENT = ["+", "now", "today", "a day of the week", "a date like 2027-03-01", "an instant like 2027-03-01T09:00:00Z"]
TEXT = 'a text in double quotes, in which " and \\ are written \\" and \\\\'


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("", 0, FACTORS),
        ("   ", 3, FACTORS),
        ("completedx", 0, FACTORS),
        ("completed overdue", 10, NEXT),
        ("completed, overdue", 9, ["|", "&"]),
        ("completed &", 11, FACTORS),
        ("completed & & overdue", 12, FACTORS),
        ("& completed", 0, FACTORS),
        ("!", 1, FACTORS),
        ("()", 1, FACTORS),
        ("(completed", 10, [")"]),
        ("completed)", 9, ["the end"]),
        ("colour = red", 0, ["label"]),
        ("due", 3, ["=", "!=", "<", "<=", ">", ">="]),
        ("due == today", 5, MOMENT),
        ("due ~ today", 4, ["=", "<"]),
        ("due < soon", 6, MOMENT),
        ("due < none", 6, MOMENT),
        ("created = none", 10, MOMENT),
        ("due < 2027-3-1", 6, MOMENT),
        ("due < 2027-03-01T09:00:00", 6, MOMENT),
        ("due < 2027-02-29", 6, []),
        ("due < 0000-01-01", 6, []),
        ("due < 9999-12-31", 6, []),
        ("due < 0001-01-01T00:00:00Z", 6, []),
        ("due < 9999-12-30T23:59:59-12:00", 6, []),
        ("due < 0001-01-01T00:00:00+14:00", 6, []),
        ("due < 2027-03-01T24:00:01Z", 6, []),
        ("due < 2027-03-01T09:00:60Z", 6, []),
        ("due < 2027-03-01T09:00+25:00", 6, []),
        ("due < today + 7", 14, ["a number of days like 7d, 2w, 1mo, 1y"]),
        ("due < today + 7h", 14, ["a number of days like 7d, 2w, 1mo, 1y"]),
        ("due < today + 1000d", 14, ["a number of days like 7d, 2w, 1mo, 1y"]),
        ("due < \u0667d", 6, MOMENT),
        ("priority = hihg", 11, ["none", "low", "medium", "high"]),
        ("priority = 1", 11, ["none", "low", "medium", "high"]),
        ("priority ~ high", 9, ["=", "!=", "<", "<=", ">", ">="]),
        ("label = work", 8, ["none", TEXT]),
        ('label < "work"', 6, ["=", "!=", "in"]),
        ('label in "work"', 9, ["("]),
        ("label in ()", 10, [TEXT]),
        ('label in ("a",)', 14, [TEXT]),
        ('title = "milk"', 6, ["~"]),
        ('title ~ "milk', 8, [TEXT]),
        ('title ~ ""', 8, [TEXT]),
        (r'title ~ "\n"', 8, [TEXT]),
        ('title ~ "\0"', 8, [TEXT]),
        ('title ~ "\ud800"', 8, [TEXT]),
        ("\ud800", 0, FACTORS),
        ("project = 7", 10, ["none", "an id"]),
        ("project = {0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01}", 10, ["none", "an id"]),
        ("parent < none", 7, ["=", "!="]),
        ("completed = true", 10, ["|", "&"]),
        ("completed; DROP TABLE tasks", 9, ["|", "&"]),
    ],
)
def test_an_error_says_where_it_is_and_what_could_have_stood_there(
    text: str, position: int, expected: list[str]
) -> None:
    with pytest.raises(InvalidFilter) as refusal:
        parse(text)

    assert refusal.value.position == position
    assert set(expected) <= set(refusal.value.expected)
    assert bool(expected) == bool(refusal.value.expected)
    [fault] = refusal.value.faults
    assert (fault.field, fault.code) == ("filter", "invalid_filter")
    assert fault.message.startswith(f"At character {position}: ")
    assert fault.message.encode(), "what was found can be sent, whatever it is"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        pytest.param("(" * 10_000 + "completed" + ")" * 10_000, LONGEST, id="too long"),
        pytest.param('label = "' + "a" * LONGEST + '"', LONGEST, id="too long, though only a text"),
        pytest.param("(" * (DEEPEST + 1) + "completed" + ")" * (DEEPEST + 1), 0, id="too deep"),
        pytest.param("(" * 490 + "completed" + ")" * 490, 490 - DEEPEST - 1, id="much too deep"),
        pytest.param("!" * 990 + "completed", 990 - DEEPEST - 1, id="too many negations"),
        pytest.param("not (" * 15 + "completed" + ")" * 15, 24, id="too deep together"),
        pytest.param("completed|" * MOST_TESTS + "overdue", 10 * MOST_TESTS, id="too many tests"),
        pytest.param("label in (" + '"a",' * MOST_TESTS + '"b")', 10 + 4 * MOST_TESTS, id="too many labels"),
        pytest.param("(" * 990, 990, id="never closed"),
        pytest.param('"' * LONGEST, 0, id="quotes"),
        pytest.param('title ~ "' + '\\"' * 490, 8, id="a text that never ends"),
        pytest.param("due < " + "1" * 990, 6, id="digits"),
        pytest.param(" " * LONGEST, LONGEST, id="nothing"),
    ],
)
def test_what_is_too_much_is_refused_at_once(text: str, position: int) -> None:
    parse("completed")
    began = time.process_time()

    with pytest.raises(InvalidFilter) as refusal:
        parse(text)

    assert time.process_time() - began < 0.1
    assert refusal.value.position == position


def test_what_is_just_not_too_much_is_taken() -> None:
    parse("(" * DEEPEST + "completed" + ")" * DEEPEST)
    parse("!" * DEEPEST + "completed")
    parse("|".join(["completed"] * MOST_TESTS))
    parse("completed".ljust(LONGEST))


flags = st.builds(Flag, st.sampled_from(get_args(FlagName.__value__)))
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).map(
    lambda text: unicodedata.normalize("NFC", text)
)
offsets = st.builds(Offset, st.integers(-999, 999), st.sampled_from(get_args(DayUnit.__value__)))
clock_offsets = st.builds(Offset, st.integers(-999, 999), st.sampled_from(get_args(HourUnit.__value__)))
days = st.dates(date(1, 1, 2), date(9999, 12, 30))
instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30, 23, 59, 59), timezones=st.just(UTC))  # noqa: DTZ001 (bounds)
moments = st.one_of(
    days,
    instants,
    st.builds(
        Relative, st.sampled_from(["today", "tomorrow", "yesterday", *get_args(Weekday.__value__)]), st.none() | offsets
    ),
    st.builds(Relative, st.just("now"), st.none() | offsets | clock_offsets),
)
equalities, orders = st.sampled_from(["=", "!="]), st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


def of(kind: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(get_args(kind.__value__))


comparisons = st.one_of(
    st.builds(Comparison, of(TextField), st.just("~"), texts),
    st.builds(Comparison, st.just("priority"), orders, st.sampled_from(Priority)),
    st.builds(Comparison, st.just("label"), equalities, st.none() | texts),
    st.builds(Comparison, st.just("label"), st.just("in"), st.lists(texts, min_size=1, max_size=3).map(tuple)),
    st.builds(Comparison, of(ReferenceField), equalities, st.none() | st.uuids()),
    st.builds(Comparison, of(DateField), orders, moments),
    st.builds(Comparison, st.sampled_from(["due", "start", "completed_at"]), equalities, st.none()),
)


def combined(trees: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(trees, min_size=2, max_size=4).map(tuple)
    return st.builds(Not, trees) | st.builds(And, several) | st.builds(Or, several)


filters: st.SearchStrategy[Filter] = st.recursive(flags | comparisons, combined, max_leaves=12)


@given(filters)
def test_every_filter_comes_back_from_its_text(tree: Filter) -> None:
    text = render(tree)
    assume(len(text) <= LONGEST)

    assert parse(text) == tree
    assert render(parse(text)) == text


def tree_or_refusal(text: str) -> Filter | InvalidFilter:
    try:
        return parse(text)
    except InvalidFilter as error:
        return error


SYMBOLS = [
    "completed",
    "due",
    "label",
    "title",
    "priority",
    "project",
    "not",
    "and",
    "or",
    "in",
    "none",
    "high",
    "today",
]
SIGNS = ["(", ")", "!", "&", "|", "=", "!=", "<", "~", "+", "7d", '"a"', '"', "\\", ",", "2027-02-30", "now", "12h"]


@given(st.text() | st.lists(st.sampled_from(SYMBOLS + SIGNS) | st.text(max_size=3)).map(" ".join))
@example("(" * 2_000)
def test_any_text_is_a_filter_or_refused_as_none(text: str) -> None:
    outcome = tree_or_refusal(text)

    if isinstance(outcome, InvalidFilter):
        assert 0 <= outcome.position <= min(len(text), LONGEST)
    else:
        assert parse(render(outcome)) == outcome


def test_a_start_does_not_pay_for_the_parser() -> None:
    check = "import sys, backend.domain.filters; sys.exit('lark' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_resolved_filter_has_no_text() -> None:
    now = datetime(2027, 3, 1, tzinfo=UTC)

    with pytest.raises(TypeError, match="resolved"):
        render(due("<", Day(now.date(), now, now)))
