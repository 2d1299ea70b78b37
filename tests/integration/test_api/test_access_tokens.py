"""Personal access tokens: shown once, good for their scopes, and for nothing once they have ended."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from uuid_utils.compat import uuid7

from backend.api.scopes import offered
from backend.auth import personal_tokens
from backend.auth.personal_tokens import hash_of, new_token
from backend.services import access_tokens, revocations
from backend.services.access_tokens import EXPIRED_KEPT_FOR, FIND, USE_NOTED_AFTER
from tests.factories.applications import running, settings_for
from tests.factories.clients import Client, TokenClient, client_for
from tests.factories.queries import CountQueries
from tests.integration.test_api.answers import LOGOUT, ME, TASKS, answered, faults, problem, sql
from tests.integration.test_architecture.operations import OPERATIONS, ids_of, send

TOKENS = "/api/v1/auth/tokens"
AUDIT = "/api/v1/users/me/audit"
BACKUP: dict[str, Any] = {"name": "Nightly backup", "scopes": ["tasks:read", "profile:read"]}


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request has its token looked up."""
    monkeypatch.setattr(personal_tokens, "REMEMBERED_FOR", 0.0)


async def row_of(app: FastAPI, client: Client) -> dict[str, Any]:
    (row,) = await sql(app, "SELECT * FROM access_tokens WHERE id = :id", id=client.token_id)
    return row


def days_from_now(text: str) -> float:
    return (datetime.fromisoformat(text) - datetime.now(UTC)) / timedelta(days=1)


async def test_a_token_is_shown_once_and_kept_as_a_hash(app: FastAPI, owner: Client) -> None:
    made = answered(await owner.post(TOKENS, json=BACKUP), 201)
    token = made.pop("token")

    assert (made["name"], made["scopes"]) == ("Nightly backup", ["profile:read", "tasks:read"])
    assert answered(await owner.get(TOKENS)) == [{**made, "last_used_at": None}]
    (row,) = await sql(app, "SELECT * FROM access_tokens WHERE id = CAST(:id AS uuid)", id=made["id"])
    assert row["token_hash"] == hash_of(token)
    assert token not in str(row)


async def test_a_token_is_good_for_what_it_is_for(owner: Client, token_client: TokenClient) -> None:
    client = await token_client("tasks:read", "tasks:write")

    task = answered(await client.post(TASKS, json={"title": "Water the plants"}), 201)

    assert task["user_id"] == str(owner.user_id)
    assert answered(await client.get(TASKS)) == answered(await owner.get(TASKS)) == [task]
    refused = await client.get(ME)
    assert problem(refused, 403, "insufficient_scope")["scope"] == "profile:read"
    assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="profile:read"'


async def test_a_token_ends_after_90_days_or_when_it_is_to(owner: Client) -> None:
    usual = answered(await owner.post(TOKENS, json=BACKUP), 201)
    short = answered(await owner.post(TOKENS, json={**BACKUP, "expires_in_days": 1}), 201)
    longest = answered(await owner.post(TOKENS, json={**BACKUP, "expires_in_days": 365}), 201)

    ends = [days_from_now(made["expires_at"]) for made in (usual, short, longest)]
    assert ends == pytest.approx([90, 1, 365], abs=0.01)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"scopes": []}, "scopes"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 366}, "expires_in_days"),
        ({"expires_in_days": "90"}, "expires_in_days"),
        ({"expires_in_days": None}, "expires_in_days"),
        ({"expires_in_days": True}, "expires_in_days"),
        ({"expires_in_days": 1.5}, "expires_in_days"),
        ({"user_id": str(uuid7())}, "user_id"),
    ],
)
async def test_what_is_no_token_is_refused(owner: Client, wrong: dict[str, Any], field: str) -> None:
    assert faults(await owner.post(TOKENS, json={**BACKUP, **wrong})) == [field]


@pytest.mark.parametrize(
    "scope", ["tasks:delete", "tasks", "", "*", "tasks:*", "Tasks:read", "audit:write", "tasks:read tasks:write", "ü"]
)
async def test_a_scope_that_there_is_not_is_named(owner: Client, scope: str) -> None:
    reply = await owner.post(TOKENS, json={**BACKUP, "scopes": ["tasks:read", scope]})

    (fault,) = problem(reply, 400)["errors"]
    assert (fault["field"], fault["code"]) == ("scopes.1", "unknown_scope")
    assert fault["message"] == f'There is no scope "{scope}"'


async def test_a_scope_that_is_named_twice_is_one(owner: Client) -> None:
    made = answered(await owner.post(TOKENS, json={**BACKUP, "scopes": ["tasks:read", "tasks:read"]}), 201)

    assert made["scopes"] == ["tasks:read"]


async def test_nobody_has_more_than_there_may_be(
    owner: Client, stranger: Client, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_tokens, "MOST", 2)
    first, _ = [answered(await owner.post(TOKENS, json=BACKUP), 201) for _ in range(2)]

    problem(await owner.post(TOKENS, json=BACKUP), 409, "too_many_tokens")
    answered(await stranger.post(TOKENS, json=BACKUP), 201)
    await sql(app, "UPDATE access_tokens SET expires_at = now() WHERE id = CAST(:id AS uuid)", id=first["id"])
    answered(await owner.post(TOKENS, json=BACKUP), 201)


async def test_what_has_expired_is_listed_for_a_while_and_then_makes_room(
    owner: Client, token_client: TokenClient, app: FastAPI
) -> None:
    lately, long_ago = await token_client("tasks:read"), await token_client("tasks:read")
    expire = "UPDATE access_tokens SET expires_at = now() - CAST(:since AS interval) WHERE id = :id"
    for client, since in ((lately, EXPIRED_KEPT_FOR / 2), (long_ago, EXPIRED_KEPT_FOR * 2)):
        await sql(app, expire, since=since, id=client.token_id)

    newest = answered(await owner.post(TOKENS, json=BACKUP), 201)

    assert [token["id"] for token in answered(await owner.get(TOKENS))] == [newest["id"], str(lately.token_id)]


async def test_pages_follow_one_another(owner: Client) -> None:
    made = [answered(await owner.post(TOKENS, json=BACKUP), 201)["id"] for _ in range(3)]

    page = await owner.get(TOKENS, params={"limit": 2})
    rest = await owner.get(page.links["next"]["url"])

    assert [token["id"] for token in page.json() + rest.json()] == made[::-1]


async def test_a_deleted_token_is_good_for_nothing_at_once(owner: Client, token_client: TokenClient) -> None:
    client = await token_client("tasks:read")
    answered(await client.get(TASKS))

    assert (await owner.delete(f"{TOKENS}/{client.token_id}")).status_code == 204

    problem(await client.get(TASKS), 401, "token_revoked")
    assert answered(await owner.get(TOKENS)) == []
    problem(await owner.delete(f"{TOKENS}/{client.token_id}"), 404, "access_token_not_found")


@pytest.mark.usefixtures("forgetful")
async def test_a_deleted_token_is_not_found_again(owner: Client, token_client: TokenClient) -> None:
    client = await token_client("tasks:read")

    assert (await owner.delete(f"{TOKENS}/{client.token_id}")).status_code == 204

    problem(await client.get(TASKS), 401, "token_invalid")


async def test_another_process_refuses_a_deleted_token_within_seconds(
    owner: Client,
    token_client: TokenClient,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = await token_client("tasks:read")
    async with running(settings_for(database_url), tmp_path / "other.log") as other, client_for(other) as elsewhere:
        elsewhere.headers["Authorization"] = client.headers["Authorization"]
        answered(await elsewhere.get(TASKS))

        assert (await owner.delete(f"{TOKENS}/{client.token_id}")).status_code == 204
        # As when `TRUSTED_FOR` seconds have passed.
        monkeypatch.setattr(revocations, "TRUSTED_FOR", 0.0)
        monkeypatch.setattr(revocations, "REFRESH_AFTER", 0.0)

        problem(await elsewhere.get(TASKS), 401, "token_revoked")


async def test_whoever_is_out_makes_no_token_in_the_seconds_that_another_process_takes_to_know(
    owner: Client, database_url: str, tmp_path: Path
) -> None:
    """It would be good for a year, where what it was made with was good for seconds."""
    async with running(settings_for(database_url), tmp_path / "other.log") as other, client_for(other) as elsewhere:
        elsewhere.headers["Authorization"] = owner.headers["Authorization"]
        answered(await elsewhere.get(TASKS))
        assert (await owner.post(LOGOUT)).status_code == 204

        problem(await elsewhere.post(TOKENS, json=BACKUP), 401, "token_revoked")

    assert await sql(owner.app, "SELECT 1 FROM access_tokens WHERE user_id = :id", id=owner.user_id) == []


@pytest.mark.parametrize("known", [False, True], ids=["unknown", "known"])
async def test_an_expired_token_is_refused(
    app: FastAPI, token_client: TokenClient, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    client = await token_client("tasks:read")
    if known:
        answered(await client.get(TASKS))
        later = time.time() + 91 * 86400
        monkeypatch.setattr("time.time", lambda: later)
    else:
        await sql(app, "UPDATE access_tokens SET expires_at = now() WHERE id = :id", id=client.token_id)

    problem(await client.get(TASKS), 401, "token_expired")


async def test_a_token_that_nobody_made_is_invalid(anonymous: Client) -> None:
    reply = await anonymous.get(TASKS, headers={"Authorization": f"Bearer {new_token()}"})

    problem(reply, 401, "token_invalid")
    assert reply.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


async def test_a_garbled_token_is_refused_without_a_look_into_the_database(
    token_client: TokenClient, count_queries: CountQueries
) -> None:
    client = await token_client("tasks:read")
    garbled = client.access_token[:-1] + ("a" if client.access_token[-1] != "a" else "b")

    with count_queries() as queries:
        reply = await client.get(TASKS, headers={"Authorization": f"Bearer {garbled}"})

    problem(reply, 401, "token_malformed")
    assert queries == []


async def test_a_token_is_looked_up_once_and_then_known(token_client: TokenClient, count_queries: CountQueries) -> None:
    client = await token_client("tasks:read")

    with count_queries() as queries:
        for _ in range(3):
            answered(await client.get(TASKS))

    assert [query == FIND.sql for query in queries] == [True, False, False, False]


@pytest.mark.usefixtures("forgetful")
async def test_a_use_is_noted_once_in_a_while(app: FastAPI, owner: Client, token_client: TokenClient) -> None:
    client = await token_client("tasks:read")
    assert (await row_of(app, client))["last_used_at"] is None

    answered(await client.get(TASKS))
    first = (await row_of(app, client))["last_used_at"]
    answered(await client.get(TASKS))
    assert (await row_of(app, client))["last_used_at"] == first

    long_ago = first - USE_NOTED_AFTER - timedelta(seconds=1)
    await sql(app, "UPDATE access_tokens SET last_used_at = :at WHERE id = :id", at=long_ago, id=client.token_id)
    answered(await client.get(TASKS))
    (listed,) = answered(await owner.get(TOKENS))
    assert datetime.fromisoformat(listed["last_used_at"]) > first


async def test_what_becomes_of_a_token_is_recorded_and_its_name_is_not(
    owner: Client, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    made = answered(await owner.post(TOKENS, json=BACKUP), 201)
    await owner.delete(f"{TOKENS}/{made['id']}")

    deleted, created = answered(await owner.get(AUDIT))
    assert (deleted["event"], created["event"]) == ("token.deleted", "token.created")
    assert {entry["grant_id"] for entry in (deleted, created)} == {made["id"]}
    assert deleted["details"] == {"scopes": made["scopes"]}
    assert created["details"] == {"scopes": made["scopes"], "by": str(owner.session_id)}
    lines = logged()
    assert {"token.created", "token.deleted"} <= {line["event"] for line in lines}
    assert made["token"] not in str(lines)
    assert BACKUP["name"] not in str(lines)


async def test_a_token_never_reaches_sign_in(
    app: FastAPI, owner: Client, anonymous: Client, token_client: TokenClient
) -> None:
    """With every scope that there is: where one has to be signed in it is refused, elsewhere it is nobody's."""
    client = await token_client(*offered(app))
    below_auth = [operation for operation in OPERATIONS if operation.path.startswith("/api/v1/auth/")]
    assert {operation.protected for operation in below_auth} == {True, False}

    for operation in below_auth:
        if operation.protected:
            reply = await send(client, operation, await ids_of(owner, operation), sender=owner)
            problem(reply, 403, "session_required")
        else:
            replies = [await each.request(operation.method, operation.path, json={}) for each in (client, anonymous)]
            with_it, without = [(reply.status_code, reply.json()["code"]) for reply in replies]
            assert with_it == without, operation


async def test_a_token_can_neither_make_nor_widen_nor_delete_tokens(owner: Client, token_client: TokenClient) -> None:
    client = await token_client("profile:write", "tasks:write")
    before = answered(await owner.get(TOKENS))

    problem(await client.post(TOKENS, json=BACKUP), 403, "session_required")
    problem(await client.patch(f"{TOKENS}/{client.token_id}", json=BACKUP), 405)
    problem(await client.delete(f"{TOKENS}/{client.token_id}"), 403, "session_required")

    (token,) = answered(await owner.get(TOKENS))
    assert {**token, "last_used_at": None} == before[0]


async def test_the_log_tells_whose_token_a_request_came_with(
    owner: Client, token_client: TokenClient, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    client = await token_client("tasks:read")
    for _ in range(2):
        answered(await client.get(TASKS))

    requests = [line for line in logged() if line["event"] == "request"]
    assert [line["user_id"] for line in requests] == [str(owner.user_id)] * len(requests)
