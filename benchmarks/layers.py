"""What our layers cost: requests through the whole application, against a bare reference in the same process.

`uv run python -m benchmarks.layers` prints the CPU time of each operation as a multiple of the reference's, which is a
list's statement on a plain connection and its 20 rows as JSON. It fails when one is more than 1.4 times what
`layers.json` records; `--record` records. Ratios of CPU time, each the best of many, hold on a noisy machine.
"""

import gc
import json
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
import typer
import uvloop
from asgi_lifespan import LifespanManager
from starlette.types import ASGIApp, Message
from uuid_utils.compat import uuid7

from backend.auth.jwt_handler import AccessTokens
from backend.config.settings import Settings
from backend.database import migrate
from backend.database.embedded import EmbeddedPostgres
from backend.database.fast_lane import Connection
from backend.main import create_app
from backend.services.task_table import TASKS

RECORD = Path(__file__).with_name("layers.json")
TOLERANCE = 1.4
ATTEMPTS = 5
PROCESSORS = sorted(os.sched_getaffinity(0))
ROUNDS = 60
REQUESTS = 30
"""In each round, of each operation: short rounds, so that some are undisturbed."""

REFERENCE = "bare list"
SECRET = "a secret that signs the tokens of this benchmark"
PATH = "/api/v1/users/me/tasks"
PEOPLE = """
    WITH made AS (INSERT INTO users (id, email, name) VALUES ($1, 'ada@example.com', 'Ada') RETURNING id)
    INSERT INTO revisions (user_id) SELECT id FROM made
"""
ROWS = """
    INSERT INTO tasks (user_id, id, revision, title, position, created_at)
    SELECT $1, uuidv7(), number, 'Water the plants ' || number, 'l' || lpad(to_hex(number), 12, '0'),
           now() - number * interval '1 minute'
    FROM generate_series(1, 20) AS number RETURNING id
"""

type Operation = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Bench:
    """A user with 20 tasks, the application, and a connection that knows nothing of it."""

    app: ASGIApp
    token: str
    connection: Connection
    owner: UUID
    task: UUID

    async def ask(self, method: str, path: str, body: bytes = b"", query: bytes = b"") -> None:
        """One request through the application, from the server's side of it."""
        status = 0

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        headers = [
            (b"host", b"localhost"),
            (b"authorization", b"Bearer " + self.token.encode()),
            (b"accept", b"*/*"),
            *([(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))] if body else []),
        ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        await self.app(scope, receive, send)
        if status not in (200, 201):
            raise RuntimeError(f"{method} {path} answered {status}")


def operations(bench: Bench) -> Mapping[str, Operation]:
    """What is measured; the bare reference is one of them."""
    count = iter(range(1 << 62))
    page = TASKS.page(frozenset(), resumed=False)
    arguments = page.arguments({"owner": bench.owner, "rows": 21})
    task = f"{PATH}/{bench.task}"

    async def bare() -> None:
        msgspec.json.encode([tuple(row) for row in await bench.connection.fetch(page.sql, *arguments)])

    return {
        REFERENCE: bare,
        "list": lambda: bench.ask("GET", PATH, query=b"limit=20"),
        "read": lambda: bench.ask("GET", task),
        "change": lambda: bench.ask("PATCH", task, b'{"title": "Title %d"}' % next(count)),
        "complete": lambda: bench.ask(
            "PATCH", f"{task}/complete", b'{"completed": %s}' % (b"true", b"false")[next(count) % 2]
        ),
        # The last, and taken back after each round: the list is to stay one page.
        "create": lambda: bench.ask("POST", PATH, b'{"title": "Water the plants"}'),
    }


async def ratios(bench: Bench) -> dict[str, float]:
    """Each operation's CPU time as a multiple of the reference's, all at their best."""
    best: dict[str, float] = {}
    measured = operations(bench)
    gc.collect()
    gc.freeze()
    for _ in range(ROUNDS):
        for name, operation in measured.items():
            begun = time.process_time()
            for _ in range(REQUESTS):
                await operation()
            best[name] = min(best.get(name, 1.0), time.process_time() - begun)
        await bench.connection.execute("DELETE FROM tasks WHERE title = 'Water the plants'")
    reference = best.pop(REFERENCE)
    typer.echo(f"{REFERENCE}: {reference / REQUESTS * 1e6:.0f} µs")
    return {name: round(spent / reference, 2) for name, spent in best.items()}


async def measure(url: str) -> dict[str, float]:
    """The ratios, on a database of their own that does not wait for the disk."""
    owner = uuid7()
    connection = await asyncpg.connect(url)
    await connection.execute("ALTER DATABASE donewell SET synchronous_commit = off")
    await connection.close()
    # Every request is counted, as in production, and none is one too many.
    rate = "100000000/minute"
    app = create_app(Settings(database_url=url, jwt_secret=SECRET, log_format="json", rate_limit=rate, _env_file=None))
    async with LifespanManager(app):
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(PEOPLE, owner)
            task = (await connection.fetch(ROWS, owner))[0]["id"]
            token = AccessTokens(SECRET).issue(owner, uuid7())
            return await ratios(Bench(app, token, connection, owner, UUID(bytes=task.bytes)))
        finally:
            await connection.close()


def attempt() -> dict[str, float]:
    """The ratios, from a server and a database of their own."""
    # On one processor with the database: which of them wakes the other, and where, would decide a third of the figure.
    # On another one each time, as somebody else may be busy there.
    os.sched_setaffinity(0, {random.choice(PROCESSORS)})
    with tempfile.TemporaryDirectory() as directory, EmbeddedPostgres(Path(directory) / "postgres") as server:
        migrate.upgrade(server.url)
        return uvloop.run(measure(server.url))


def main(*, record: bool = False) -> None:
    """Measure, tell, and compare or record; exit with 1 when something has become too dear."""
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        dear = compared(record=record)
    raise typer.Exit(1 if dear else 0)


def compared(*, record: bool) -> list[str]:
    """Tell what each operation costs, and give those that have become too dear. `record` first records anew."""
    found = attempt()
    if record:
        RECORD.write_text(json.dumps(found, indent=2) + "\n")
    recorded: dict[str, float] = json.loads(RECORD.read_text())
    if found.keys() != recorded.keys():
        raise typer.BadParameter(f"{RECORD.name} is of other operations: record anew")
    for _ in range(ATTEMPTS - 1):
        if not _dear(found, recorded):
            break
        # Somebody else may have had the processor's caches all the while; what has really become dearer stays so.
        found = {name: min(found[name], ratio) for name, ratio in attempt().items()}
    dear = _dear(found, recorded)
    for name, ratio in found.items():
        typer.echo(f"{name:10}{ratio:6.2f} times bare, recorded {recorded[name]:.2f}{'  TOO DEAR' * (name in dear)}")
    return dear


def _dear(found: Mapping[str, float], recorded: Mapping[str, float]) -> list[str]:
    return [name for name, ratio in found.items() if ratio > TOLERANCE * recorded[name]]


if __name__ == "__main__":
    typer.run(main)
