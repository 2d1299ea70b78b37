"""What the documents on security claim has a test that is there, by the name that they give."""

import ast
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

# There is nothing that it could apply to.
NOTHING_TO_SHOW = {
    "3.6 No compression before encryption",
    "2.1 Redirect-based flows",
    "2.5 Client authentication",
    "2.6 Other recommendations",
}
ASSERTING = {"raises", "problem", "faults", "answered"}
"""Of pytest, and of test_api/answers.py."""

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


@pytest.mark.parametrize(
    "heading", ["## What could be done", "## What is promised", "## OWASP API Security", "## RFC 8725", "## RFC 9700"]
)
def test_every_promise_has_a_test(heading: str) -> None:
    rows = table_after(heading, SECURITY)

    assert rows
    shown = [row for row in rows if any(test for _, test in NAMED.findall(row[-1]))]
    assert [row for row in rows if row not in shown and row[0] not in NOTHING_TO_SHOW] == []
    assert [row for row in shown if row[0] in NOTHING_TO_SHOW] == []


def test_what_has_nothing_to_show_says_that_there_is_nothing() -> None:
    rows = [row for heading in ("## RFC 8725", "## RFC 9700") for row in table_after(heading, SECURITY)]

    told = {row[0]: row[1] for row in rows if row[0] in NOTHING_TO_SHOW}
    assert told.keys() == NOTHING_TO_SHOW
    assert [why for why in told.values() if not re.search(r"\b(nothing|none|no)\b", why)] == []


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_the_tests_that_are_named_assert_something(document: Path) -> None:
    named = {(file, test) for file, test in NAMED.findall(document.read_text()) if test in known_tests().get(file, ())}

    assert [test for file, test in named if not any(asserts(path, test) for path in files_of(file))] == []


def files_of(name: str) -> list[Path]:
    return [path for path in (ROOT / "tests").rglob(name) if "node_modules" not in path.parts]


@cache
def functions_of(path: Path) -> dict[str, ast.AST]:
    tree = ast.parse(path.read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def asserts(path: Path, name: str, depth: int = 3) -> bool:
    """Whether a function has an assertion, or calls what has, in its own file or among what tests share."""
    function = functions_of(path).get(name)
    for node in ast.walk(function) if function and depth else ():
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ASSERTING or asserts(path, called, depth - 1):
                return True
    return False
