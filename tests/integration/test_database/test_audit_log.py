"""The audit log is append-only for whoever may write rows, and goes with the account alone.

Not for whoever owns the tables, as the role that migrates does, or is a superuser: they can switch the triggers off
(`ALTER TABLE audit_log DISABLE TRIGGER ALL`, `SET session_replication_role = replica`), replace their function, or drop
the table. No trigger holds those; docs/operations.md says what does.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.database.gate import driver_error
from tests.factories.applications import running, settings_for
from tests.factories.clients import Client, client_for, sign_up
from tests.factories.databases import execute
from tests.integration.test_api.answers import TASKS, answered, sql

DELETE = "DELETE FROM audit_log WHERE user_id = :id"
ATTACKS = {
    "changing": ["UPDATE audit_log SET event = 'nothing' WHERE user_id = :id"],
    "giving away": ["UPDATE audit_log SET user_id = uuidv7() WHERE user_id = :id"],
    "removing": [DELETE],
    "emptying": ["TRUNCATE audit_log"],
    "emptying what it hangs on": ["TRUNCATE users CASCADE"],
    "merging": [
        "MERGE INTO audit_log USING (VALUES (CAST(:id AS uuid))) AS one (i) ON user_id = i WHEN MATCHED THEN DELETE"
    ],
    "a table that comes first": ["CREATE TEMP TABLE users (id uuid) ON COMMIT DROP", DELETE],
    "a schema that comes first": [
        "CREATE SCHEMA evil",
        "CREATE TABLE evil.users (id uuid)",
        "SET LOCAL search_path = evil, public",
        DELETE,
    ],
    "an operator that comes first": [
        "CREATE SCHEMA worse",
        "CREATE FUNCTION worse.never(uuid, uuid) RETURNS boolean LANGUAGE sql RETURN false",
        "CREATE OPERATOR worse.= (FUNCTION = worse.never, LEFTARG = uuid, RIGHTARG = uuid)",
        "SET LOCAL search_path = worse, pg_catalog, public",
        "DELETE FROM public.audit_log WHERE user_id OPERATOR(pg_catalog.=) :id",
    ],
}
"""What does not need the tables' owner: writing rows, temporary tables and schemas of one's own."""

OWNERS = [
    "ALTER TABLE audit_log DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_log_keep ON audit_log",
    "ALTER FUNCTION audit_log_keep() RESET search_path",
    "SET session_replication_role = replica",
]
"""What the tables' owner or a superuser can do."""

REFUSALS = (asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)

OPEN_TO_OTHERS = """
    SELECT proname FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
    WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
      AND prosqlbody IS NULL
      AND NOT coalesce('search_path=public, pg_temp' = ANY (proconfig), false)
"""
"""Functions of ours, not those of extensions, that look for names wherever whoever calls them says. What has its body
parsed (`prosqlbody`) looks for none."""


async def entries(app: FastAPI, client: Client) -> list[dict[str, Any]]:
    return await sql(app, "SELECT * FROM audit_log WHERE user_id = :id ORDER BY id", id=client.user_id)


async def run(app: FastAPI, statements: Sequence[str], **values: Any) -> None:
    """Statements in one transaction, which commits."""
    async with app.state.database.begin() as session:
        for statement in statements:
            await session.exec(text(statement).bindparams(**values) if ":id" in statement else text(statement))


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_entry_can_neither_be_changed_nor_removed(app: FastAPI, owner: Client, attack: str) -> None:
    await owner.post("/api/v1/auth/logout")
    before = await entries(app, owner)

    with pytest.raises(DBAPIError) as refused:
        await run(app, ATTACKS[attack], id=owner.user_id)

    assert isinstance(driver_error(refused.value), asyncpg.RestrictViolationError)
    assert [entry["event"] for entry in before] == ["session.closed"]
    assert await entries(app, owner) == before


async def test_no_function_of_ours_looks_where_its_caller_says(app: FastAPI) -> None:
    assert await sql(app, OPEN_TO_OTHERS) == []


async def test_the_entries_of_an_account_go_with_it(app: FastAPI, owner: Client) -> None:
    await owner.post("/api/v1/auth/logout")

    await sql(app, "DELETE FROM users WHERE id = :id", id=owner.user_id)

    assert await entries(app, owner) == []


async def test_a_role_that_does_not_own_the_tables_serves_and_cannot_switch_the_triggers_off(
    stage_url: str, tmp_path: Path
) -> None:
    role = f"writer_{uuid4().hex}"
    rights = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    await execute(stage_url, f"CREATE ROLE {role}; {rights}")
    try:
        as_writer = settings_for(f"{stage_url}&options=-c%20role%3D{role}")
        async with running(as_writer, tmp_path / "log") as app, client_for(app) as client:
            await sign_up(app, client)
            answered(await client.post(TASKS, json={"title": "Water the plants", "due_date": "2027-03-01"}), 201)
            assert (await client.post("/api/v1/auth/logout")).status_code == 204
            before = await entries(app, client)
            for statement in (*OWNERS, DELETE):
                with pytest.raises(DBAPIError) as refused:
                    await run(app, [statement], id=client.user_id)
                assert isinstance(driver_error(refused.value), REFUSALS)

            assert (await entries(app, client), len(before)) == (before, 1)
    finally:
        await execute(stage_url, f"DROP OWNED BY {role}; DROP ROLE {role}")
