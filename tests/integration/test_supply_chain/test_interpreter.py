"""Python itself is looked up too: docs/supply-chain.md says what of it meets strangers' files, and its known faults."""

import ast
import json
import platform
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.integration.test_docs.documents import ROOT, table_after
from tests.integration.test_supply_chain.test_libraries import DOCUMENT, FAULT, MINIMUM

INTERPRETER = table_after("## The interpreter", DOCUMENT)
SECTION = DOCUMENT.read_text().partition("## The interpreter")[2].partition("\n## ")[0]
WHERE_FROM = {row[0]: row[1] for row in table_after("## Where it comes from", DOCUMENT)}
WORD = re.compile(r"`([\w.-]+)`")
UNUSED, NOTHING = "nothing here uses it", "**nothing**"
TEST = re.compile(r"`test_\w+\.py::test_\w+`")

OF_EVERYTHING = {"typing", "collections", "dataclasses", "functools", "itertools", "pathlib", "traceback", "os"}
"""Modules that take nothing apart."""


def imported(folder: Path) -> Iterator[str]:
    """What of other modules the code below a folder names, in full, and what it says in quotes."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (f"{node.module}.{name.name}" for name in node.names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
                yield f"the word {node.value}"


@cache
def said(folder: Path) -> frozenset[str]:
    return frozenset(imported(folder))


def is_used(part: str) -> bool:
    """Whether the code names a part of the standard library, a part of that, or a module that has it."""
    return any(
        name in (part, f"the word {part}") or name.startswith(f"{part}.") or part.startswith(f"{name}.")
        for name in said(ROOT / "backend")
    )


@pytest.mark.parametrize("row", INTERPRETER, ids=lambda row: row[1])
def test_what_is_known_of_python_is_kept_from_us_by_something_else(row: list[str]) -> None:
    mended, fault, what, kept_by = row
    parts = WORD.findall(what)

    assert FAULT.fullmatch(fault)
    assert Version(mended) > Version("3.13.0"), "else it is a minimum version"
    assert parts
    assert TEST.search(kept_by) or kept_by.startswith((UNUSED, NOTHING))
    if kept_by.startswith(UNUSED):
        assert [part for part in parts if is_used(part)] == []


def test_what_python_takes_apart_of_strangers_files_is_looked_up() -> None:
    named = set(WORD.findall(SECTION.partition("By way of files it takes part with")[2].partition("\n\n")[0]))

    modules = {name.split(".")[0] for name in imported(ROOT / "backend/formats")} & sys.stdlib_module_names
    assert named == modules - OF_EVERYTHING


def test_nobody_can_install_us_with_an_older_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = SpecifierSet(project["requires-python"])

    minimum = [Version(row[1]) for row in MINIMUM if row[0] == "CPython"]
    assert minimum
    assert all(Version("3.13.0") >= version for version in minimum)
    assert "3.12.99" not in allowed
    assert platform.python_version() in allowed
    assert "CPython" in platform.python_implementation()


def test_the_tools_of_the_tests_are_listed() -> None:
    programs = re.search(r"^for program in (.+); do$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    packages = {
        name
        for path in (ROOT / "tests").rglob("package.json")
        if "node_modules" not in path.parts
        for name in json.loads(path.read_text()).get("dependencies", {})
    }

    assert programs is not None
    assert {*programs[1].split(), *packages} == set(WORD.findall(WHERE_FROM["Tools of the tests"]))
