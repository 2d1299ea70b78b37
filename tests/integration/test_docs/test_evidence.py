"""What the documents on security claim has a test that is there, by the name that they give."""

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.integration.test_docs.documents import ROOT, documents, table_after

NAMED = re.compile(r"`(test_\w+\.py)(?:::(\w+))?`")
TEST = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
# Made by the reader of CONTRIBUTING.md.
TO_BE_MADE = {"test_notes.py"}

SECURITY = ROOT / "docs/security.md"


@cache
def known_tests() -> dict[str, set[str]]:
    """The tests of each file name: two files of one name are told apart by what is in them."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "tests").rglob("test_*.py"):
        if "node_modules" not in path.parts:
            found[path.name] |= set(TEST.findall(path.read_text()))
    return found


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_the_tests_that_are_named_exist(document: Path) -> None:
    named = NAMED.findall(document.read_text())

    missing = [
        (file, test) for file, test in named if file not in known_tests() or (test and test not in known_tests()[file])
    ]

    assert [pair for pair in missing if pair[0] not in TO_BE_MADE] == []


@pytest.mark.parametrize("heading", ["## What could be done", "## What is promised"])
def test_every_promise_has_a_test(heading: str) -> None:
    rows = table_after(heading, SECURITY)

    assert rows
    assert [row for row in rows if not NAMED.search(row[-1])] == []
