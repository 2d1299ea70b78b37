"""Tables, constraints and indexes are named by rule, so that a migration can drop what another one made."""

import re

import pytest
from sqlalchemy import Table

from backend.models.base import metadata
from tests.unit.test_models.conftest import Connection

TABLES = [pytest.param(table, id=table.name) for table in metadata.sorted_tables]

ENDINGS = {"p": "pkey", "f": "fkey", "u": "key", "c": "check", "n": "not_null", "unique index": "key", "index": "idx"}
NAMED = """
    SELECT conname, contype::text FROM pg_constraint WHERE conrelid = $1::regclass
    UNION ALL
    SELECT indexrelid::regclass::text, CASE WHEN indisunique THEN 'unique index' ELSE 'index' END
    FROM pg_index WHERE indrelid = $1::regclass AND NOT indisprimary
"""


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_a_plural_or_a_log_in_snake_case(table: Table) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*(s|_log)", table.name)


@pytest.mark.parametrize("table", TABLES)
async def test_a_name_begins_with_the_table_and_ends_with_the_kind(table: Table, connection: Connection) -> None:
    for name, kind in await connection.fetch(NAMED, table.name):
        assert re.fullmatch(rf"{table.name}_([a-z_]+_)?{ENDINGS[kind]}", name)


@pytest.mark.parametrize("table", TABLES)
async def test_the_migrations_give_the_names_that_the_models_have(table: Table, connection: Connection) -> None:
    migrated = {name for name, kind in await connection.fetch(NAMED, table.name) if kind != "n"}

    assert migrated == {key.name for key in table.constraints} | {index.name for index in table.indexes}


@pytest.mark.parametrize("table", TABLES)
def test_a_key_is_named_for_its_columns(table: Table) -> None:
    for key in table.foreign_key_constraints:
        assert key.name == "_".join([table.name, *key.column_keys, "fkey"])
