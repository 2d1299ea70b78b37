"""The same data for all: users with tasks, tokens for them, and a stopped cluster that holds it, built once per schema.

Everything follows from numbers: user `u` (0, 1, …) has the tasks `(u, 0)` … `(u, n - 1)`, the newest last. Two
neighbours share their `created_at`, so that a list is in order only if ties are broken by id.
"""

import asyncio
import secrets
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import asyncpg
import jwt

from backend.auth.jwt_handler import AUDIENCE, ISSUER, TOKEN_TYPE
from backend.database import migrate
from benchmarks.harness import cluster
from benchmarks.harness.tools import CONTESTANTS, built

type Schema = Literal["donewell", "peers"]
type Groups = Sequence[tuple[int, int]]
"""How many users with how many tasks each; users are numbered through."""

USERS = 10_000
TASKS_EACH = 20
BIG_USER = USERS
"""The number of the one user with `BIG_TASKS` tasks."""
BIG_TASKS = 100_000
GROUPS: Groups = ((USERS, TASKS_EACH), (1, BIG_TASKS))

IN_GOOD_ORDER = ("VACUUM (FREEZE, ANALYZE)", "CHECKPOINT")
"""What a loaded database still needs."""

SECRET = secrets.token_hex(32)
"""What every contestant gets as JWT_SECRET."""

_EPOCH = datetime(2026, 6, 1, tzinfo=UTC)
_SPAN_MS = 100 * 24 * 3_600_000
_FIELDS = (
    "id", "user_id", "version", "title", "description", "completed", "completed_at", "priority", "due_date",
    "created_at", "updated_at",
)  # fmt: skip
_DESCRIPTION = "The fern in the hall too, but not the cactus: it had some on Monday"
_PRIORITIES = ("none", "low", "medium", "high")
_TASK_COLUMNS: dict[Schema, dict[str, str]] = {
    "peers": {field: field for field in _FIELDS},
    "donewell": {field: field for field in (*_FIELDS, "position") if field not in {"version", "completed"}}
    | {"version": "revision"},
}
"""Which column holds which field; one that is not there is derived."""


def user_id(user: int) -> UUID:
    """The id of a user."""
    return _uuid7(0, 1 << 55 | user)


def task_id(user: int, index: int, of: int = TASKS_EACH) -> UUID:
    """The id of a user's task, of `of` tasks in all."""
    return _uuid7(_offset(user, index, of), user << 27 | index)


def token(user: int, *, lifetime: int = 86_400, secret: str = SECRET) -> str:
    """An access token as donewell issues them, for `lifetime` seconds from now (negative: it has expired)."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id(user)),
        "iat": min(now, now + lifetime),
        "exp": now + lifetime,
        "jti": secrets.token_hex(16),
        "sid": str(_uuid7(0, 1 << 54 | user)),
    }
    return jwt.encode(claims, secret, algorithm="HS256", headers={"typ": TOKEN_TYPE})


def task(user: int, index: int, of: int = TASKS_EACH) -> dict[str, Any]:
    """A task as it is in the database, by the names of the fields of the API."""
    created = _EPOCH + timedelta(milliseconds=_offset(user, index, of))
    done = created + timedelta(hours=1) if index % 3 == 0 else None
    return {
        "id": task_id(user, index, of),
        "user_id": user_id(user),
        "version": index + 1,
        "title": f"Task {index} of user {user}: water the plants",
        "description": _DESCRIPTION if index % 4 == 1 else None,
        "completed": done is not None,
        "completed_at": done,
        "priority": _PRIORITIES[index % 4],
        "position": f"l{index + 1:012x}",
        "due_date": date(2027, 1, 1) + timedelta(days=index % 365) if index % 2 else None,
        "created_at": created,
        "updated_at": done or created,
    }


def schema_template(schema: Schema) -> Path:
    """A data directory with the stopped cluster that holds `GROUPS` in this schema: for `cluster.copied`."""

    def build(directory: Path) -> None:
        with cluster.started(directory) as server:
            create_schema(server.url, schema)
            asyncio.run(load(server.url, schema, GROUPS))

    # Changes with the data and with the schema's text: a template never outlives what it was built from.
    versions = sorted((migrate.MIGRATIONS / "versions").glob("*.py"))
    sources = [Path(__file__), *(versions if schema == "donewell" else [_schema_file()])]
    return built("clusters", "\n".join([schema, *(path.read_text() for path in sources)]), build)


def create_schema(url: str, schema: Schema) -> None:
    """Make the tables: ours by our own migrations, the peers' by the file they share."""
    if schema == "donewell":
        migrate.upgrade(url)
    else:
        asyncio.run(execute(url, _schema_file().read_text()))


async def load(url: str, schema: Schema, groups: Groups) -> None:
    """Fill the empty tables by COPY, in the order in which the rows would have come, and leave them in good order."""
    numbers = range(sum(count for count, _ in groups))
    tasks_of = [each for count, each in groups for _ in range(count)]
    connection = await asyncpg.connect(url)
    try:
        users = ((user_id(user), f"user{user}@example.com", f"User {user}") for user in numbers)
        await connection.copy_records_to_table("users", records=users, columns=["id", "email", "name"])
        if schema == "donewell":
            revisions = ((user_id(user), tasks_of[user]) for user in numbers)
            await connection.copy_records_to_table("revisions", records=revisions, columns=["user_id", "revision"])
        columns = _TASK_COLUMNS[schema]
        await connection.copy_records_to_table(
            "tasks", records=_records(tasks_of, list(columns)), columns=list(columns.values()), timeout=3_600
        )
    finally:
        await connection.close()
    await execute(url, *IN_GOOD_ORDER)


def _records(tasks_of: Sequence[int], fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    places = sorted(
        (_offset(user, index, count), user, index) for user, count in enumerate(tasks_of) for index in range(count)
    )
    for _, user, index in places:
        row = task(user, index, tasks_of[user])
        yield tuple(row[field] for field in fields)


async def execute(url: str, *statements: str) -> None:
    """Run SQL, each statement in a transaction of its own."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement, timeout=3_600)
    finally:
        await connection.close()


def _offset(user: int, index: int, of: int) -> int:
    """Milliseconds between the epoch and a task: spread over the span, a different moment for each user."""
    return (index & ~1) * _SPAN_MS // of + user * 37


def _uuid7(offset_ms: int, number: int) -> UUID:
    milliseconds = int(_EPOCH.timestamp()) * 1000 + offset_ms
    low = number * 0x9E3779B97F4A7C15 % (1 << 62)  # odd, so that different numbers stay different
    return UUID(int=milliseconds << 80 | 7 << 76 | (number & 0xFFF) << 64 | 2 << 62 | low)


def _schema_file() -> Path:
    return CONTESTANTS / "schema.sql"
