"""The linter's security rules hold for all that is served, and what is let through says why."""

import re
import tomllib
from fnmatch import fnmatch

from tests.integration.test_docs.documents import ROOT

LINT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
SERVED = sorted((ROOT / "backend").rglob("*.py"))
EXCEPTION = re.compile(r"# noqa: (?P<codes>[A-Z]+\d+(?:, ?[A-Z]+\d+)*)(?P<reason>.*)")


def security(codes: list[str]) -> list[str]:
    """Those that would switch off one of the rules S101 to S704, or all of them."""
    return [code for code in codes if re.fullmatch(r"ALL|S\d*", code)]


def test_the_security_rules_are_on_without_exception() -> None:
    assert "S" in LINT["select"]
    assert security(LINT["ignore"]) == []
    blanket = {pattern for pattern, codes in LINT["per-file-ignores"].items() if security(codes)}
    assert [path for path in SERVED for pattern in blanket if fnmatch(path.relative_to(ROOT).as_posix(), pattern)] == []


def test_what_is_let_through_says_why() -> None:
    for path in SERVED:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if re.search(r"#.*\bnoqa\b", line):
                exception = EXCEPTION.search(line)
                assert exception, f"{path}:{number} lets everything through"
                if security(exception["codes"].replace(",", " ").split()):
                    assert len(exception["reason"].strip(" -")) > 3, f"{path}:{number} does not say why"
