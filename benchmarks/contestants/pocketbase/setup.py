"""PocketBase: its data directory with the same data as the others have, its tokens, and what the operations are there.

Record ids are 15 characters of base 36, made from the UUIDs of the data set so that they sort as those do.
"""

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt

from benchmarks.harness import dataset

HERE = Path(__file__).parent
HEALTH = "/api/health"
TASKS = "/api/collections/tasks/records"
# Without `fields=`, which makes PocketBase decode and encode again what it has encoded: 600 µs more for a list. What
# this answers in addition is `collectionId` and `collectionName`.
LIST = f"{TASKS}?perPage=20&skipTotal=1&sort=-created,-id"

_USERS = "_pb_users_auth_"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NO_PASSWORD = "!"
_TASK_COLUMNS = (
    "id", "user", "version", "title", "description", "completed", "completed_at", "priority", "due_date", "created",
    "updated",
)  # fmt: skip
_USER_COLUMNS = ("id", "email", "name", "password", "tokenKey", "verified", "created", "updated")


def build(program: Path, data_dir: Path, groups: dataset.Groups = dataset.GROUPS) -> None:
    """Make a data directory with the collections and the data. It can be copied while no server runs on it."""
    migrations = f"--migrationsDir={HERE / 'pb_migrations'}"
    subprocess.run([program, "migrate", "up", f"--dir={data_dir}", migrations], check=True, capture_output=True)
    _load(data_dir, groups)


def command(program: Path, data_dir: Path, host: str, port: int, *, durable: bool = True) -> list[str]:
    """The command that serves a data directory. `durable`: with an fsync for every commit, as PostgreSQL has it."""
    return [
        str(program),
        "serve",
        f"--http={host}:{port}",
        f"--dir={data_dir}",
        f"--migrationsDir={HERE / 'pb_migrations'}",
        f"--hooksDir={HERE / 'pb_hooks' if durable else data_dir / 'no_hooks'}",
        "--hooksWatch=false",
        "--automigrate=false",
    ]


def record_id(uuid: UUID) -> str:
    """The id of the record that stands for a user or task of the data set."""
    number = (uuid.int >> 64 & 0xFFF) << 62 | uuid.int & (1 << 62) - 1
    digits = []
    for _ in range(15):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def token(data_dir: Path, user: int, *, lifetime: int = 86_400) -> str:
    """An access token, signed as PocketBase does: with the user's key and the collection's secret."""
    claims = {
        "type": "auth",
        "id": record_id(dataset.user_id(user)),
        "collectionId": _USERS,
        "refreshable": True,
        "exp": int(time.time()) + lifetime,
    }
    return jwt.encode(claims, _token_key(user) + _secret(data_dir), algorithm="HS256")


def read_path(task: UUID) -> str:
    """Where to GET a task, and to PATCH it."""
    return f"{TASKS}/{record_id(task)}"


def create_body(user: int, **fields: Any) -> dict[str, Any]:
    """What to POST to `TASKS`: the client says whose task it is, and the rule checks it."""
    return {"user": record_id(dataset.user_id(user)), "version": 1, "priority": "none", **fields}


def change_body(**fields: Any) -> dict[str, Any]:
    """What to PATCH: the version goes up because the client says so, and `If-Match` is unknown."""
    return {"version+": 1, **fields}


def complete_body(now: str, *, completed: bool) -> dict[str, Any]:
    """What to PATCH to complete a task or open it again: the client says when."""
    return change_body(completed=completed, completed_at=now if completed else "")


def _load(data_dir: Path, groups: dataset.Groups) -> None:
    tasks_of = [each for count, each in groups for _ in range(count)]
    database = sqlite3.connect(data_dir / "data.db")
    try:
        with database:
            database.executemany(_insert("users", _USER_COLUMNS), map(_user, range(len(tasks_of))))
            database.executemany(_insert("tasks", _TASK_COLUMNS), _tasks(tasks_of))
        database.execute("ANALYZE")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _user(user: int) -> tuple[Any, ...]:
    moment = "2026-06-01 00:00:00.000Z"
    identifier = record_id(dataset.user_id(user))
    return (identifier, f"user{user}@example.com", f"User {user}", _NO_PASSWORD, _token_key(user), True, moment, moment)


def _tasks(tasks_of: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    for user, count in enumerate(tasks_of):
        for index in range(count):
            yield tuple(map(_stored, dataset.task(user, index, count).values()))


def _stored(value: Any) -> Any:
    if isinstance(value, UUID):
        return record_id(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}Z"
    if isinstance(value, date):
        return f"{value} 00:00:00.000Z"
    return "" if value is None else value


def _token_key(user: int) -> str:
    return f"{user:050}"


@lru_cache
def _secret(data_dir: Path) -> str:
    database = sqlite3.connect(f"file:{data_dir / 'data.db'}?mode=ro", uri=True)
    try:
        ((options,),) = database.execute("SELECT options FROM _collections WHERE id = ?", (_USERS,))
    finally:
        database.close()
    return str(json.loads(options)["authToken"]["secret"])
