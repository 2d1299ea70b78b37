"""Maintenance removes what is long over, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from backend.services import maintenance
from backend.services.maintenance import Maintenance, PeriodicMaintenance, walks
from backend.services.revocations import Revocations
from tests.factories.applications import running, settings_for
from tests.factories.clients import Client, client_for, sign_up
from tests.integration.test_api.answers import TASKS, answered, sql

RETENTION = timedelta(days=30)
TITLE = {"title": "Mow the lawn"}
RULE = {"due_date": "2027-03-01", "recurrence": {"rule": "FREQ=DAILY"}}


@pytest.fixture
async def app(own_database_url: str, tmp_path: Any) -> AsyncIterator[FastAPI]:
    """An application whose database no other test has: everybody's rows are looked at."""
    async with running(settings_for(own_database_url), tmp_path / "app.log") as app:
        yield app


@pytest.fixture
async def owner(app: FastAPI) -> AsyncIterator[Client]:
    async with client_for(app) as client:
        yield await sign_up(app, client)


async def trashed(app: FastAPI, client: Client, days: int, **fields: Any) -> str:
    """A task that has been in the trash for so many days; gives its id."""
    task = answered(await client.post(TASKS, json={"title": "Mow the lawn", **fields}), 201)
    assert (await client.delete(f"{TASKS}/{task['id']}")).status_code == 204
    await age(app, "tasks", days, id=UUID(task["id"]))
    return str(task["id"])


async def age(app: FastAPI, table: str, days: int, **which: Any) -> None:
    where = " AND ".join(f"{name} = :{name}" for name in which)
    await sql(app, f"UPDATE {table} SET deleted_at = now() - {days} * interval '1 day' WHERE {where}", **which)


async def ids(app: FastAPI, table: str) -> set[str]:
    return {str(row["id"]) for row in await sql(app, f"SELECT id FROM {table}")}


def maintenance_of(app: FastAPI) -> Maintenance:
    return Maintenance(app.state.database.fast, RETENTION)


async def test_what_has_been_in_the_trash_for_too_long_is_removed(app: FastAPI, owner: Client) -> None:
    live = answered(await owner.post(TASKS, json={"title": "Water the plants"}), 201)["id"]
    kept = await trashed(app, owner, 29)
    for _ in range(3):
        await trashed(app, owner, 31)

    assert await maintenance_of(app).run() == {"tasks": 3}

    assert await ids(app, "tasks") == {live, kept}
    assert await maintenance_of(app).run() == {}


async def test_every_kind_of_thing_in_the_trash_is_removed(app: FastAPI, owner: Client) -> None:
    user = owner.user_id
    for table, others in (
        ("projects", {"name": "'Home'"}),
        ("labels", {"name": "'garden'"}),
        ("filters", {"name": "'Soon'", "query": "'due < tomorrow'"}),
    ):
        for number, days in enumerate((0, 29, 31)):
            names, values = ", ".join(others), ", ".join(others.values())
            deleted = f"now() - {days} * interval '1 day'" if days else "NULL"
            await sql(
                app,
                f"INSERT INTO {table} (user_id, id, revision, position, deleted_at, {names})"
                f" VALUES (:user, uuidv7(), 1, :position, {deleted}, {values})",
                user=user,
                position=f"a{number}",
            )
    task = answered(await owner.post(TASKS, json={"title": "Feed the fish", **RULE}), 201)["id"]
    for days in (29, 31):
        before = await ids(app, "task_occurrences")
        await owner.patch(f"{TASKS}/{task}/complete")
        await owner.post(f"{TASKS}/{task}/undo")
        (undone,) = await ids(app, "task_occurrences") - before
        await age(app, "task_occurrences", days, id=UUID(undone))

    removed = await maintenance_of(app).run()

    assert removed == {"task_occurrences": 1, "projects": 1, "labels": 1, "filters": 1}
    assert {table: len(await ids(app, table)) for table in removed} == {
        "task_occurrences": 1,
        "projects": 2,
        "labels": 2,
        "filters": 2,
    }


async def test_a_task_goes_with_its_occurrences_and_what_was_below_it_stays(app: FastAPI, owner: Client) -> None:
    parent = answered(await owner.post(TASKS, json={"title": "Feed the fish", **RULE}), 201)["id"]
    await owner.patch(f"{TASKS}/{parent}/complete")
    child = answered(await owner.post(TASKS, json={"title": "Buy food", "parent_id": parent}), 201)["id"]
    await age(app, "tasks", 31, id=UUID(parent))

    assert await maintenance_of(app).run() == {"tasks": 1}

    assert answered(await owner.get(f"{TASKS}/{child}"))["parent_id"] is None
    assert await ids(app, "task_occurrences") == set()


@pytest.mark.parametrize(
    ("table", "in_which", "fields"),
    [("tasks", "parent_id", TITLE), ("projects", "project_id", TITLE), ("projects", "parent_id", {"name": "Home"})],
)
async def test_what_stood_in_it_and_is_not_in_the_trash_stays_beside_whatever_has_its_place(
    app: FastAPI, owner: Client, table: str, in_which: str, fields: dict[str, str]
) -> None:
    of = "projects" if "name" in fields else "tasks"
    path = f"/api/v1/users/me/{table}"
    holder = answered(await owner.post(path, json=TITLE if table == "tasks" else {"name": "Garden"}), 201)["id"]
    left = answered(await owner.post(f"/api/v1/users/me/{of}", json={**fields, in_which: holder}), 201)
    other = answered(await owner.post(f"/api/v1/users/me/{of}", json=fields), 201)
    await sql(app, f"UPDATE {of} SET position = :key WHERE id = :id", key=left["position"], id=UUID(other["id"]))
    await sql(app, f"UPDATE {table} SET trashed_with = id WHERE id = :id", id=UUID(holder))
    await age(app, table, 31, id=UUID(holder))

    assert await maintenance_of(app).run() == {table: 1}

    seen = answered(await owner.get(f"/api/v1/users/me/{of}/{left['id']}"))
    assert (seen[in_which], seen["position"] > left["position"]) == (None, True)


async def test_what_one_table_refuses_keeps_no_other_from_being_cleared(app: FastAPI, owner: Client) -> None:
    label = answered(await owner.post("/api/v1/users/me/labels", json={"name": "garden"}), 201)["id"]
    await age(app, "labels", 31, id=UUID(label))
    task = await trashed(app, owner, 31)
    await sql(app, "CREATE TABLE held (user_id uuid, id uuid, FOREIGN KEY (user_id, id) REFERENCES tasks)")
    await sql(app, "INSERT INTO held SELECT user_id, id FROM tasks")

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await maintenance_of(app).run()

    assert await ids(app, "labels") == set()
    assert await ids(app, "tasks") == {task}
    periodic = PeriodicMaintenance(maintenance_of(app), app.state.revocations)
    for _ in range(2):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await periodic.once()


async def test_sessions_that_have_been_over_for_a_month_are_removed(app: FastAPI, owner: Client) -> None:
    columns = ("revoked_at", "idle_expires_at", "expires_at")
    for column in columns:
        for days in (29, 31):
            times = dict.fromkeys(columns[1:], "now() + interval '1 day'") | {"revoked_at": "NULL"}
            times[column] = f"now() - {days} * interval '1 day'"
            await sql(
                app,
                f"INSERT INTO sessions (user_id, id, family_key, token_hash, {', '.join(times)})"
                f" VALUES (:user, uuidv7(), '', '', {', '.join(times.values())})",
                user=owner.user_id,
            )

    assert await maintenance_of(app).run() == {"sessions": 3}
    assert (await owner.get(TASKS)).status_code == 200
    assert len(await ids(app, "sessions")) == 4


@pytest.mark.usefixtures("owner")
async def test_links_that_expired_a_month_ago_are_removed(app: FastAPI) -> None:
    aged = "UPDATE one_time_tokens SET expires_at = now() - :days * interval '1 day' WHERE purpose = :purpose"
    await sql(app, aged, days=31, purpose="reset_password")
    await sql(app, aged, days=29, purpose="verify_email")

    assert await maintenance_of(app).run() == {"one_time_tokens": 1}


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_batches_pass_over_nothing(app: FastAPI, owner: Client, size: int) -> None:
    async with client_for(app) as other:
        people = [owner, await sign_up(app, other)]
        kept = {await trashed(app, people[number % 2], 1 + number) for number in range(4)}
        for number in range(6):
            await trashed(app, people[number % 2], 31 + number // 2)

    assert await Maintenance(app.state.database.fast, RETENTION, size).run() == {"tasks": 6}
    assert await ids(app, "tasks") == kept


async def test_what_somebody_has_locked_is_left_for_the_next_time(app: FastAPI, owner: Client) -> None:
    locked = await trashed(app, owner, 31)
    await trashed(app, owner, 31)

    async with app.state.database.begin() as session:
        connection = await session.connection()
        await connection.exec_driver_sql(f"SELECT FROM tasks WHERE id = '{locked}' FOR UPDATE")
        assert await maintenance_of(app).run() == {"tasks": 1}
        assert await ids(app, "tasks") == {locked}

    assert await maintenance_of(app).run() == {"tasks": 1}


async def test_several_at_once_do_no_harm(app: FastAPI, owner: Client) -> None:
    for _ in range(20):
        await trashed(app, owner, 31)

    removed = await asyncio.gather(*(maintenance_of(app).run() for _ in range(4)))

    assert sum(each.get("tasks", 0) for each in removed) == 20
    assert await ids(app, "tasks") == set()


async def test_a_server_goes_on_where_its_time_was_over(
    app: FastAPI, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "LONGEST", 0.0001)
    await trashed(app, owner, 31)
    periodic = PeriodicMaintenance(maintenance_of(app), app.state.revocations)

    removed = [await periodic.once() for _ in walks()]

    assert sum(each.get("tasks", 0) for each in removed) == 1


async def test_a_server_does_it_while_somebody_asks_something_and_lets_the_database_sleep_otherwise(
    app: FastAPI, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "FIRST_AFTER", 0.01)
    monkeypatch.setattr(maintenance, "EVERY", 0.05)
    task = await trashed(app, owner, 31)
    nobody = PeriodicMaintenance(maintenance_of(app), Revocations(app.state.database.fast))
    nobody.start()
    await asyncio.sleep(0.3)
    await nobody.stop()
    assert await ids(app, "tasks") == {task}

    periodic = PeriodicMaintenance(maintenance_of(app), app.state.revocations)
    periodic.start()
    async with asyncio.timeout(10):
        while await ids(app, "tasks"):  # noqa: ASYNC110 - only the database knows
            await asyncio.sleep(0.05)
    await periodic.stop()
