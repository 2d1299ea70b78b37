"""A database with row-level security for a role that owns nothing, and PgBouncer in front of it."""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg

from backend.database.fast_lane import Connection
from backend.database.url import translate
from benchmarks.harness import cluster
from benchmarks.harness.cluster import Cluster
from benchmarks.harness.cpu import Tree
from benchmarks.harness.dataset import execute, schema_template
from benchmarks.harness.tools import Missing

ROLE = "donewell_app"
TABLES = ("tasks", "revisions")
"""Those of the operations that are measured."""

MINE = "user_id = NULLIF(current_setting('donewell.user_id', true), '')::uuid"
"""Where nothing is set, the comparison is with null: no row. Planning asks for the setting too, and must not fail."""

FENCE = (
    f"CREATE ROLE {ROLE} LOGIN",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}",
    *(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in TABLES),
    *(f"CREATE POLICY owner ON {table} TO {ROLE} USING ({MINE}) WITH CHECK ({MINE})" for table in TABLES),
)
POOLER = """
[databases]
donewell = host={host} dbname=donewell user={role}
[pgbouncer]
unix_socket_dir = {directory}
listen_port = {port}
auth_type = any
pool_mode = transaction
default_pool_size = {size}
log_connections = 0
log_disconnections = 0
"""
PORT = 6432
START_LIMIT = 10.0


@contextmanager
def fenced() -> Iterator[Cluster]:
    """A copy of the data with the policies; its URL is that of the tables' owner, whom they do not concern."""
    with cluster.copied(schema_template("donewell")) as copy, cluster.started(copy) as database:
        _let_in(database)
        asyncio.run(execute(database.url, *FENCE, "SELECT pg_reload_conf()"))
        yield database


def as_role(url: str, role: str = ROLE) -> str:
    """The URL for another role."""
    return urlsplit(url)._replace(netloc=f"{role}@").geturl()


@contextmanager
def pooler(database: Cluster, role: str, *, size: int = 20) -> Iterator[tuple[str, Tree]]:
    """PgBouncer in transaction mode, which signs in as `role`: its URL for Donewell, and its process."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise Missing("There is no pgbouncer: install Debian's package, or another's of version 1.18 or later")
    account = pwd.getpwuid((database.data_dir / cluster.NAME).stat().st_uid)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        file = directory / "pgbouncer.ini"
        host = translate(database.url).arguments["host"][0]
        file.write_text(POOLER.format(host=host, role=role, directory=directory, port=PORT, size=size))
        user = {}
        if os.geteuid() == 0:  # which PgBouncer refuses to be
            os.chown(directory, account.pw_uid, account.pw_gid)
            user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        file.chmod(0o644)
        process = subprocess.Popen([program, "-q", str(file)], **user)  # type: ignore[call-overload]
        try:
            _wait(directory / f".s.PGSQL.{PORT}")
            url = f"postgresql://{role}@/donewell?host={quote(name, safe='')}&port={PORT}&pgbouncer=true"
            yield url, Tree(process.pid)
        finally:
            process.terminate()
            process.wait()


async def connected(url: str) -> Connection:
    """A connection as Donewell would make it."""
    return await asyncpg.connect(**translate(url).arguments)


def _let_in(database: Cluster) -> None:
    """Let us, and whom PgBouncer runs as, sign in as either role."""
    uids = {os.geteuid(), (database.data_dir / cluster.NAME).stat().st_uid}
    lines = [f'donewell "{pwd.getpwuid(uid).pw_name}" {role}\n' for uid in uids for role in ("donewell", ROLE)]
    (database.data_dir / "runtime" / "ident_file").write_text("".join(lines))


def _wait(socket: Path) -> None:
    deadline = time.monotonic() + START_LIMIT
    while not socket.exists():
        if time.monotonic() > deadline:
            raise Missing("PgBouncer does not start: try it by hand")
        time.sleep(0.02)
