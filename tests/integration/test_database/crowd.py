"""100,000 users in a database, two of them with 100,000 tasks; and applications that tell its plans."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from fastapi import FastAPI
from sqlalchemy import text

from backend.domain.pagination import Position, encode_cursor
from backend.services.sessions import open_session
from tests.factories.applications import running, settings_for
from tests.factories.clients import PASSWORD_HASH, Client, carry, client_for, give_links
from tests.factories.databases import clone, execute, named
from tests.factories.plans import explaining
from tests.integration.test_database.stage import Connection, connected

MODES = ("force_custom_plan", "force_generic_plan")
"""PostgreSQL plans what the driver prepared for the values at hand, or once for all. It may do either."""

OWNERS: Mapping[str, UUID] = {"few completed": UUID(int=1), "few open": UUID(int=2)}
"""Those with many tasks: of one hardly any is completed, of the other most."""

CROWD = "crowd"
"""The name of the database that the others are copies of."""

# Checking each row's foreign keys would take longer than writing the rows.
UNCHECKED = "SET session_replication_role = replica"
USERS = """
    WITH ids AS (SELECT unnest($1::uuid[]) AS id UNION ALL SELECT uuidv7() FROM generate_series(1, 100000)),
    users AS (
        INSERT INTO users (id, email, name, password_hash)
        SELECT id, id || '@example.com', 'Ada', $2 FROM ids RETURNING id
    ),
    counted AS (INSERT INTO revisions (user_id, revision) SELECT id, 100000 FROM users),
    written AS (
        INSERT INTO tasks (user_id, id, revision, title, position)
        SELECT id, uuidv7(), 1, 'Water the plants', 'a1' FROM users WHERE get_byte(uuid_send(id), 15) < 128
    ),
    known AS (
        INSERT INTO identities (user_id, id, issuer, subject) SELECT id, uuidv7(), 'https://example.com', id FROM users
    ),
    audited AS (INSERT INTO audit_log (user_id, id, event) SELECT id, uuidv7(), 'session.opened' FROM users)
    INSERT INTO sessions (user_id, id, family_key, token_hash, idle_expires_at, expires_at)
    SELECT id, uuidv7(), '\\x00', '\\x00', now(), now() FROM users
"""
TOKENS = """
    INSERT INTO access_tokens (user_id, id, name, token_hash, scope, expires_at)
    SELECT id, uuidv7(), 'Backup', sha256(id::text::bytea), 'tasks:read', now() + interval '90 days' FROM users
"""
TASKS_OF = """
    INSERT INTO tasks (user_id, id, revision, title, position, created_at, updated_at, completed_at, deleted_at,
                       priority, labels, project_id, due_date, due_time, overdue_at)
    SELECT $1, uuidv7(), number,
           (ARRAY['Water the plants', 'Buy bread', 'Call Ada', 'Pay rent'])[number % 4 + 1] || ' ' || number
           || CASE WHEN number % 5000 = 7 THEN ' xylophone' ELSE '' END,
           'l' || lpad(to_hex(number), 12, '0'),
           now() - number * interval '1 minute', now() - number * interval '1 minute',
           CASE WHEN (number % 8334 = 1) = $2 THEN now() END, CASE WHEN number = 50 THEN now() END,
           CASE WHEN number % 50 = 0 THEN 'high' WHEN number % 25000 = 11 THEN 'medium'
                WHEN number % 10 = 1 THEN 'low' ELSE 'none' END,
           CASE WHEN number % 1000 = 3 THEN ARRAY['Rare'] WHEN number % 4 = 1 THEN ARRAY['common'] ELSE '{}' END,
           CASE WHEN number % 500 = 5 THEN $3::uuid WHEN number % 3 = 1 THEN $4::uuid END,
           due, CASE WHEN number % 6 = 0 THEN '09:00'::time END,
           CASE WHEN number % 6 = 0 THEN due + '09:00'::time ELSE due + 1 END AT TIME ZONE 'UTC'
    FROM generate_series(1, 100000) AS number,
         LATERAL (SELECT CASE WHEN number % 3 = 0 THEN current_date + number % 2000 - 1000 END AS due) AS dated
"""
SUBTASKS_OF = """
    UPDATE tasks SET parent_id = (SELECT id FROM tasks WHERE user_id = $1 AND revision = 2)
    WHERE user_id = $1 AND revision % 5000 = 9
"""
KNOWN_OF = """
    WITH made AS (
        INSERT INTO labels (user_id, id, revision, name, position)
        SELECT $1, uuidv7(), 1, name, name FROM unnest(ARRAY['Rare', 'common']) AS name
    ), kept AS (
        INSERT INTO filters (user_id, id, revision, name, query, position)
        VALUES ($1, $2, 1, 'Soon', 'due >= today & due < 3d & !completed', 'soon')
    )
    INSERT INTO projects (user_id, id, revision, name, position)
    VALUES ($1, $2, 1, 'Few', 'few'), ($1, $3, 1, 'Many', 'many')
"""
SMALL_PROJECT, LARGE_PROJECT = UUID(int=3), UUID(int=4)
"""The ids of a project with 200 tasks, which is a saved filter's id too, and of one with 33,000."""

INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = 'tasks'::regclass AND NOT indisunique
"""
OCCURRENCES = """
    INSERT INTO task_occurrences (user_id, id, revision, task_id, due_date, completed_at, previous, created_at)
    SELECT user_id, uuidv7(), 1, id, '2027-03-01', created_at, '{}', created_at FROM tasks
"""
SESSIONS_OF = """
    INSERT INTO sessions (user_id, id, family_key, token_hash, idle_expires_at, expires_at, revoked_at)
    SELECT $1, uuidv7(), '\\x00', '\\x00', now(), now(), now() FROM generate_series(1, 100000)
"""
AUDITED = """
    INSERT INTO audit_log (user_id, id, event, created_at)
    SELECT $1, uuidv7(), 'session.opened', now() - number * interval '1 minute'
    FROM generate_series(1, 100000) AS number
"""
NAMED: Mapping[str, Mapping[str, str]] = {
    "labels": {},
    "projects": {"archived": "number % 4000 = 1"},
    "filters": {"query": "'overdue'"},
}
"""Tables of things with a name and a place, and what else is in every row of theirs."""

MAILS = """
    INSERT INTO mails (id, place, purpose, address, user_id, caller, next_attempt_at)
    OVERRIDING SYSTEM VALUE
    SELECT uuidv7(), 10000 + number, 'reset_password', number || '@example.org', NULL, '{}', now() + interval '1 hour'
    FROM generate_series(1, 100000) AS number
"""
ONE_TIME_TOKENS = """
    INSERT INTO one_time_tokens (user_id, purpose, token_hash, email, expires_at)
    SELECT id, 'reset_password', sha256(uuid_send(id)), email, now() FROM users
"""
FEEDS = """
    INSERT INTO feeds (user_id, id, name, secret_hash) SELECT id, uuidv7(), 'Phone', sha256(uuid_send(id)) FROM users
"""
REVOCATIONS = """
    INSERT INTO revocations
    SELECT uuidv7(), now() - interval '1 hour' - number * interval '10 ms' FROM generate_series(1, 100000) AS number
"""
"""Too old to be read, and yet to be forgotten."""

LIMITS = """
    INSERT INTO rate_limits (key, count, expires_at)
    SELECT 'tries:' || uuidv7(), 1, now() + number * interval '1 second' FROM generate_series(1, 100000) AS number
"""
TRASHED_TASK = UUID("0192f3c1-0000-7000-8000-000000000000")
"""Is in the trash of those with many tasks."""

AFRESH = (
    "UPDATE sessions SET revoked_at = now() WHERE user_id = :user_id AND revoked_at IS NULL",
    "DELETE FROM one_time_tokens WHERE user_id = :user_id",
    "DELETE FROM labels WHERE user_id = :user_id AND (lower(name) LIKE 'spring%' OR name IN ('garden', 'pets'))",
    # As the request to change the profile has it: it would write a third of their tasks otherwise.
    "UPDATE users SET time_zone = 'Europe/Berlin' WHERE id = :user_id AND time_zone <> 'Europe/Berlin'",
    f"""
    INSERT INTO tasks (user_id, id, revision, title, position, deleted_at)
    VALUES (:user_id, '{TRASHED_TASK}', 1, 'Buy bread', 'trashed', now())
    ON CONFLICT (user_id, id) DO NOTHING
    """,
    """
    INSERT INTO access_tokens (user_id, id, name, token_hash, scope, expires_at)
    SELECT id, uuidv7(), 'Backup', sha256(id::text::bytea), 'tasks:read', now() + interval '90 days'
    FROM users WHERE id = :user_id
    ON CONFLICT (token_hash) DO NOTHING
    """,
)
"""Has an account as it was, whatever those left who had it in tests before."""

SOME = "SELECT id FROM tasks WHERE user_id = $1 AND deleted_at IS NULL ORDER BY created_at OFFSET 100 LIMIT 1"
NAMED_ONE = "SELECT id FROM {} WHERE user_id = $1 ORDER BY created_at OFFSET 100 LIMIT 1"
MIDDLE = """
    SELECT created_at, id FROM tasks WHERE user_id = $1 AND deleted_at IS NULL
    ORDER BY created_at DESC, id DESC OFFSET 50000 LIMIT 1
"""


def token_hash(owner: UUID) -> bytes:
    """The hash of their personal access token."""
    return sha256(str(owner).encode()).digest()


def named_rows(table: str, others: Mapping[str, str]) -> str:
    """The SQL that gives 40,000 rows to each of those with many tasks, and one to every other user."""
    values = {
        "user_id": "id",
        "id": "uuidv7()",
        "revision": "number",
        "name": "'garden ' || number",
        "position": "'l' || lpad(to_hex(number), 12, '0')",
        "created_at": "now() - number * interval '1 minute'",
        **others,
    }
    return f"""
        INSERT INTO {table} ({", ".join(values)}) SELECT {", ".join(values.values())}
        FROM users CROSS JOIN generate_series(1, CASE WHEN id = ANY ($1::uuid[]) THEN 40000 ELSE 1 END) AS number
    """


async def crowded(server_url: str) -> str:
    """A database of the crowd; gives its URL. The first worker gathers it, and each has a copy."""
    copy = f"test_{uuid4().hex}"
    async with connected(server_url) as server:
        await server.execute("SELECT pg_advisory_lock(1)")
        if not await server.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", CROWD):
            url = await clone(server_url)
            await fill(url)
            await server.execute(f"ALTER DATABASE {urlsplit(url).path[1:]} RENAME TO {CROWD}")
        await server.execute(f"CREATE DATABASE {copy} TEMPLATE {CROWD} STRATEGY FILE_COPY")
    return named(server_url, copy)


async def fill(url: str) -> None:
    async with connected(url) as one, connected(url) as other:
        # To build them at the end takes a fifth of the time.
        indexes = await one.fetch(INDEXES)
        for name, _ in indexes:
            await one.execute(f"DROP INDEX {name}")
        for connection in (one, other):
            await connection.execute(UNCHECKED)
        await one.execute(USERS, list(OWNERS.values()), PASSWORD_HASH)
        await asyncio.gather(fill_tasks(one), fill_others(other))
        for _, definition in indexes:
            await one.execute(definition)
        # As autovacuum leaves it: what is only counted needs no look at its row.
        await one.execute("VACUUM ANALYZE")


async def fill_tasks(connection: Connection) -> None:
    for case, owner in OWNERS.items():
        await connection.execute(KNOWN_OF, owner, SMALL_PROJECT, LARGE_PROJECT)
        await connection.execute(TASKS_OF, owner, case == "few completed", SMALL_PROJECT, LARGE_PROJECT)
        await connection.execute(SUBTASKS_OF, owner)
    await connection.execute(OCCURRENCES)
    await connection.execute(SESSIONS_OF, OWNERS["few open"])
    await connection.execute(AUDITED, OWNERS["few open"])


async def fill_others(connection: Connection) -> None:
    for table, others in NAMED.items():
        await connection.execute(named_rows(table, others), list(OWNERS.values()))
    for statement in (REVOCATIONS, TOKENS, FEEDS, LIMITS, MAILS, ONE_TIME_TOKENS):
        await connection.execute(statement)


@dataclass(frozen=True, slots=True)
class Member:
    """One of those with many tasks, signed in."""

    client: Client
    places: "Places"


@dataclass(frozen=True, slots=True)
class Places:
    """Of one with many tasks: one of these, a project, a label, a filter, and a cursor half-way down their list."""

    task_id: UUID
    project_id: UUID
    label_id: UUID
    filter_id: UUID
    cursor: str

    @classmethod
    async def of(cls, connection: Connection, owner: UUID) -> "Places":
        row = await connection.fetchrow(MIDDLE, owner)
        assert row is not None
        cursor = encode_cursor(Position(row["created_at"], row["id"]))
        queries = [SOME, *(NAMED_ONE.format(table) for table in ("projects", "labels", "filters"))]
        task, project, label, saved = [await connection.fetchval(query, owner) for query in queries]
        return cls(task, project, label, saved, cursor)


@dataclass(frozen=True, slots=True)
class Crowd:
    """The database, and for each mode of planning an application on it."""

    url: str
    applications: Mapping[str, FastAPI]
    places: Mapping[str, Places]

    @classmethod
    @asynccontextmanager
    async def gathered(cls, server_url: str, logs: Path) -> AsyncIterator["Crowd"]:
        url = await crowded(server_url)
        async with AsyncExitStack() as stack:
            async with connected(url) as connection:
                places = {case: await Places.of(connection, owner) for case, owner in OWNERS.items()}
            starting = {
                mode: running(settings_for(explaining(url, mode)), logs / mode, embedded=True) for mode in MODES
            }
            applications = {mode: await stack.enter_async_context(start) for mode, start in starting.items()}
            for app in applications.values():
                # What is asked for is mailed by nobody: the statements of the requests are not alone otherwise.
                await app.state.mail.stop()
            yield cls(url, applications, places)

    @asynccontextmanager
    async def member(self, mode: str, case: str) -> AsyncIterator[Member]:
        """Somebody with many tasks, on connections that are open already: opening one takes statements of its own."""
        app = self.applications[mode]
        async with client_for(app) as client:
            client.user_id, client.email = OWNERS[case], f"{uuid4().hex}@example.com"
            # Each time another, of which what is registered in its name is new.
            await execute(self.url, f"UPDATE users SET email = '{client.email}' WHERE id = '{client.user_id}'")
            async with app.state.database.begin() as session:
                for statement in AFRESH:
                    await session.exec(text(statement), params={"user_id": client.user_id})
                token = open_session(session, client.user_id, None)
                give_links(client, session)
            carry(client, token)
            for path in ("/api/v1/users/me", "/api/v1/users/me/tasks?limit=1"):
                assert (await client.get(path)).status_code == 200
            yield Member(client, self.places[case])
