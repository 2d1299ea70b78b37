"""The house rules that a linter does not know: who may import whom, how long a file is, who commits, whose rows."""

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_type_hints
from uuid import UUID

import asyncpg
import pytest
from importlinter import configuration
from importlinter.application.use_cases import lint_imports

import backend
from backend import services
from backend.config.settings import Settings
from backend.database.url import translate
from backend.models.base import metadata

ROOT = Path(str(backend.__file__)).parents[1]
BACKEND = ROOT / "backend"
FILES = sorted(BACKEND.rglob("*.py"))
LONGEST_FILE = 300

COMMITTERS = {
    "backend/database/session.py": "the transaction of a request, committed before the reply",
    "backend/database/migrations/env.py": "migrations run outside of any request",
}
OWNERLESS_SERVICES = {
    "SessionService": "signs people in: before that there is no owner",
    "AccountService": "a password decides, counted by address",
    "AccessTokenService": "tells whose a token is: before that there is no owner",
    "PasswordService": "a link says whose password it is about",
    "EmailAddressService": "a link says whose address it is about",
}
OWNERLESS_TABLES = {
    "users": "the owners themselves",
    "alembic_version": "Alembic's own",
    "revocations": "ids of what is gone",
    "rate_limits": "MACs of what was tried",
    "mails": "for whoever has an address, which is found out when they are sent",
}
KEYS_OF_OWNERS = {"revisions": ["user_id"], "one_time_tokens": ["user_id", "purpose"]}
"""Where a user has one row, or one of a kind."""

CONSTRAINTS = """
    SELECT c.relname AS table, k.contype::text AS kind, array_agg(a.attname::text ORDER BY n) AS columns
    FROM pg_class c
    LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'f')
    LEFT JOIN unnest(k.conkey) WITH ORDINALITY AS key(number, n) ON true
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = key.number
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    GROUP BY c.relname, k.oid, k.contype
"""


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def service_classes() -> Iterator[type]:
    for module in iter_modules(services.__path__, f"{services.__name__}."):
        for name, member in inspect.getmembers(import_module(module.name), inspect.isclass):
            if name.endswith("Service") and member.__module__ == module.name:
                yield member


def test_every_import_points_the_way_the_contracts_say(capfd: pytest.CaptureFixture[str]) -> None:
    # Not through its command, which turns off every logger that it does not know.
    configuration.configure()
    kept = lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None, no_logo=True)

    said = capfd.readouterr().out
    assert kept, said
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", said), said


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_is_short_enough_to_be_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) < LONGEST_FILE


def test_only_the_database_module_commits() -> None:
    committing = {
        named(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    }

    assert committing <= COMMITTERS.keys(), "Take `SessionDep` or `database.begin()`: they commit"


def test_the_services_are_found() -> None:
    assert {service.__name__ for service in service_classes()} >= {"TaskService", "UserService", *OWNERLESS_SERVICES}


@pytest.mark.parametrize("service", list(service_classes()), ids=lambda service: service.__name__)
def test_a_service_cannot_be_built_without_its_owner(service: type) -> None:
    parameters = list(inspect.signature(service).parameters.values())
    if service.__name__ in OWNERLESS_SERVICES:
        assert "owner" not in {parameter.name for parameter in parameters}
        return

    *means, owner = parameters
    assert {parameter.name for parameter in means} <= {"lane", "session", "database", "revocations"}
    assert owner.name == "owner"
    assert owner.default is inspect.Parameter.empty
    assert get_type_hints(service.__init__)["owner"] is UUID  # type: ignore[misc]


@pytest.fixture
async def constraints(database_url: str) -> list[Any]:
    """The primary and foreign keys that the migrations made; a table without any is there with nulls."""
    connection = await asyncpg.connect(**translate(database_url).arguments)
    try:
        return list(await connection.fetch(CONSTRAINTS))
    finally:
        await connection.close()


def keys(constraints: Sequence[Any], table: str, kind: str) -> list[list[str]]:
    return [row["columns"] for row in constraints if (row["table"], row["kind"]) == (table, kind)]


async def test_the_database_has_the_tables_of_the_models_with_their_primary_keys(constraints: Sequence[Any]) -> None:
    in_database = {row["table"]: keys(constraints, row["table"], "p") for row in constraints}
    in_models = {name: [[column.name for column in table.primary_key]] for name, table in metadata.tables.items()}

    assert in_database == in_models | {"alembic_version": [["version_num"]]}


async def test_an_owned_row_carries_its_owner_in_its_keys(constraints: Sequence[Any]) -> None:
    for table in {row["table"] for row in constraints} - OWNERLESS_TABLES.keys():
        assert keys(constraints, table, "p") == [KEYS_OF_OWNERS.get(table, ["user_id", "id"])], table
        references = keys(constraints, table, "f")
        assert references, f"{table} would keep its rows when their owner goes"
        assert all("user_id" in columns for columns in references), f"{table} could point at another user's row"


def documented_settings() -> list[tuple[str, str]]:
    """Name and default of every setting in the tables of `docs/settings.md`."""
    rows = [line.strip() for line in (ROOT / "docs" / "settings.md").read_text().splitlines()]
    cells = [re.split(r"(?<!\\)\|", row.strip("|")) for row in rows if row.startswith("|")]
    return [
        (name[1], row[1].strip().strip("`"))
        for row in cells
        if (name := re.fullmatch(r"\s*`([A-Z][A-Z0-9_]*)`\s*", row[0])) is not None
    ]


def test_every_setting_is_documented_once_and_nothing_else_is() -> None:
    assert sorted(name for name, _ in documented_settings()) == sorted(map(str.upper, Settings.model_fields))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_documented_default_is_the_real_one(name: str) -> None:
    default = Settings.model_fields[name].default
    written = dict(documented_settings())[name.upper()]

    if default is None:
        assert not written or written.lower() in Settings.model_fields, "say nothing, or which setting steps in"
    else:
        assert written == str(default)
