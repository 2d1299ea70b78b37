"""docs/asvs.md has every requirement of levels 1 and 2, once, and each has what shows it or a reason."""

import re
from collections import Counter

from tests.integration.test_docs.documents import ROOT, table_after

DOCUMENT = ROOT / "docs/asvs.md"
STATES = ("met", "n/a", "operator", "not met")
TEST = re.compile(r"`test_\w+\.py::test_\w+`")
FILE_ALONE = re.compile(r"`test_\w+\.py`")
SECTION = re.compile(r"\]\([\w./-]+\.md#[\w-]+\)")

ASK_FOR_DOCUMENTS = {
    *("2.1.1", "2.1.2", "2.1.3", "5.1.1", "6.1.1", "6.1.2", "6.1.3", "7.1.1", "7.1.2", "7.1.3", "8.1.1", "8.1.2"),
    *("11.1.1", "11.1.2", "13.1.1", "14.1.1", "14.1.2", "15.1.1", "15.1.2", "15.1.3", "16.1.1"),
}
"""What a section of a document meets by itself: where the standard says "document", "define" or "inventory"."""

# The standard, version 5.0.0: the levels of the requirements of each section, in their order.
LEVELS = {
    "1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123",
    "2.1": "122", "2.2": "112", "2.3": "12223", "2.4": "23",
    "3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333", "3.6": "3", "3.7": "22333",
    "4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222",
    "5.1": "2", "5.2": "112333", "5.3": "113", "5.4": "222",
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223",
    "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "9.1": "111", "9.2": "1222",
    "10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333", "10.5": "22222", "10.6": "22",
    "10.7": "222",
    "11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222", "11.5": "23", "11.6": "23", "11.7": "33",
    "12.1": "12233", "12.2": "11", "12.3": "22223",
    "13.1": "2333", "13.2": "222223", "13.3": "2233", "13.4": "1222233",
    "14.1": "22", "14.2": "12223333", "14.3": "122",
    "15.1": "12233", "15.2": "12233", "15.3": "1222222", "15.4": "3333",
    "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
    "17.1": "23", "17.2": "22223333", "17.3": "22",
}  # fmt: skip

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOCUMENT.read_text().splitlines()
    if re.match(r"\| \d+\.\d+\.\d+ \|", line)
]


def test_the_standard_is_the_one_that_was_published() -> None:
    assert Counter("".join(LEVELS.values())) == {"1": 70, "2": 183, "3": 92}


def test_every_requirement_of_levels_1_and_2_is_there_once() -> None:
    required = [
        (f"{section}.{number}", level)
        for section, levels in LEVELS.items()
        for number, level in enumerate(levels, start=1)
        if level in "12"
    ]

    assert [(number, level) for number, level, *_ in ROWS] == required


def test_every_requirement_has_a_state_and_what_shows_it_or_why() -> None:
    for number, _, asks, state, why in ROWS:
        assert asks, number
        assert state in STATES, number
        assert len(why) > 10, number


def test_what_is_met_is_shown_by_a_test_or_where_documents_are_asked_for_by_a_section() -> None:
    met = [(number, why) for number, _, _, state, why in ROWS if state == "met"]

    shown = {number for number, why in met if TEST.search(why)}
    documented = {number for number, why in met if number in ASK_FOR_DOCUMENTS and SECTION.search(why)}
    assert [number for number, _ in met if number not in shown | documented] == []
    assert [number for number, why in met if FILE_ALONE.search(why)] == [], "name the test, not its file alone"


def test_the_sums_are_those_of_the_rows() -> None:
    found = Counter((state, level) for _, level, _, state, _ in ROWS)

    sums = {row[0]: [int(cell) for cell in row[1:]] for row in table_after("| State |", DOCUMENT)}

    assert sums == {state: [found[state, "1"], found[state, "2"]] for state in STATES}
