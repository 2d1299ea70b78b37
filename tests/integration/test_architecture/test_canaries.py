"""A secret in a log fails the run, wherever it was logged: shown by a run whose tests succeed and leak."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.factories.canaries import CANARY, SECRETS, leaks
from tests.factories.clients import PASSWORD, PASSWORD_HASH, Client

ROOT = Path(__file__).parents[3]

LEAKS = {
    "applications": "structlog.get_logger().info('a', b=owner.email)",
    "postgresql": "await execute(server_url, \"DO $$BEGIN RAISE WARNING '{canary}'; END$$\")",
    "captured log": "logging.getLogger('a').error('%s', owner.access_token)",
    "captured stdout": "print('{canary}')",
    "captured stderr": "print('postgresql://ada:word@db/donewell', file=sys.stderr)",
}
"""What a test does, by where it is found. A statement is not logged, so that a canary in one is raised."""

HARMLESS = "structlog.get_logger().info('a', b=owner.user_id)"

HEAD = """
import logging, sys
import structlog
from tests.factories.databases import execute
"""
TEST = """
async def test_{number}(owner, server_url):
    assert (await owner.get("/api/v1/users/me")).status_code == 200
    {leak}
"""


def run(directory: Path, statements: Iterable[str], workers: str) -> tuple[int, str]:
    """Run tests that succeed, one for each statement; gives the exit code and what it said."""
    test = directory / "test_leaks.py"
    tests = (TEST.format(number=number, leak=statement) for number, statement in enumerate(statements))
    test.write_text(HEAD + "".join(tests).replace("{canary}", CANARY))
    command = (sys.executable, "-m", "pytest", "-q", workers, "-p", "conftest", "-p", "no:cacheprovider")
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    process = subprocess.run(
        [*command, "--rootdir", ROOT, "-c", ROOT / "pyproject.toml", test],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return process.returncode, process.stdout


def test_a_run_that_logs_secrets_fails_and_says_where(tmp_path: Path) -> None:
    exit_code, said = run(tmp_path, LEAKS.values(), "-n1")

    assert f"{len(LEAKS)} passed" in said
    assert exit_code == pytest.ExitCode.TESTS_FAILED
    assert "secrets in what was logged" in said
    assert [source for source in LEAKS if f", {source}" not in said.lower()] == []


def test_a_run_that_logs_none_succeeds(tmp_path: Path) -> None:
    exit_code, said = run(tmp_path, [HARMLESS], "-n0")

    assert exit_code == 0, said
    assert "No secret in " in said


def test_secrets_are_known_by_their_form(owner: Client, tmp_path: Path) -> None:
    secrets = [
        owner.email,
        "ada.lovelace@mail.example.org",
        owner.access_token,
        owner.refresh_token,
        PASSWORD,
        PASSWORD_HASH,
        "Cookie: session=1",
        "postgresql+asyncpg://ada@db.example/donewell",
    ]
    lines = [*secrets, '{"event": "session.refused", "user_id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01"}']
    (tmp_path / "log").write_text("\n".join(lines))

    assert [secret for secret in secrets if not SECRETS.search(secret.encode())] == []
    assert len(list(leaks(tmp_path))) == len(secrets)
