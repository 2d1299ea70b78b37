"""The audit log is append-only for whoever can write SQL, and goes with the account alone."""

from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError

from backend.database.gate import driver_error
from tests.factories.clients import Client
from tests.integration.test_api.answers import sql

STATEMENTS = [
    "UPDATE audit_log SET event = 'nothing' WHERE user_id = :id",
    "DELETE FROM audit_log WHERE user_id = :id",
    "TRUNCATE audit_log",
]


async def entries(app: FastAPI, client: Client) -> list[dict[str, Any]]:
    return await sql(app, "SELECT * FROM audit_log WHERE user_id = :id ORDER BY id", id=client.user_id)


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_an_entry_can_neither_be_changed_nor_removed(app: FastAPI, owner: Client, statement: str) -> None:
    await owner.post("/api/v1/auth/logout")
    before = await entries(app, owner)

    with pytest.raises(DBAPIError) as refused:
        await sql(app, statement, **({"id": owner.user_id} if ":id" in statement else {}))

    assert isinstance(driver_error(refused.value), asyncpg.RestrictViolationError)
    assert [entry["event"] for entry in before] == ["session.closed"]
    assert await entries(app, owner) == before


async def test_the_entries_of_an_account_go_with_it(app: FastAPI, owner: Client) -> None:
    await owner.post("/api/v1/auth/logout")

    await sql(app, "DELETE FROM users WHERE id = :id", id=owner.user_id)

    assert await entries(app, owner) == []
