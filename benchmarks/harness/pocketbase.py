"""PocketBase among the contestants: it is its own database, with its own data, tokens, paths and fields."""

import json
import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import UUID

from benchmarks.contestants.pocketbase import setup
from benchmarks.harness import api, dataset
from benchmarks.harness.api import CREATING_USERS, PLACE, Request
from benchmarks.harness.tools import built, script

HEALTH = setup.HEALTH


def command(run: Path, host: str, port: int) -> list[str]:
    """The command that serves a copy of the data, made in the directory of the run."""
    shutil.copytree(template(), run / "data")
    return setup.command(program(), run / "data", host, port)


def program() -> Path:
    """PocketBase itself."""
    return script("pocketbase")


@cache
def template() -> Path:
    """A data directory with the data of `dataset.GROUPS`, from the cache once it is built."""
    sources = [Path(dataset.__file__), *sorted(path for path in setup.HERE.rglob("*") if path.suffix in {".py", ".js"})]
    recipe = "".join(path.read_text() for path in sources)

    def build(directory: Path) -> None:
        directory.mkdir()
        setup.build(program(), directory)

    return built("clusters", recipe, build)


@cache
def token(user: int) -> str:
    """The token of a user."""
    return setup.token(template(), user)


def requests(operation: str, turn: int) -> list[Request]:
    """What `api.requests` asks, in PocketBase's own words."""
    if operation == "list":
        return [Request("GET", setup.LIST, token(user)) for user in api.LOAD_USERS]
    if operation == "read":
        return [Request("GET", setup.read_path(_task(user)), token(user)) for user in api.LOAD_USERS]
    if operation == "create":
        return [Request("POST", setup.TASKS, token(user), json.dumps(_new(user))) for user in CREATING_USERS]
    if operation == "change":
        body = json.dumps(setup.change_body(title=f"Water the plants again {PLACE}"))
        return [Request("PATCH", setup.read_path(_task(user)), token(user), body) for user in api.LOAD_USERS]
    task = api.OPEN_TASKS[turn % len(api.OPEN_TASKS)]
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}.000Z"
    return [
        Request("PATCH", setup.read_path(dataset.task_id(user, task)), token(user), body)
        for body in (json.dumps(setup.complete_body(now, completed=flag)) for flag in (True, False))
        for user in api.LOAD_USERS
    ]


def _new(user: int) -> dict[str, object]:
    return setup.create_body(user, title=f"Water the plants {PLACE}", priority="high", due_date="2027-03-01")


def _task(user: int) -> UUID:
    return dataset.task_id(user, user % dataset.TASKS_EACH)
