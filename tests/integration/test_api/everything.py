"""Something of somebody's in every table that can have it, and where in the whole database anything of it is."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from tests.factories.clients import Client
from tests.integration.test_api.answers import ME, TASKS, answered, sql

HERE = "tests/integration/test_api/everything.py"

NOBODYS = {"alembic_version", "rate_limits", "revocations"}
"""Tables whose rows name nobody: what stays of a user in them for a while, docs/operations.md tells."""

SECRET = {
    ("users", "password_hash"),
    ("sessions", "family_key"),
    ("sessions", "token_hash"),
    ("sessions", "parent_hash"),
    ("access_tokens", "token_hash"),
    ("feeds", "secret_hash"),
    ("one_time_tokens", "token_hash"),
}
"""Columns that nobody is given, not even whose they are."""

_TABLES = """
    SELECT oid::regclass::text AS name FROM pg_class
    WHERE relkind IN ('r', 'p', 'm', 'f') AND relpersistence <> 't'
      AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
"""


def _post(path: str, **body: Any) -> Callable[[Client], Awaitable[Any]]:
    async def post(client: Client) -> Any:
        named = {
            name: value.format(mark=client.mark) if isinstance(value, str) else value for name, value in body.items()
        }
        return answered(await client.post(path, json=named), 201)

    return post


def _sql(statement: str) -> Callable[[Client], Awaitable[Any]]:
    async def run(client: Client) -> Any:
        return await sql(client.app, statement, id=client.user_id, mark=client.mark)

    return run


async def _done(client: Client) -> None:
    recurring = {"title": f"Fish {client.mark}", "due_date": "2027-03-01", "recurrence": {"rule": "FREQ=DAILY"}}
    task = answered(await client.post(TASKS, json=recurring), 201)
    answered(await client.patch(f"{TASKS}/{task['id']}/complete"))


FILLING: Mapping[str, Callable[[Client], Awaitable[Any]]] = {
    "projects": _post(f"{ME}/projects", name="Home {mark}"),
    "labels": _post(f"{ME}/labels", name="garden {mark}"),
    "filters": _post(f"{ME}/filters", name="Soon {mark}", query='title ~ "{mark}"'),
    "tasks": _post(TASKS, title="Water {mark}", description="The plants {mark}", due_date="2027-03-01"),
    "task_occurrences": _done,
    "feeds": _post(f"{ME}/feeds", name="Phone {mark}"),
    "access_tokens": _post("/api/v1/auth/tokens", name="Backup {mark}", scopes=["tasks:read"]),
    # Nobody has both a password and an identity, and a mail is not long in coming.
    "identities": _sql(
        "INSERT INTO identities (user_id, id, issuer, subject) VALUES (:id, uuidv7(), 'https://x', :mark)"
    ),
    "mails": _sql(
        "INSERT INTO mails (id, purpose, address, user_id, caller, next_attempt_at)"
        " VALUES (uuidv7(), 'email_changed', :mark, :id, '{}', now() + interval '1 hour')"
    ),
}
"""What fills the tables that signing up leaves empty."""


async def fill(client: Client) -> Mapping[str, Any]:
    """Let there be something of the client's in every table, with their mark in all that anybody writes."""
    return {name: await make(client) for name, make in FILLING.items()}


async def tables(app: FastAPI) -> set[str]:
    """Every table of the database that is not PostgreSQL's own, whatever the models know of."""
    return {row["name"] for row in await sql(app, _TABLES)}


async def rows_of(app: FastAPI, user_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """All rows of a user as the database has them, table by table. A table without any fails the test."""
    found = {}
    for name in sorted(await tables(app) - NOBODYS):
        owner = "id" if name == "users" else "user_id"
        rows = await sql(app, f"SELECT to_jsonb(row) AS row FROM {name} AS row WHERE {owner} = :id", id=user_id)
        assert rows, f"Say in FILLING in {HERE} how something of somebody's comes into {name}"
        found[name] = [row["row"] for row in rows]
    return found


async def places_of(app: FastAPI, needle: str) -> set[str]:
    """The tables of the whole database, ours or not, that have a row with this text in it."""
    looking = (
        f"SELECT '{name}' AS name WHERE EXISTS (SELECT FROM {name} AS row WHERE to_jsonb(row)::text LIKE :needle)"
        for name in await tables(app)
    )
    return {row["name"] for row in await sql(app, " UNION ALL ".join(looking), needle=f"%{needle}%")}
