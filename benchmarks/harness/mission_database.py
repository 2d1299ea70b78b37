"""A PostgreSQL that is reached over TCP with a password, as one that runs elsewhere is."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import asyncpg

from backend.database import embedded
from benchmarks.harness import cluster
from benchmarks.harness.cpu import Tree

HOST = "127.0.0.1"


@contextmanager
def direct(template: Path, port: int) -> Iterator[cluster.Cluster]:
    """The server on a copy of `template`, listening on `port`, stopped at the end.

    It is started as the embedded one is, for the same user and the same end when we are killed; but it listens.
    """
    listen = {"listen_addresses": HOST, "port": str(port)}
    with cluster.copied(template) as data_dir:
        with patch.dict(embedded.SERVER, listen):
            server = embedded.EmbeddedPostgres(data_dir)
            server.launch()
        try:
            server.wait_until_ready()
            password = asyncio.run(_let_in(f"{server.url}&port={port}", data_dir))
            url = f"postgresql://{embedded.NAME}:{password}@{HOST}:{port}/{embedded.NAME}"
            yield cluster.Cluster(url, data_dir, Tree(cluster.postmaster(data_dir)))
        finally:
            server.stop()


async def _let_in(url: str, data_dir: Path) -> str:
    """Have the server ask for a password over TCP; gives the password."""
    password = secrets.token_hex(16)
    with (data_dir / "runtime" / "hba_file").open("a") as rules:
        rules.write(f"host all all {HOST}/32 scram-sha-256\n")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"ALTER ROLE {embedded.NAME} PASSWORD '{password}'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    return password
