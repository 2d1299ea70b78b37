"""`donewell maintenance`: removes what is over, beside a running server or without one."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

from backend.database.embedded import url_in
from tests.factories.databases import execute
from tests.integration.test_serve.processes import Donewell, run_donewell, servers

type Serve = Callable[..., Donewell]

ADA = {"email": "ada@example.com", "name": "Ada", "password": "a long sentence to remember"}
TASKS = "/api/v1/users/me/tasks"


def maintenance(data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return run_donewell(data_dir, "maintenance", **settings)


def test_the_trash_is_emptied_beside_a_server_and_without_one(data_dir: Path, serve: Serve) -> None:
    donewell = serve(data_dir)
    donewell.greeting()
    token = donewell.call("POST", "/api/v1/auth/register", ADA)[1]["access_token"]
    assert donewell.call("POST", TASKS, {"title": "Mow the lawn"}, token=token)[0] == 201
    aged = "UPDATE tasks SET deleted_at = now() - interval '9 days', trashed_with = id"
    asyncio.run(execute(url_in(data_dir), aged))

    done = maintenance(data_dir)
    assert (done.returncode, done.stdout) == (0, "nothing to remove\n"), done.stderr
    done = maintenance(data_dir, TRASH_RETENTION="8")
    assert (done.returncode, done.stdout) == (0, "removed 1 of tasks\n"), done.stderr

    donewell.stop()
    assert maintenance(data_dir).stdout == "nothing to remove\n"
    assert servers(data_dir) == []


def test_a_retention_of_no_days_is_refused(data_dir: Path) -> None:
    refused = maintenance(data_dir, TRASH_RETENTION="0")

    assert refused.returncode == 2
    assert "TRASH_RETENTION" in refused.stderr
