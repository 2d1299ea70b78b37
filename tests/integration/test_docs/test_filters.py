"""docs/filters.md shows filters, and says what they mean and what is wrong with some."""

import re
from datetime import UTC, date, datetime

import pytest

from backend.domain.filter_dates import resolve
from backend.domain.filters import Comparison, Day, InvalidFilter, parse
from tests.integration.test_docs.documents import ROOT, prose
from tests.unit.test_domain.filter_oracle import Due, holds

PATH = ROOT / "docs/filters.md"
PAGE = PATH.read_text()
CELLS = re.compile(r"(?<!\\)\|")
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DUES: dict[str, Due] = {
    "yesterday, all day": date(2027, 2, 28),
    "today, all day": date(2027, 3, 1),
    "today, an hour ago": datetime(2027, 3, 1, 11, tzinfo=UTC),
    "today, in an hour": datetime(2027, 3, 1, 13, tzinfo=UTC),
    "tomorrow, all day": date(2027, 3, 2),
    "never": None,
}


def table(head: str) -> list[list[str]]:
    """The rows of the table whose head begins so, its head first."""
    lines = PAGE[PAGE.index(f"| {head} |") :].split("\n\n")[0].splitlines()
    rows = [[cell.strip().replace("\\|", "|") for cell in CELLS.split(line)[1:-1]] for line in lines]
    return [rows[0], *rows[2:]]


def code(cell: str) -> str:
    return cell.removeprefix("`").removesuffix("`")


EXAMPLES = [code(row[0]) for row in table("Filter | Shows")[1:]] + re.findall(
    r"^```filter\n(.*?)\n```$", PAGE, re.MULTILINE
)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 10


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_a_filter(text: str) -> None:
    parse(text)


def test_every_inline_filter_is_one() -> None:
    whole = [
        text for text in re.findall(r"`([^`]+)`", prose(PATH)) if re.match(r"!?(due|start|label|project|parent) ", text)
    ]

    assert len(whole) > 10
    for text in whole:
        if text not in {code(row[0]) for row in table("Filter | Message")[1:]}:
            parse(re.sub(r" id$", " 0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01", text))


@pytest.mark.parametrize(("text", "message"), table("Filter | Message")[1:])
def test_what_is_wrong_is_said_so(text: str, message: str) -> None:
    with pytest.raises(InvalidFilter) as refusal:
        parse(code(text))

    assert refusal.value.faults[0].message == message


def test_days_and_instants_compare_as_the_table_says() -> None:
    head, *rows = table("A task due")

    assert [row[0] for row in rows] == list(DUES)
    for due, *answers in rows:
        for text, answer in zip(head[1:], answers, strict=True):
            comparison = resolve(parse(code(text)), NOW, UTC)
            assert isinstance(comparison, Comparison)
            assert holds(DUES[due], comparison.operator, comparison.value) == (answer == "yes"), (due, text)  # type: ignore[arg-type]


def test_written_days_are_days() -> None:
    for written, *_ in table("Written")[1:]:
        for text in re.findall(r"`([^`]+)`", written):
            parse(f"due < {text}")


def test_a_day_is_one_of_those_named() -> None:
    comparison = resolve(parse("due = monday"), NOW, UTC)

    assert isinstance(comparison, Comparison)
    assert isinstance(comparison.value, Day)
    assert comparison.value.day == date(2027, 3, 8)
