"""`donewell import`: a file becomes somebody's tasks, beside a running server or without one."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.integration.test_serve.processes import Donewell, run_donewell

type Serve = Callable[..., Donewell]

ADA = {"email": "ada@example.com", "name": "Ada", "password": "a long sentence to remember"}
FILE = "TYPE,CONTENT,PRIORITY,INDENT,DATE\ntask,Pay rent @bank,1,1,2027-03-01\ntask,Find the letter,4,2,\ntask,,4,1,\n"


def take_in(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_donewell(data_dir, "import", *arguments)


def test_a_file_is_taken_in_beside_a_running_server(data_dir: Path, serve: Serve, tmp_path: Path) -> None:
    donewell = serve(data_dir)
    donewell.greeting()
    _, ada = donewell.call("POST", "/api/v1/auth/register", ADA)
    file = tmp_path / "tasks.csv"
    file.write_text(FILE)
    wrong = tmp_path / "tasks.json"
    wrong.write_text("[]")

    dry = take_in(data_dir, str(file), "--user", ADA["email"], "--dry-run")
    assert donewell.call("GET", "/api/v1/users/me/tasks", token=ada["access_token"])[1] == []
    done = take_in(data_dir, str(file), "--user", ADA["email"])
    again = take_in(data_dir, str(file), "--user", ada["user"]["id"])

    assert (dry.returncode, done.returncode) == (0, 0), dry.stderr + done.stderr
    assert "tasks: 2 would be created, 0 exist, 1 skipped" in dry.stdout
    assert "tasks: 2 created, 0 exist, 1 skipped" in done.stdout
    assert "row 4: title: " in done.stderr
    assert "tasks: 0 created, 2 exist, 1 skipped" in again.stdout
    titles = {task["title"] for task in donewell.call("GET", "/api/v1/users/me/tasks", token=ada["access_token"])[1]}
    assert titles == {"Pay rent", "Find the letter"}
    for arguments in (
        [str(file), "--user", "nobody"],
        [str(wrong), "--user", ADA["email"]],
        [str(file), "--user", "x", "--format", "y"],
    ):
        refused = take_in(data_dir, *arguments)
        assert refused.returncode == 2, refused.stderr
        assert "Traceback" not in refused.stderr
