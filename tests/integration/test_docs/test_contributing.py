"""CONTRIBUTING.md, followed to the letter in a copy of the repository: its resource works, and takes five files."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_docs.documents import ROOT

GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
FILES = dict(re.findall(r"^`([\w./]+)`:\n\n```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
COMMANDS = "".join(re.findall(r"^```bash\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
MIGRATION = re.compile(r"backend/database/migrations/versions/\d{4}_notes\.py")
TEST = "tests/integration/test_api/test_notes.py"


def run(command: list[str], directory: Path) -> str:
    """What the command prints; it must succeed. It sees no other test run, and no setting of this machine."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    environment["RUFF_NO_CACHE"] = "true"
    result = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository as a contributor has it before the first step, as far as a resource needs it."""
    others = shutil.ignore_patterns("__pycache__", "notes.py", "*_notes.py")
    for name in ("backend", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=others)
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def files_in(directory: Path) -> set[str]:
    found = (path for path in directory.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(directory)) for path in found}


def test_the_guide_leads_to_a_resource_that_works(copy: Path) -> None:
    before = files_in(copy)
    for name, code in FILES.items():
        (copy / name).write_text(code)
    python = sys.executable
    run(
        [
            "bash",
            "-ec",
            COMMANDS.replace("uv run donewell", f"{python} -m backend.cli").replace("uv run ", f"{python} -m "),
        ],
        copy,
    )

    added = files_in(copy) - before
    (migration,) = added - FILES.keys()
    assert MIGRATION.fullmatch(migration)
    assert len(added - {TEST}) == 5
    run([python, "-m", "ruff", "format", "--check", *added], copy)
    run([python, "-m", "ruff", "check", *added], copy)
    assert "3 passed" in run([python, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", TEST], copy)
