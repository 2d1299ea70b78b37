"""What is answered 2xx is committed, all or nothing; and of many writes at once none is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from uuid import uuid4

import httpx
import pytest
from uuid_utils.compat import uuid7

from tests.factories.clients import PASSWORD, Client
from tests.integration.test_database.stage import LANES, LIMIT, ME, TASKS, Stage, admitted, tasks_of

REGISTER = "/api/v1/auth/register"
TOKEN = "/api/v1/auth/token"

CSV = {"format": "csv"}

type Request = Callable[[Client], Awaitable[httpx.Response]]

WRITES: Mapping[str, tuple[str, Request]] = {
    "profile": ("users", lambda client: client.patch(ME, json={"name": "Grace"})),
    "register": (
        "users",
        lambda client: client.post(REGISTER, json={"email": f"2{client.email}", "name": "Eve", "password": PASSWORD}),
    ),
    "sign in": (
        "sessions",
        lambda client: client.post("/api/v1/auth/login", json={"email": client.email, "password": PASSWORD}),
    ),
    "refresh": (
        "sessions",
        lambda client: client.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": client.refresh_token}),
    ),
    "log out": ("sessions", lambda client: client.post("/api/v1/auth/logout")),
    "create": ("tasks", lambda client: client.post(TASKS, json={"title": "Water the plants"})),
    "import": (
        "tasks",
        lambda client: client.post(f"{ME}/import", files={"file": b"TYPE,CONTENT\ntask,Water the plants"}, params=CSV),
    ),
}
"""For each kind of write: the table in which its commit will fail, and the request."""

EVERYTHING = """
    SELECT (SELECT json_agg(u ORDER BY id) FROM users u)::text,
           (SELECT json_agg(r ORDER BY user_id) FROM revisions r)::text,
           (SELECT json_agg(s ORDER BY user_id, id) FROM sessions s)::text,
           (SELECT json_agg(t ORDER BY user_id, id) FROM tasks t)::text,
           (SELECT json_agg(a ORDER BY user_id, id) FROM audit_log a)::text
"""


@asynccontextmanager
async def refusing(stage: Stage, table: str, timing: str) -> AsyncIterator[None]:
    """Within, whatever is written to the table fails: at once, or when the transaction commits."""
    await stage.watcher.execute(f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by the test'; END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON {table} {timing}
        FOR EACH ROW EXECUTE FUNCTION refuse()
    """)
    try:
        yield
    finally:
        await stage.watcher.execute("DROP FUNCTION refuse CASCADE")


@pytest.mark.parametrize("timing", ["DEFERRABLE INITIALLY DEFERRED", "NOT DEFERRABLE"], ids=["commit", "statement"])
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_that_fails_is_never_answered_as_done(stage: Stage, write: str, timing: str) -> None:
    table, request = WRITES[write]
    async with stage.application(database_timeout=LIMIT) as (app, client):
        before = await stage.watcher.fetchrow(EVERYTHING)
        async with refusing(stage, table, timing):
            reply = await request(client)
        after = await stage.watcher.fetchrow(EVERYTHING)
        again = await request(client)

        assert app.state.database.checked_out() == 0
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert reply.headers["content-type"] == "application/problem+json"
    assert "refused by the test" not in reply.text
    assert after == before
    assert again.is_success, again.text
    assert [line["event"] for line in stage.failures()] == ["request.failed"]


@pytest.mark.parametrize("table", ["users", "revisions", "sessions"])
async def test_registering_makes_all_of_an_account_or_nothing(stage: Stage, table: str) -> None:
    account = {"email": f"{uuid4().hex}@example.com", "name": "Eve", "password": PASSWORD}
    async with stage.application(database_timeout=LIMIT) as (_, client):
        async with refusing(stage, table, ""):
            failed = await client.post(REGISTER, json=account)
        left = await stage.watcher.fetchval("SELECT count(*) FROM users WHERE email = $1", account["email"])
        registered = await client.post(REGISTER, json=account)
        token = registered.json()["access_token"]
        created = await client.post(TASKS, json={"title": "First"}, headers={"Authorization": f"Bearer {token}"})

    assert (failed.status_code, left) == (500, 0)
    assert (registered.status_code, created.status_code) == (201, 201)


async def test_an_address_registered_many_times_at_once_is_one_account(stage: Stage) -> None:
    name = uuid4().hex
    addresses = [f"{name}@example.com", f"{name.upper()}@example.com"] * 4
    async with stage.application(database_timeout=LIMIT) as (_, client):
        replies = await asyncio.gather(
            *(
                client.post(REGISTER, json={"email": address, "name": "Eve", "password": PASSWORD})
                for address in addresses
            )
        )
        counts = await stage.watcher.fetchrow(
            "SELECT (SELECT count(*) FROM users WHERE lower(email) = $1), (SELECT count(*) FROM users)"
            " - (SELECT count(*) FROM revisions)",
            f"{name}@example.com",
        )

    assert sorted(reply.status_code for reply in replies) == [201] + [409] * 7
    assert {reply.json()["code"] for reply in replies if reply.status_code == 409} == {"email_taken"}
    assert counts is not None
    assert tuple(counts) == (1, 0)


async def test_changes_of_many_tasks_at_once_are_all_made_and_ordered(stage: Stage) -> None:
    async with stage.application(database_timeout=LIMIT) as (app, client):
        created = await asyncio.gather(*(client.post(TASKS, json={"title": str(number)}) for number in range(50)))
        ids = [reply.json()["id"] for reply in created]
        changed = await asyncio.gather(
            *(client.patch(f"{TASKS}/{task}", json={"title": f"{task} changed"}) for task in ids)
        )
        listed = {task["id"]: task for task in (await client.get(TASKS, params={"limit": 200})).json()}
        revision = await stage.watcher.fetchval("SELECT revision FROM revisions WHERE user_id = $1", client.user_id)

        assert app.state.database.checked_out() == 0
    assert {reply.status_code for reply in created} == {201}
    assert {reply.status_code for reply in changed} == {200}
    assert sorted(reply.json()["version"] for reply in [*created, *changed]) == list(range(1, 101))
    assert revision == 100
    assert listed == {reply.json()["id"]: reply.json() for reply in changed}
    assert all(task["title"] == f"{task['id']} changed" for task in listed.values())


async def test_changes_of_one_task_at_once_are_made_one_after_the_other(stage: Stage) -> None:
    async with stage.application(database_timeout=LIMIT) as (_, client):
        address = f"{TASKS}/{(await client.post(TASKS, json={'title': 'new'})).json()['id']}"
        changed = await asyncio.gather(
            *(client.patch(address, json={"title": f"title {number}"}) for number in range(50))
        )
        final = (await client.get(address)).json()

    versions = sorted((reply.json() for reply in changed), key=lambda task: int(task["version"]))
    assert {reply.status_code for reply in changed} == {200}
    assert all(earlier["version"] < later["version"] for earlier, later in pairwise(versions))
    assert final == versions[-1]


@asynccontextmanager
async def together(stage: Stage, client: Client, number: int) -> AsyncIterator[None]:
    """So many requests that are sent within have all begun in the database before any of them can write."""
    async with stage.holding(LANES["fast lane"].lock, client.user_id):
        yield
        await stage.blocked(number)


async def test_changes_of_different_fields_at_once_both_survive(stage: Stage) -> None:
    async with stage.application(database_timeout=LIMIT) as (_, client):
        address = f"{TASKS}/{(await client.post(TASKS, json={'title': 'new'})).json()['id']}"
        changes: list[dict[str, object]] = [
            {"title": "changed"},
            {"description": "changed too"},
            {"priority": "high", "due_date": "2027-03-01"},
            {"completed": True},
        ]
        async with together(stage, client, len(changes)):
            requests = [asyncio.ensure_future(client.patch(address, json=change)) for change in changes]
        replies = await asyncio.gather(*requests)
        final = (await client.get(address)).json()

    assert [reply.status_code for reply in replies] == [200] * len(changes)
    assert final == final | {name: value for change in changes for name, value in change.items()}
    assert final["version"] == max(reply.json()["version"] for reply in replies)


async def test_of_changes_of_the_same_version_at_once_one_is_made(stage: Stage) -> None:
    async with stage.application(database_timeout=LIMIT) as (_, client):
        created = await client.post(TASKS, json={"title": "new"})
        address, seen = f"{TASKS}/{created.json()['id']}", {"If-Match": created.headers["etag"]}
        async with together(stage, client, 4):
            requests = [
                asyncio.ensure_future(client.patch(address, json={"title": f"title {number}"}, headers=seen))
                for number in range(4)
            ]
        replies = await asyncio.gather(*requests)
        final = (await client.get(address)).json()

    assert sorted(reply.status_code for reply in replies) == [200, 412, 412, 412]
    for reply in replies:
        assert (reply.json() if reply.status_code == 200 else reply.json()["current"]) == final


@pytest.mark.parametrize("number", [2, 5])
async def test_creates_of_one_id_at_once_make_one_task(stage: Stage, number: int) -> None:
    async with stage.application(database_timeout=LIMIT) as (_, client):
        task_id = str(uuid7())
        async with together(stage, client, number):
            requests = [
                asyncio.ensure_future(client.post(TASKS, json={"id": task_id, "title": f"title {attempt}"}))
                for attempt in range(number)
            ]
        replies = await asyncio.gather(*requests)
        count = await stage.watcher.fetchval(tasks_of(client.user_id))

    assert sorted(reply.status_code for reply in replies) == [200] * (number - 1) + [201]
    assert len({reply.content for reply in replies}) == 1
    assert count == 1


async def test_a_task_completed_by_many_at_once_is_completed_once(stage: Stage) -> None:
    async with stage.application(database_timeout=LIMIT) as (_, client):
        address = f"{TASKS}/{(await client.post(TASKS, json={'title': 'new'})).json()['id']}"
        async with together(stage, client, 4):
            requests = [asyncio.ensure_future(client.patch(f"{address}/complete")) for _ in range(4)]
        replies = await asyncio.gather(*requests)
        completed = [line for line in stage.logged() if line["event"] == "task.completed"]

    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.content for reply in replies}) == 1
    assert len(completed) == 1


async def test_a_task_deleted_by_many_at_once_is_deleted_once(stage: Stage) -> None:
    async with stage.application(database_timeout=LIMIT) as (_, client):
        address = f"{TASKS}/{(await client.post(TASKS, json={'title': 'new'})).json()['id']}"
        async with together(stage, client, 4):
            requests = [asyncio.ensure_future(client.delete(address)) for _ in range(4)]
        replies = await asyncio.gather(*requests)
        deleted = [line for line in stage.logged() if line["event"] == "task.deleted"]

    assert sorted(reply.status_code for reply in replies) == [204, 404, 404, 404]
    assert len(deleted) == 1


async def test_a_busy_user_holds_up_nobody_else(stage: Stage) -> None:
    async with (
        stage.application(database_pool_size=2, database_timeout=LIMIT) as (app, busy),
        stage.application(database_timeout=LIMIT) as (_, other),
    ):
        async with stage.holding(LANES["fast lane"].lock, busy.user_id):
            waiting = asyncio.ensure_future(busy.post(TASKS, json={"title": "waits"}))
            await admitted(app, 1)
            await stage.blocked(1)

            created = await other.post(TASKS, json={"title": "does not"})
            profile = await busy.patch(ME, json={"name": "Grace"})
            listed = await busy.get(TASKS)
        await waiting

    assert [created.status_code, profile.status_code, listed.status_code] == [201, 200, 200]
