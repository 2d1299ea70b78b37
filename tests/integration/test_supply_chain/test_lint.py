"""The linter's security rules hold for all that is served, and what is let through says why.

The linter is asked without its settings and without what comments take back, so that neither can hide anything.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_docs.documents import ROOT

RUFF = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]
SERVED = sorted((ROOT / "backend").rglob("*.py"))
EXCEPTION = re.compile(r"# noqa: (?P<codes>[A-Z]+\d+(?:, ?[A-Z]+\d+)*)(?P<reason>.*)")
SWITCH = re.compile(r"#\s*(?:ruff|flake8)\s*:", re.IGNORECASE)
"""Takes back rules for a range of lines, or for a whole file."""

FOR_ALL = ("ignore", "extend-ignore")
FOR_FILES = ("per-file-ignores", "extend-per-file-ignores")
NOT_LOOKED_AT = ("exclude", "extend-exclude")


def security(codes: list[str]) -> list[str]:
    """Those that would switch off one of the rules S101 to S704, or all of them."""
    return [code for code in codes if re.fullmatch(r"ALL|S\d*", code)]


def taken_back(settings: dict[str, Any]) -> Iterator[str]:
    """Where the settings of the linter keep a security rule from something that is served."""
    for table in (settings, settings.get("lint", {})):
        for key in FOR_ALL:
            yield from (f"{key}: {code}" for code in security(table.get(key, [])))
        patterns = [(key, glob) for key in NOT_LOOKED_AT for glob in table.get(key, [])]
        patterns += [(key, glob) for key in FOR_FILES for glob, codes in table.get(key, {}).items() if security(codes)]
        for key, glob in patterns:
            for path in (path.relative_to(ROOT) for path in SERVED):
                if any(fnmatch(part.as_posix(), glob) for part in (path, *path.parents, Path(path.name))):
                    yield f"{key}: {glob} for {path}"


def let_through(directory: Path) -> Iterator[str]:
    """What the security rules find in a directory where no comment on its line lets just that through, and says why."""
    command = (sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--ignore-noqa", "--exit-zero")
    found = subprocess.run(
        [*command, "--target-version", "py313", "--select", "S", "--output-format", "json", directory],
        check=True,
        capture_output=True,
        text=True,
    )
    for finding in json.loads(found.stdout):
        line = Path(finding["filename"]).read_text().splitlines()[finding["noqa_row"] - 1]
        exception = EXCEPTION.search(line)
        codes = exception["codes"].replace(",", " ").split() if exception else []
        if exception is None or finding["code"] not in codes or len(exception["reason"].strip(" -")) <= 3:
            yield f"{Path(finding['filename']).name}:{finding['noqa_row']} {finding['code']}"


def test_the_security_rules_are_on_without_exception() -> None:
    assert "S" in RUFF["lint"]["select"]
    assert list(taken_back(RUFF)) == []
    assert "extend" not in RUFF, "settings come from one file"
    assert [path for name in ("ruff.toml", ".ruff.toml") for path in (ROOT.glob(f"**/backend/**/{name}"))] == []
    assert not any((ROOT / name).exists() for name in ("ruff.toml", ".ruff.toml"))


@pytest.mark.parametrize(
    "settings",
    [
        {"exclude": ["backend/formats/*"]},
        {"extend-exclude": ["backend"]},
        {"lint": {"exclude": ["vikunja.py"]}},
        {"lint": {"ignore": ["S"]}},
        {"lint": {"extend-ignore": ["S324"]}},
        {"lint": {"per-file-ignores": {"backend/**": ["ALL"]}}},
        {"lint": {"extend-per-file-ignores": {"*.py": ["S102"]}}},
    ],
    ids=str,
)
def test_settings_that_would_take_them_back_are_found(settings: dict[str, Any]) -> None:
    assert list(taken_back(settings))


def test_what_is_let_through_says_why() -> None:
    assert list(let_through(ROOT / "backend")) == []


def test_comments_that_let_everything_through_are_not_used() -> None:
    for path in SERVED:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            assert not SWITCH.search(line), f"{path}:{number} lets more through than its line"
            if re.search(r"#.*\bnoqa\b", line, re.IGNORECASE):
                assert EXCEPTION.search(line), f"{path}:{number} lets everything through"


def test_a_comment_without_a_reason_lets_nothing_through(tmp_path: Path) -> None:
    texts = (
        "# ruff: disable[S102]\nexec(text)\n# ruff: enable[S102]\n",
        "# ruff: noqa\nexec(text)\n",
        "# ruff: noqa: S102\nexec(text)\n",
        "# flake8: noqa\nexec(text)\n",
        "exec(text)  # noqa\n",
        "exec(text)  # NOQA: S102\n",
        "exec(text)  # noqa: S102\n",
        "exec(text)  # noqa: E501 S102\n",
        "exec(text)  # noqa: S101  of another rule\n",
    )
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.py").write_text(text)
    (tmp_path / "with_one.py").write_text("exec(text)  # noqa: S102  nobody else writes it\n")

    assert sorted(found[0] for found in let_through(tmp_path)) == [str(number) for number in range(len(texts))]
