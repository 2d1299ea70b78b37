"""The plan of every statement that any route sends, among 100,000 users and for those with 100,000 tasks.

Applications run on a database that tells the plans as they are carried out: with the values that the driver sends,
and with the statements that PostgreSQL runs for a foreign key.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from statistics import median
from typing import Any

import pytest
from sqlalchemy import text

from backend.database.migrate import APPLIED
from backend.services.access_tokens import FIND, USE_NOTED_AFTER
from backend.services.letters import Letter, Letters
from backend.services.mail_sender import MailSender
from backend.services.maintenance import OVER_KEPT_FOR, walks
from backend.services.outbox import Outbox
from backend.services.owned import LOCK_OWNER
from backend.services.revocations import PURGE, RECENT, RETENTION
from backend.services.users import DUE_ELSEWHERE
from tests.factories.plans import Plan, explained, explaining
from tests.factories.queries import CountQueries
from tests.integration.test_architecture.operations import APP, OPERATIONS, Operation, ids_of, request_of
from tests.integration.test_database.crowd import MODES, OWNERS, Crowd, Member, token_hash
from tests.integration.test_database.stage import LIMIT, TASKS, connected
from tests.integration.test_database.statements import (
    BESIDES,
    ELSEWHERE,
    EXPORTS,
    HERE,
    LEAVING,
    MAILING,
    MAINTAINING,
    STATEMENTS,
    WHOLE,
)
from tests.integration.test_database.variants import VARIANTS, Variant
from tests.integration.test_docs.documents import ROOT, table_after

ROWS = 21
EXAMINED = 3 * ROWS
"""Rows that a statement may look at: those that it answers, and few besides."""
BLOCKS = 250
"""Blocks that it may touch; a write touches those of a dozen indexes. To walk the owner's part of an index and find
little there would take over a thousand."""
FORGOT = "/api/v1/auth/password/forgot"

ONE_ROW = {"alembic_version"}
"""Tables that never have more."""

LOGGED = 2_500
"""Bytes of write-ahead log that a create may add, besides those of pages that are logged in full."""

OTHER = "SELECT user_id FROM tasks WHERE user_id <> ALL(CAST(:owners AS uuid[])) LIMIT 1"
DUE = "UPDATE tasks SET due_date = '2027-03-01' WHERE user_id = :owner"

SMALL = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND reltuples < 100000 AND relname <> ALL ($1)
"""
INDEXES = """
    SELECT indexrelid::regclass::text FROM pg_index
    WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) AND NOT indisunique
"""
UNSERVED = """
    SELECT conname FROM pg_constraint
    WHERE contype = 'f' AND NOT EXISTS (
        SELECT FROM pg_index
        WHERE indrelid = conrelid AND indpred IS NULL
          AND (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey
    )
"""
SOMEBODY = """
    SELECT user_id FROM sessions JOIN tasks USING (user_id) JOIN revisions USING (user_id)
    WHERE user_id <> ALL ($1::uuid[]) LIMIT 1
"""


# Not for the whole session: while its applications run, the log is theirs.
@pytest.fixture(scope="module")
async def crowd(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowd]:
    async with Crowd.gathered(server_url, tmp_path_factory.mktemp("crowd")) as crowd:
        yield crowd


async def requests(
    operation: Operation, member: Member
) -> AsyncIterator[tuple[Variant, Mapping[str, Any], Mapping[str, Any]]]:
    """Of each request to the operation, what its path names and what else is sent."""
    if operation.name not in LEAVING:
        ids: Mapping[str, Any] = await ids_of(member.client, operation)
        yield Variant(None), ids, request_of(operation, member.client, ids)
    for variant in VARIANTS.get(operation.name, ()):
        ids = variant.ids(member) if variant.ids else await ids_of(member.client, operation)
        yield variant, ids, variant.request(member)


def assert_served(plan: Plan, *, whole: bool = False, sorting: bool = False) -> None:
    """An index leads to the rows of every table, and to little else unless the whole is wanted; none is sorted."""
    told = f"{plan.sql}\n{plan.root}"
    assert whole or sorting or not plan.kinds() & {"Sort", "Incremental Sort"}, told
    read = [node for node in plan.scans() if node["Relation Name"] not in ONE_ROW]
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}, told
    assert whole or plan.examined() <= EXAMINED, told
    assert whole or plan.blocks() <= BLOCKS, told


async def test_every_table_is_large(crowd: Crowd) -> None:
    async with connected(crowd.url) as connection:
        small = [row[0] for row in await connection.fetch(SMALL, list(ONE_ROW))]

    assert small == [], "Fill these in tests/integration/test_database/crowd.py: plans for an empty table tell nothing"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_an_index_serves_every_statement_of_an_operation(
    crowd: Crowd, operation: Operation, mode: str, count_queries: CountQueries
) -> None:
    found = set()
    for case in islice(OWNERS, 1 if operation.name in EXPORTS else None):
        async with crowd.member(mode, case) as member:
            async for variant, ids, sent in requests(operation, member):
                path = operation.path.format(user_id="me", **ids)
                with explained() as plans, count_queries() as queries:
                    reply = await member.client.request(operation.method, path, **sent)
                assert reply.is_success if variant.status is None else reply.status_code == variant.status, reply.text
                assert {plan.sql for plan in plans} >= set(queries)
                for plan in plans:
                    assert_served(plan, whole=operation.name in WHOLE or variant.finds)
                found |= {plan.summary() for plan in plans if plan.sql not in (RECENT.sql, PURGE.sql, APPLIED)}

    advice = f'If these are right, STATEMENTS in {HERE} says "{operation.name}": {sorted(found)}'
    assert STATEMENTS.get(operation.name, set()) == found, advice


@pytest.mark.parametrize("mode", MODES)
async def test_an_index_serves_what_is_asked_besides(crowd: Crowd, mode: str) -> None:
    fast = crowd.applications[mode].state.database.fast
    token = {"token_hash": token_hash(OWNERS["few open"]), "noted_after": USE_NOTED_AFTER}
    async with crowd.member(mode, "few open"):
        with explained() as plans:
            await fast.fetch(RECENT, {"within": timedelta(seconds=22)})
            await fast.fetch(PURGE, {"within": 2 * RETENTION})
            await fast.run(APPLIED)
            assert await fast.fetch(FIND, token)

    assert {plan.summary() for plan in plans} == BESIDES
    for plan in plans:
        assert_served(plan)


@pytest.mark.parametrize("mode", MODES)
async def test_an_index_serves_the_sender_of_mail(crowd: Crowd, mode: str) -> None:
    sent = asyncio.Queue[Letter]()
    async with crowd.member(mode, "few open") as member:
        await member.client.post(FORGOT, json={"email": member.client.email})
        sender = MailSender(crowd.applications[mode].state.database, Outbox(configured=True), Letters(""), sent.put)
        with explained() as plans:
            sender.start()
            async with asyncio.timeout(LIMIT):
                while (await sent.get()).to != member.client.email:
                    pass
            await sender.stop()

    assert {plan.summary() for plan in plans} >= MAILING
    for plan in plans:
        assert_served(plan)


@pytest.mark.parametrize("mode", MODES)
async def test_an_index_serves_a_change_of_time_zone(crowd: Crowd, mode: str) -> None:
    async with crowd.applications[mode].state.database.begin() as session:
        somebody = await session.scalar(text(OTHER), {"owners": list(OWNERS.values())})
        await session.exec(text(DUE), params={"owner": somebody})
        with explained() as plans:
            await session.scalar(LOCK_OWNER, params={"owner": somebody})
            await session.exec(DUE_ELSEWHERE, params={"owner": somebody})

    assert {plan.summary() for plan in plans} == ELSEWHERE
    for plan in plans:
        assert_served(plan)


@pytest.mark.parametrize("mode", MODES)
async def test_an_index_serves_maintenance(crowd: Crowd, mode: str) -> None:
    fast = crowd.applications[mode].state.database.fast
    async with crowd.member(mode, "few open") as member:
        for walk in walks(ROWS - 1):
            kept_for = timedelta(0) if walk.trash else OVER_KEPT_FOR
            for place in (walk.first, {**walk.first, "after_user_id": member.client.user_id}):
                with explained() as plans:
                    await fast.fetch(walk.statement, {"kept_for": kept_for, **place})
                assert {plan.summary() for plan in plans} <= MAINTAINING
                for plan in plans:
                    assert_served(plan, sorting=True)


def test_statements_are_of_routes_that_there_are() -> None:
    names = {operation.name for operation in OPERATIONS}
    assert STATEMENTS.keys() | VARIANTS.keys() <= names


@pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if str(operation.path).startswith("/api/")], ids=str
)
async def test_whatever_a_request_may_say_is_said(crowd: Crowd, operation: Operation) -> None:
    async with crowd.member(MODES[0], "few open") as member:
        sent = [parts async for _, _, parts in requests(operation, member)]
    document = APP.openapi()["paths"][operation.path][operation.method.lower()]

    said = {name for parts in sent for kind in ("params", "json", "data", "files") for name in parts.get(kind, ())}

    assert set(may_say(document)) <= said, "Add a request to VARIANTS in tests/integration/test_database/variants.py"


def may_say(operation: Mapping[str, Any]) -> Iterator[str]:
    """The parameters of the query and the fields of the body."""
    yield from (parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query")
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        while "$ref" in schema:
            schema = APP.openapi()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        yield from schema.get("properties", ())


async def test_every_index_that_holds_no_rule_serves_a_statement(crowd: Crowd) -> None:
    async with connected(crowd.url) as connection:
        indexes = {row[0] for row in await connection.fetch(INDEXES)}

    used = {
        name
        for does in (*STATEMENTS.values(), BESIDES, ELSEWHERE, MAILING, MAINTAINING)
        for one in does
        for name in one.partition(": ")[2].split(", ")
    }

    assert indexes
    assert indexes - used == set(), "Nothing uses these, and every write pays for them"


@pytest.mark.parametrize("mode", MODES)
async def test_an_index_serves_what_goes_with_a_user(crowd: Crowd, mode: str) -> None:
    async with connected(explaining(crowd.url, mode)) as connection:
        assert await connection.fetch(UNSERVED) == []
        somebody = await connection.fetchval(SOMEBODY, list(OWNERS.values()))
        with explained() as plans:
            await connection.execute("DELETE FROM users WHERE id = $1", somebody)

    assert {plan.summary().partition(":")[0] for plan in plans} == {
        "delete users",
        "delete access_tokens",
        "delete audit_log",
        "delete feeds",
        "delete filters",
        "delete identities",
        "delete labels",
        "delete mails",
        "delete one_time_tokens",
        "delete projects",
        "delete task_occurrences",
        "update projects",
        "update tasks",
        "select users",
        "delete revisions",
        "delete sessions",
        "delete tasks",
    }
    for plan in plans:
        assert_served(plan)


async def test_a_create_logs_little(crowd: Crowd) -> None:
    async with crowd.member(MODES[0], "few open") as member:
        logged = []
        for number in range(20):
            with explained() as plans:
                await member.client.post(TASKS, json={"title": f"Water plant {number}", "due_date": "2027-03-01"})
            if all(plan.is_clean() for plan in plans):
                logged.append(sum(plan.logged() for plan in plans))

    # Of many, since one may split a page of an index.
    assert median(logged) <= LOGGED, logged


def test_the_document_lists_every_statement() -> None:
    rows = [[f"`{name}`", "<br>".join(f"`{one}`" for one in sorted(does))] for name, does in STATEMENTS.items()]
    table = "\n".join(f"| {name} | {does} |" for name, does in rows)

    assert table_after("## Statements", ROOT / "docs/performance.md") == rows, f"It should say:\n{table}"
