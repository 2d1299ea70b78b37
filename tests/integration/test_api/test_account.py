"""Leaving with everything, and leaving nothing behind; and being locked out by the operator."""

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import LargeBinary

from backend.models.base import metadata
from backend.services import export
from backend.services.throttle import PAIR
from tests.factories.applications import running, settings_for
from tests.factories.clients import PASSWORD, Client, client_for, sign_up
from tests.factories.databases import execute
from tests.integration.test_api.answers import LOGIN, ME, TASKS, TOKEN, answered, headers_of, lockouts, problem, sql
from tests.integration.test_api.everything import FILLING, NOBODYS, SECRET, fill, places_of, rows_of, tables
from tests.integration.test_api.guesses import wait_longer
from tests.integration.test_database.stage import eventually

EXPORT = f"{ME}/export"
SLOW = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$
"""
AUDIT = f"{ME}/audit"


async def exported(client: Client) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = answered(await client.get(EXPORT))
    return found


def alike(value: Any) -> Any:
    """A value of JSON, with times in one form and what has no order in one order."""
    if isinstance(value, dict):
        return {name: alike(each) for name, each in value.items()}
    if isinstance(value, str) and "T" in value:
        with suppress(ValueError):
            return datetime.fromisoformat(value).isoformat()
    return value


def sorted_rows(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(map(alike, rows), key=lambda row: json.dumps(row, sort_keys=True))


async def test_an_export_has_everything_that_the_database_has_of_one(app: FastAPI, owner: Client) -> None:
    await fill(owner)

    found = await exported(owner)

    held = await rows_of(app, owner.user_id)
    assert set(found) == set(held) >= await places_of(app, str(owner.user_id))
    for name, rows in held.items():
        told = [{column: row[column] for column in row if (name, column) not in SECRET} for row in rows]
        assert sorted_rows(found[name]) == sorted_rows(told)
    assert {name for name, rows in found.items() if owner.mark in str(rows)} > set(FILLING) - {"task_occurrences"}
    assert found["audit_log"][-1]["event"] == "user.exported"


def test_what_is_a_hash_or_a_key_is_marked_as_a_secret() -> None:
    columns = [column for table in metadata.tables.values() for column in table.c]
    secret = {str(column) for column in columns if column.info.get("secret")}

    assert {str(column) for column in columns if isinstance(column.type, LargeBinary)} <= secret
    assert {str(column) for column in columns if "hash" in column.name or "secret" in column.name} <= secret


async def test_an_export_has_nothing_of_anybody_else(owner: Client, stranger: Client) -> None:
    await fill(stranger)

    told = (await owner.get(EXPORT)).text

    assert str(stranger.user_id) not in told
    assert stranger.mark not in told


@pytest.mark.parametrize("batch", [1, 2, 1_000])
async def test_an_export_is_whole_however_much_is_read_at_a_time(
    owner: Client, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    for number in range(3):
        answered(await owner.post(TASKS, json={"title": f"Task {number}"}), 201)
    monkeypatch.setattr(export, "BATCH", batch)

    found = await exported(owner)

    assert [task["title"] for task in found["tasks"]] == ["Task 0", "Task 1", "Task 2"]


async def test_an_export_of_the_widest_rows_is_in_memory_in_small_pieces(app: FastAPI, owner: Client) -> None:
    wide = """
        INSERT INTO tasks (user_id, id, revision, position, title, description)
        SELECT :id, uuidv7(), number, 'a' || number, 'Water the plants', repeat('🌵', 16384)
        FROM generate_series(1, 120) AS number
    """
    await sql(app, wide, id=owner.user_id)

    pieces = [len(piece) async for piece in export.everything_of(app.state.database.fast, owner.user_id)]

    assert sum(pieces) > 120 * 65_536
    assert max(pieces) < 4 * 1024 * 1024


async def test_one_exports_once_at_a_time_and_again_when_the_reader_has_gone(
    app: FastAPI, owner: Client, stranger: Client, live_server: str
) -> None:
    await sql(
        app,
        "INSERT INTO tasks (user_id, id, revision, position, title, description)"
        " SELECT :id, uuidv7(), number, 'a' || number, 'Water the plants', repeat('x', 16384)"
        " FROM generate_series(1, 1300) AS number",
        id=owner.user_id,
    )

    async def export_again() -> bool:
        reply = await owner.get(EXPORT)
        return reply.status_code == 200

    async with (
        httpx.AsyncClient(base_url=live_server, headers=owner.headers) as slow,
        # More than lies between us and the reader: it is not over while nobody takes it.
        slow.stream("GET", EXPORT) as begun,
    ):
        assert begun.status_code == 200
        refused = await owner.get(EXPORT)
        problem(refused, 429, "export_in_progress")
        assert refused.headers["retry-after"] == "10"
        answered(await stranger.get(EXPORT))
    await eventually(export_again)
    # What ends as it should is over too.
    answered(await owner.get(EXPORT))


async def test_asking_for_the_head_of_an_export_exports_nothing(owner: Client, anonymous: Client) -> None:
    heads = await asyncio.gather(*(owner.head(EXPORT) for _ in range(3)))
    told = answered(await owner.get(AUDIT))
    got = await owner.get(EXPORT)

    assert [(head.status_code, head.content) for head in heads] == [(200, b"")] * 3
    for reply in (*heads, got):
        del reply.headers["x-request-id"]
    assert {tuple(headers_of(head)) for head in heads} == {tuple(headers_of(got))}
    assert told == []
    assert (await anonymous.head(EXPORT)).status_code == 401


async def test_whoever_leaves_leaves_nothing_behind(app: FastAPI, owner: Client, anonymous: Client) -> None:
    made = await fill(owner)
    await anonymous.post("/api/v1/auth/password/forgot", json={"email": owner.email})
    feed, program = made["feeds"]["path"], {"Authorization": f"Bearer {made['access_tokens']['token']}"}
    assert owner.mark in (await anonymous.get(feed)).text
    answered(await anonymous.get(TASKS, headers=program))
    # Those who are sought are found as long as they are there.
    assert await places_of(app, str(owner.user_id)) == await tables(app) - NOBODYS
    assert await places_of(app, owner.mark) >= set(FILLING) - {"task_occurrences"}

    reply = await owner.request("DELETE", ME, json={"password": PASSWORD})

    assert (reply.status_code, reply.content) == (204, b"")
    for needle in (str(owner.user_id), owner.email, owner.mark):
        assert await places_of(app, needle) == set()
    problem(await anonymous.get(feed), 404, "feed_not_found")
    problem(await anonymous.get(TASKS, headers=program), 401)
    problem(await owner.get(ME), 401, "token_revoked")
    problem(await owner.post(TASKS, json={"title": "Too late"}), 401, "token_revoked")
    form = {"grant_type": "refresh_token", "refresh_token": owner.refresh_token}
    problem(await anonymous.post(TOKEN, data=form), 400, "invalid_grant")
    problem(await anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD}), 401, "invalid_credentials")


@pytest.mark.parametrize("body", [{"password": "a wrong guess"}, {"password": None}, {}, None], ids=repr)
async def test_leaving_takes_the_password(app: FastAPI, owner: Client, body: dict[str, Any] | None) -> None:
    before = await places_of(app, str(owner.user_id))

    reply = await owner.request("DELETE", ME, json=body) if body is not None else await owner.delete(ME)

    problem(reply, 403, "wrong_password")
    assert await places_of(app, str(owner.user_id)) >= before
    answered(await owner.get(ME))


async def test_whoever_guesses_the_password_there_has_to_wait_too(
    app: FastAPI, owner: Client, anonymous: Client
) -> None:
    guesses = [await owner.request("DELETE", ME, json={"password": "a wrong guess"}) for _ in range(PAIR.free + 1)]
    while guesses[-1].status_code == 403:
        guesses.append(await owner.request("DELETE", ME, json={"password": "a wrong guess"}))
    await wait_longer(app)

    problem(await owner.request("DELETE", ME, json={"password": PASSWORD}), 429, "too_many_attempts")
    assert len(guesses) >= PAIR.free + 2
    # A thief of the session does not so keep its owner from signing in.
    answered(await anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD}))


async def test_whoever_is_locked_out_is_out_at_once(app: FastAPI, owner: Client, anonymous: Client) -> None:
    credentials = {"email": owner.email, "password": PASSWORD}

    await lockouts(app).disable(owner.email.upper())

    problem(await owner.get(ME), 401, "token_revoked")
    form = {"grant_type": "refresh_token", "refresh_token": owner.refresh_token}
    problem(await anonymous.post(TOKEN, data=form), 400, "invalid_grant")
    problem(await anonymous.post(LOGIN, json=credentials), 403, "account_disabled")
    told = await sql(app, "SELECT event, details FROM audit_log WHERE user_id = :id ORDER BY id", id=owner.user_id)
    assert [entry["event"] for entry in told] == ["user.disabled", "session.refused"]
    assert told[0]["details"] == {"sessions": 1, "tokens": 0, "feeds": 0}
    assert told[-1]["details"] == {"code": "account_disabled"}
    problem(await anonymous.post(LOGIN, json=credentials | {"password": uuid4().hex}), 401, "invalid_credentials")
    password_form = {"grant_type": "password", "username": owner.email, "password": PASSWORD}
    problem(await anonymous.post(TOKEN, data=password_form), 400, "invalid_grant")


async def test_whoever_has_no_address_here_is_locked_out_by_id(app: FastAPI, owner: Client, stranger: Client) -> None:
    await sql(app, "UPDATE users SET email = NULL WHERE id = :id", id=owner.user_id)

    assert await lockouts(app).disable(str(owner.user_id)) == owner.user_id

    problem(await owner.get(ME), 401, "token_revoked")
    answered(await stranger.get(ME))


async def test_whoever_is_let_in_again_signs_in_again(app: FastAPI, owner: Client, anonymous: Client) -> None:
    await lockouts(app).disable(owner.email)
    await lockouts(app).enable(owner.email)

    signed_in = answered(await anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD}))

    problem(await owner.get(ME), 401, "token_revoked")
    owner.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
    told = [entry["event"] for entry in answered(await owner.get(AUDIT))]
    assert told == ["session.opened", "user.enabled", "user.disabled"]


async def test_an_account_may_take_longer_to_remove_than_a_request_may_usually_take(
    own_database_url: str, tmp_path: Path
) -> None:
    settings = settings_for(own_database_url, database_timeout=0.5)
    async with running(settings, tmp_path / "log") as app, client_for(app) as client:
        await sign_up(app, client)
        answered(await client.post(TASKS, json={"title": "Water the plants"}), 201)
        # As when there were very many.
        await execute(own_database_url, SLOW)
        await execute(own_database_url, "CREATE TRIGGER slow BEFORE DELETE ON tasks EXECUTE FUNCTION slow()")

        reply = await client.request("DELETE", ME, json={"password": PASSWORD})

        assert reply.status_code == 204
        assert await places_of(app, str(client.user_id)) == set()
