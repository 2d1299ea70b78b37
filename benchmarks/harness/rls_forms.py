"""Setting the owner in the very statement that needs it: which forms work, and that the setting stays with its owner.

PostgreSQL compares the owner's parameter with the setting once, before it looks at the table. So what counts is
whether `set_config` has been called by then, which no form promises in which the one does not depend on the other.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from backend.database.fast_lane import Connection
from benchmarks.harness import dataset
from benchmarks.harness.rls_database import ROLE, as_role, connected, fenced, pooler
from benchmarks.harness.rls_lanes import SET

SET_OWNER = "set_config('donewell.user_id', $1::text, true)"
ME = f"WITH me AS MATERIALIZED (SELECT {SET_OWNER}::uuid AS owner)"
BUMP = "UPDATE revisions SET revision = revision + 1"
CHANGE = "UPDATE tasks SET title = 'changed', revision = n.revision"
FORMS = {
    "read, set_config as a condition": "SELECT id FROM tasks"
    f" WHERE user_id = $1::uuid AND id = $2 AND {SET_OWNER} <> ''",
    "read, compared with a subquery": f"{ME} SELECT id FROM tasks WHERE user_id = (SELECT owner FROM me) AND id = $2",
    "read, joined to a CTE": f"{ME} SELECT id FROM tasks, me WHERE user_id = me.owner AND id = $2",
    "read, LATERAL to a CTE": f"{ME} SELECT mine.id FROM me CROSS JOIN LATERAL"
    " (SELECT id FROM tasks WHERE user_id = me.owner AND id = $2 OFFSET 0) AS mine",
    "write, compared with a subquery": f"{ME}, n AS ({BUMP} WHERE user_id = (SELECT owner FROM me) RETURNING revision)"
    f" {CHANGE} FROM n WHERE user_id = (SELECT owner FROM me) AND id = $2 RETURNING id",
    "write, joined to a CTE": f"{ME}, n AS ({BUMP} FROM me WHERE user_id = me.owner RETURNING revision)"
    f" {CHANGE} FROM n, me WHERE user_id = me.owner AND id = $2 RETURNING id",
}
PLANS = ("auto", "force_generic_plan", "force_custom_plan")
OWNER, STRANGER = dataset.user_id(10), dataset.user_id(11)
REVISION = "SELECT revision FROM revisions WHERE user_id = $1"


@dataclass(frozen=True, slots=True)
class Form:
    """What a form did: rows that it gave of the one that there is, and revisions that it took."""

    name: str
    plan: str
    rows: int
    revisions: int


def tried() -> list[Form]:
    """Every form, with every kind of plan. Raises `AssertionError` when a setting outlasts its transaction."""
    with fenced() as database, pooler(database, ROLE, size=1) as (url, _):
        asyncio.run(kept_apart(as_role(database.url)))
        asyncio.run(kept_apart(url))
        return asyncio.run(_tried(as_role(database.url)))


def rows(forms: Sequence[Form]) -> list[Sequence[str]]:
    """A line for each form."""
    head = ("", *(f"{plan}: rows of 1, revisions" for plan in PLANS))
    names = dict.fromkeys(form.name for form in forms)
    return [
        head,
        *((name, *(f"{form.rows}, {form.revisions}" for form in forms if form.name == name)) for name in names),
    ]


async def _tried(url: str) -> list[Form]:
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        return [await _try(connection, name, plan) for name in FORMS for plan in PLANS]
    finally:
        await connection.close()


async def _try(connection: Connection, name: str, plan: str) -> Form:
    await connection.execute(f"SET plan_cache_mode = {plan}")
    task, sql = dataset.task_id(10, 1), FORMS[name]
    before = await _revision(connection)
    found = await connection.fetch(sql, str(OWNER), task)
    after = await _revision(connection)
    return Form(name, plan, len(found), after - before)


async def _revision(connection: Connection) -> int:
    async with connection.transaction():
        await connection.fetch(SET, str(OWNER))
        return int(await connection.fetchval(REVISION, OWNER))


async def kept_apart(url: str) -> None:
    """Hold every way out of a transaction to leaving nothing set, on a connection that others have next."""
    first, second = await connected(url), await connected(url)
    try:
        for ending in ("commit", "roll back", "fail", "break off"):
            await _end(first, ending)
            for connection in (first, second):
                assert await _seen(connection) == [], f"After {ending}, somebody else's rows are there"
        async with second.transaction():
            await second.fetch(SET, str(STRANGER))
            assert await _seen(second) == [STRANGER]
            # Without any condition, by their id, and by naming another as the owner.
            await _refused(second)
    finally:
        await first.close()
        await second.close()


async def _seen(connection: Connection) -> list[UUID]:
    rows = await connection.fetch("SELECT DISTINCT user_id FROM tasks")
    return [UUID(str(row["user_id"])) for row in rows]


async def _end(connection: Connection, ending: str) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetch(SET, str(OWNER))
    assert await _seen(connection) == [OWNER]
    if ending == "commit":
        await transaction.commit()
        return
    try:
        if ending == "fail":
            await connection.fetch("SELECT 1 / 0")
        elif ending == "break off":
            await connection.fetch("SELECT pg_sleep(5)", timeout=0.05)
    except (asyncpg.DivisionByZeroError, TimeoutError):
        pass
    await transaction.rollback()


async def _refused(connection: Connection) -> None:
    task = dataset.task_id(10, 1)
    for sql in (
        "UPDATE tasks SET title = 'theirs' WHERE user_id = $1 AND id = $2",
        "DELETE FROM tasks WHERE user_id = $1 AND id = $2",
    ):
        assert (await connection.execute(sql, OWNER, task)).endswith(" 0")
    for sql in (
        "INSERT INTO tasks (user_id, id, revision, title, position) VALUES ($1, $2, 1, 'theirs', 'a1')",
        "UPDATE tasks SET user_id = $1 WHERE id <> $2",
    ):
        try:
            async with connection.transaction():
                await connection.execute(sql, OWNER, UUID(int=1))
        except asyncpg.InsufficientPrivilegeError:
            continue
        raise AssertionError(f"Not refused: {sql}")
