"""`donewell user`: accounts are locked out and let in again, beside a running server or without one."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.test_serve.processes import Donewell, run_donewell, servers

type Serve = Callable[..., Donewell]

ADA = {"email": "ada@example.com", "name": "Ada", "password": "a long sentence to remember"}
CREDENTIALS = {name: ADA[name] for name in ("email", "password")}
LOGIN = "/api/v1/auth/login"
ENDED_WITHIN = 6.0
"""Seconds in which a token stops working in a process that was not told: five, and the query."""


def user(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_donewell(data_dir, "user", *arguments)


def test_an_account_is_locked_out_of_a_running_server_within_seconds(data_dir: Path, serve: Serve) -> None:
    donewell = serve(data_dir)
    donewell.greeting()
    _, ada = donewell.call("POST", "/api/v1/auth/register", ADA)
    token = ada["access_token"]
    assert donewell.call("GET", "/api/v1/users/me", token=token)[0] == 200

    done = user(data_dir, "disable", ADA["email"])

    assert (done.returncode, done.stdout) == (0, f"disabled {ada['user']['id']}\n"), done.stderr
    assert donewell.call("POST", LOGIN, CREDENTIALS)[1]["code"] == "account_disabled"
    deadline = time.monotonic() + ENDED_WITHIN
    while (answer := donewell.call("GET", "/api/v1/users/me", token=token))[0] == 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert answer[1]["code"] == "token_revoked"

    assert user(data_dir, "enable", ADA["email"]).returncode == 0
    assert donewell.call("POST", LOGIN, CREDENTIALS)[0] == 200


def test_where_there_has_been_no_server_no_database_is_made(new_dir: Path) -> None:
    done = user(new_dir, "disable", ADA["email"])

    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr == (
        f"donewell: There is no database in {new_dir}: set DATA_DIR or DATABASE_URL as the server has it\n"
    )
    assert not new_dir.exists() or not list(new_dir.iterdir())


def test_where_no_server_runs_the_database_is_started_for_it(data_dir: Path, serve: Serve) -> None:
    donewell = serve(data_dir)
    donewell.greeting()
    donewell.call("POST", "/api/v1/auth/register", ADA)
    donewell.stop()

    assert user(data_dir, "disable", ADA["email"]).returncode == 0

    assert servers(data_dir) == []
    again = serve(data_dir)
    again.greeting()
    assert again.call("POST", LOGIN, CREDENTIALS)[0] == 403


def test_an_address_that_nobody_has_is_refused_in_a_sentence_that_does_not_repeat_it(
    data_dir: Path, serve: Serve
) -> None:
    serve(data_dir).greeting()

    done = user(data_dir, "disable", "nobody@example.com")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "donewell: There is no such account: check the address or the id\n"
