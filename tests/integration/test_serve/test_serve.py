"""`donewell serve` as operators have it: one command, one sentence when it cannot, and nothing lost or left behind."""

import contextlib
import http.client
import json
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.database.embedded import EmbeddedPostgres
from tests.factories.canaries import KEPT
from tests.integration.test_serve.processes import (
    DONEWELL,
    START_LIMIT,
    Donewell,
    alive_of,
    environment,
    free_port,
    ordinary,
    rows,
    servers,
)

type Serve = Callable[..., Donewell]

ADA = {"email": "ada@example.com", "name": "Ada", "password": "a long sentence to remember"}
STRONG = "0123456789abcdef0123456789abcdef"
HIDDEN = "s3cret-w0rd"
NOWHERE = f"postgresql://ada:{HIDDEN}@127.0.0.1:1/tasks"


def register(donewell: Donewell) -> tuple[str, str]:
    """The path of a new user's tasks, and a token for it."""
    status, answer = donewell.call("POST", "/api/v1/auth/register", ADA)
    assert status == 201
    return f"/api/v1/users/{answer['user']['id']}/tasks", answer["access_token"]


def refused(directory: Path, command: Sequence[str | Path] = DONEWELL, /, **settings: str) -> str:
    """What `serve` says on stderr instead of serving."""
    process = subprocess.run(
        [*command, "serve"],
        env=environment(**({"PORT": str(free_port()), "DATA_DIR": str(directory / "data")} | settings)),
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=START_LIMIT,
        check=False,
    )
    KEPT.add(process.stderr, "what donewell says")
    assert process.returncode == 2, process.stderr
    assert process.stdout == ""
    assert re.fullmatch(r"donewell: [^\n]+\n", process.stderr)
    return process.stderr


def test_first_start_serves_says_where_and_lets_no_second_in(new_dir: Path, serve: Serve) -> None:
    donewell = serve(new_dir)
    greeting = donewell.greeting()
    for expected in (f"http://127.0.0.1:{donewell.port}/api/v1\n", f":{donewell.port}/docs\n", f"{new_dir} "):
        assert expected in greeting
    tasks, token = register(donewell)
    said = refused(new_dir.parent, DATA_DIR=str(new_dir), PORT=str(donewell.port))
    assert re.search(r"Another donewell is running .* set DATA_DIR", said)
    assert donewell.call("POST", tasks, {"title": "Buy milk"}, token)[0] == 201
    assert stat.S_IMODE((new_dir / "jwt_secret").stat().st_mode) == 0o600
    assert donewell.stop() == 0
    assert servers(new_dir) == []
    assert not (new_dir / "runtime").is_symlink()


@contextlib.contextmanager
def half_sent(
    donewell: Donewell, path: str, token: str, body: dict[str, Any]
) -> Iterator[tuple[http.client.HTTPConnection, bytes]]:
    """A request of which the server has the first half, and what is left to send."""
    text = json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", donewell.port, timeout=START_LIMIT)
    connection.putrequest("POST", path)
    for name, value in (donewell.headers(token) | {"Content-Length": str(len(text))}).items():
        connection.putheader(name, value)
    connection.endheaders(text[:5])
    time.sleep(0.1)
    yield connection, text[5:]
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_requests_finish_and_stops_everything(
    data_dir: Path, serve: Serve, number: signal.Signals
) -> None:
    donewell = serve(data_dir)
    donewell.greeting()
    tasks, token = register(donewell)
    with half_sent(donewell, tasks, token, {"title": "Buy milk"}) as (connection, rest):
        began = time.monotonic()
        donewell.process.send_signal(number)
        time.sleep(0.3)
        connection.send(rest)
        assert connection.getresponse().status == 201
        assert donewell.process.wait(timeout=10) == 0
    assert time.monotonic() - began < 5
    assert servers(data_dir) == []
    assert "Traceback" not in donewell.errors.read_text()


def test_a_request_that_never_ends_does_not_hold_it_up_when_the_terminal_closes(data_dir: Path, serve: Serve) -> None:
    donewell = serve(data_dir)
    donewell.greeting()
    tasks, token = register(donewell)
    with half_sent(donewell, tasks, token, {"title": "Buy milk"}) as (connection, _):
        began = time.monotonic()
        assert donewell.stop(signal.SIGHUP) == 0
        assert time.monotonic() - began < 5
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("retry-after")) == (503, "1")
        assert json.load(answer)["code"] == "stopping"
    assert servers(data_dir) == []


def test_a_signal_during_the_first_start_stops_everything(new_dir: Path, serve: Serve) -> None:
    donewell = serve(new_dir)
    deadline = time.monotonic() + START_LIMIT
    while not list(new_dir.glob("postgres.new-*/PG_VERSION")) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert donewell.stop() == 0
    assert servers(new_dir) == []
    assert donewell.errors.read_text() == ""


def test_killed_without_warning_it_still_has_what_it_acknowledged(data_dir: Path, serve: Serve) -> None:
    first = serve(data_dir)
    first.greeting()
    tasks, token = register(first)
    assert first.call("POST", tasks, {"title": "Buy milk"}, token)[0] == 201
    secret = (data_dir / "jwt_secret").read_text()
    first.stop(signal.SIGKILL)
    second = serve(data_dir)
    second.greeting()
    status, answer = second.call("POST", "/api/v1/auth/login", {key: ADA[key] for key in ("email", "password")})
    assert status == 200
    for bearer in (token, answer["access_token"]):
        status, found = second.call("GET", tasks, token=bearer)
        assert (status, [task["title"] for task in found]) == (200, ["Buy milk"])
    assert (data_dir / "jwt_secret").read_text() == secret
    assert len(servers(data_dir)) == 1


def test_several_workers_serve_and_stop_together(data_dir: Path, serve: Serve) -> None:
    donewell = serve(data_dir, WEB_CONCURRENCY="2")
    donewell.greeting()
    tasks, token = register(donewell)
    assert donewell.call("GET", tasks, token=token)[0] == 200
    family = psutil.Process(donewell.process.pid).children(recursive=True)
    began = time.monotonic()
    assert donewell.stop() == 0
    assert time.monotonic() - began < 5
    assert alive_of(family) == []


def test_it_serves_more_connections_than_the_usual_limit_of_files_allows(data_dir: Path, serve: Serve) -> None:
    donewell = serve(data_dir, command=("/bin/sh", "-c", 'ulimit -S -n 100 && exec "$@"', "sh", *DONEWELL))
    donewell.greeting()
    with contextlib.ExitStack() as stack:
        for _ in range(150):
            connection = http.client.HTTPConnection("127.0.0.1", donewell.port, timeout=START_LIMIT)
            stack.callback(connection.close)
            connection.request("GET", "/health/live")
            response = connection.getresponse()
            assert response.status == 200
            response.read()


def test_who_minds_the_workers_has_not_imported_the_application() -> None:
    program = "import sys, backend.cli, backend.serving; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert not {"fastapi", "sqlalchemy", "structlog"} & set(imported.split())


def test_nothing_outlives_a_killed_parent(data_dir: Path, serve: Serve) -> None:
    donewell = serve(data_dir, WEB_CONCURRENCY="2")
    donewell.greeting()
    assert donewell.call("GET", "/health/ready")[0] == 200
    family = psutil.Process(donewell.process.pid).children()
    donewell.stop(signal.SIGKILL)
    assert alive_of(family) == []


def test_a_database_of_ones_own_is_used_as_it_is(data_dir: Path, tmp_path: Path, serve: Serve) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        donewell = serve(tmp_path / "unused", DATABASE_URL=postgres.url, JWT_SECRET=STRONG)
        assert "in the database of DATABASE_URL" in donewell.greeting()
        register(donewell)
        assert donewell.stop() == 0
        assert rows(postgres.url, "SELECT count(*) AS users FROM users") == [{"users": 1}]
    assert not (tmp_path / "unused").exists()


def test_an_ordinary_user_serves_too(open_dir: Path, serve: Serve) -> None:
    donewell = serve(open_dir / "data", command=ordinary(DONEWELL))
    donewell.greeting()
    register(donewell)
    assert donewell.stop() == 0
    assert servers(open_dir / "data") == []


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        said = refused(tmp_path, PORT=str(port))
    assert f"Port {port} on 127.0.0.1 is already in use: stop the other program or set PORT" in said


def test_a_data_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "set DATA_DIR to a directory" in refused(tmp_path, DATA_DIR=str(tmp_path / "file" / "data"))


def test_an_unwritable_data_directory_is_refused(open_dir: Path) -> None:
    open_dir.chmod(0o555)
    said = refused(open_dir, ordinary(DONEWELL))
    assert "cannot be used (Permission denied): set DATA_DIR" in said


@pytest.mark.parametrize(
    ("suffix", "advice"),
    [("", "check DATABASE_URL and that the database is running"), ("?sslmode=maybe", "sslmode")],
    ids=["out of reach", "not a URL of a database"],
)
def test_a_database_that_cannot_be_had_is_refused(tmp_path: Path, suffix: str, advice: str) -> None:
    began = time.monotonic()
    said = refused(tmp_path, DATABASE_URL=NOWHERE + suffix, JWT_SECRET=STRONG)
    assert time.monotonic() - began < 10
    assert advice in said
    assert HIDDEN not in said


def test_the_url_that_is_out_of_reach_is_the_one_that_is_named(tmp_path: Path) -> None:
    url = "postgresql://ada@203.0.113.1/never-asked"
    said = refused(tmp_path, DATABASE_URL=url, DATABASE_URL_UNPOOLED=NOWHERE, JWT_SECRET=STRONG)
    assert "check DATABASE_URL_UNPOOLED and that" in said
    assert HIDDEN not in said


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"JWT_SECRET": "hunter2"}, "JWT_SECRET is too weak: give at least 32 random bytes"),
        ({"DATABASE_URL": NOWHERE}, "set it to at least 32 random bytes"),
        ({"DATABASE_URL_UNPOOLED": NOWHERE}, "set both, or neither"),
        ({"DATABASE_URL": f"mysql://ada:{HIDDEN}@localhost/tasks", "JWT_SECRET": STRONG}, "postgresql://user:password"),
        ({"PORT": "http"}, "PORT is not valid"),
        ({"HOST": "203.0.113.1"}, "set HOST to an address of this machine"),
        ({"JWT_SECRET_FILE": "/nowhere"}, "JWT_SECRET_FILE cannot be read"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_setting_that_cannot_be_is_refused(tmp_path: Path, settings: dict[str, str], advice: str) -> None:
    said = refused(tmp_path, **settings)
    assert advice in said
    assert HIDDEN not in said
    assert "hunter2" not in said


def test_a_damaged_secret_is_refused_and_leaves_nothing_running(data_dir: Path) -> None:
    (data_dir / "jwt_secret").write_text("short")
    assert "restore it, or delete it" in refused(data_dir.parent)
    assert servers(data_dir) == []


def run(directory: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DONEWELL, *arguments], env=environment(**settings), cwd=directory, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "settings",
    [{}, {"PORT": "abc", "LOG_LEVEL": "x", "JWT_SECRET_FILE": "/nowhere", "PGSERVICE": "x", "PGPORT": "x"}],
    ids=["none", "wrong ones"],
)
def test_the_document_is_printed_whatever_the_settings_are(tmp_path: Path, settings: dict[str, str]) -> None:
    printed = run(tmp_path, "openapi", **settings)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert json.loads(printed.stdout)["openapi"].startswith("3.1")
    assert list(tmp_path.iterdir()) == []


def test_checking_and_writing_a_migration_exclude_each_other(tmp_path: Path) -> None:
    process = run(tmp_path, "migrate", "--check", "--new", "notes")
    assert (process.returncode, process.stdout) == (2, "")
    assert re.fullmatch(r"donewell: --check .* --new [^\n]+\n", process.stderr)


def test_the_migrations_make_what_the_models_say(tmp_path: Path) -> None:
    checked = run(tmp_path, "migrate", "--check")
    assert checked.returncode == 0, checked.stderr
    assert list(tmp_path.iterdir()) == []


def test_migrating_alone_leaves_nothing_running(data_dir: Path) -> None:
    migrated = run(data_dir.parent, "migrate", DATA_DIR=str(data_dir))
    assert migrated.returncode == 0, migrated.stderr
    assert servers(data_dir) == []
