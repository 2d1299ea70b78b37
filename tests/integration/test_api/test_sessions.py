"""Where one is signed in, and ending it: from then on neither kind of token is good, in any process."""

import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from fastapi import FastAPI
from uuid_utils.compat import uuid7

from backend.auth.one_time_tokens import hash_of
from backend.auth.refresh_tokens import RefreshToken
from backend.config.settings import LONGEST_TIMEOUT
from backend.database.gate import GRACE
from backend.models.base import metadata
from backend.services import revocations
from backend.services.accounts import LEAVING_LIMIT
from tests.factories.applications import running, settings_for
from tests.factories.canaries import CANARY
from tests.factories.clients import PASSWORD, Client, client_for
from tests.factories.mailboxes import MailServer, token_in
from tests.integration.test_api.answers import LOGIN, LOGOUT, ME, REGISTER, TOKEN, answered, problem, sql

SESSIONS = "/api/v1/auth/sessions"


async def signed_in_again(client: Client, device: str = "A phone") -> dict[str, Any]:
    """The tokens of another session of the client's, with its id as `sid`."""
    credentials = {"email": client.email, "password": PASSWORD}
    tokens = answered(await client.post(LOGIN, json=credentials, headers={"User-Agent": device}))
    sid = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
    return {**tokens, "sid": sid, "bearer": {"Authorization": f"Bearer {tokens['access_token']}"}}


async def test_sessions_are_listed_the_newest_first_and_ones_own_is_marked(owner: Client) -> None:
    other = await signed_in_again(owner)

    listed = answered(await owner.get(SESSIONS))

    assert [(each["id"], each["current"], each["device"]) for each in listed] == [
        (other["sid"], False, "A phone"),
        (str(owner.session_id), True, None),
    ]
    assert [each["last_used_at"] >= each["created_at"] for each in listed] == [True, True]


async def test_all_others_can_be_ended_at_once(owner: Client, stranger: Client, anonymous: Client) -> None:
    others = [await signed_in_again(owner) for _ in range(2)]

    for _ in range(2):
        assert (await owner.delete(SESSIONS)).status_code == 204

    for other in others:
        problem(await anonymous.get(ME, headers=other["bearer"]), 401, "token_revoked")
        form = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
        problem(await anonymous.post(TOKEN, data=form), 400, "invalid_grant")
    assert [each["id"] for each in answered(await owner.get(SESSIONS))] == [str(owner.session_id)]
    answered(await stranger.get(ME))
    (told, *_) = answered(await owner.get(f"{ME}/audit"))
    assert (told["event"], told["details"]) == ("session.closed", {"sessions": 2})


@pytest.mark.parametrize("column", ["idle_expires_at", "expires_at", "revoked_at"])
async def test_a_session_that_is_over_is_not_listed(app: FastAPI, owner: Client, column: str) -> None:
    other = await signed_in_again(owner)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await sql(app, f"UPDATE sessions SET {column} = :past WHERE id = CAST(:id AS uuid)", past=past, id=other["sid"])

    assert [each["id"] for each in answered(await owner.get(SESSIONS))] == [str(owner.session_id)]


async def test_a_refreshed_session_was_used_when_it_was_refreshed(owner: Client) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": owner.refresh_token}
    answered(await owner.post(TOKEN, data=form))

    (listed,) = answered(await owner.get(SESSIONS))

    assert listed["last_used_at"] > listed["created_at"]


async def test_another_session_can_be_ended_and_its_tokens_end_with_it(owner: Client, anonymous: Client) -> None:
    other = await signed_in_again(owner)
    answered(await anonymous.get(ME, headers=other["bearer"]))

    assert (await owner.delete(f"{SESSIONS}/{other['sid']}")).status_code == 204

    refused = await anonymous.get(ME, headers=other["bearer"])
    problem(refused, 401, "token_revoked")
    assert refused.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    form = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
    problem(await anonymous.post(TOKEN, data=form), 400, "invalid_grant")
    answered(await owner.get(ME))


async def test_what_has_ended_cannot_be_ended_again(owner: Client) -> None:
    other = await signed_in_again(owner)
    await owner.delete(f"{SESSIONS}/{other['sid']}")

    problem(await owner.delete(f"{SESSIONS}/{other['sid']}"), 404, "session_not_found")
    problem(await owner.delete(f"{SESSIONS}/{uuid7()}"), 404, "session_not_found")


async def test_signing_out_ends_the_access_token_at_once_where_it_was_done(owner: Client) -> None:
    assert (await owner.post(LOGOUT)).status_code == 204

    problem(await owner.get(ME), 401, "token_revoked")
    problem(await owner.post(LOGOUT), 401, "token_revoked")


async def test_a_family_of_which_a_spent_token_came_back_takes_its_access_tokens_along(
    owner: Client, anonymous: Client
) -> None:
    other = await signed_in_again(owner)
    form = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
    newer = answered(await anonymous.post(TOKEN, data=form))
    answered(await anonymous.post(TOKEN, data={**form, "refresh_token": newer["refresh_token"]}))

    problem(await anonymous.post(TOKEN, data=form), 401, "refresh_token_reused")

    problem(await anonymous.get(ME, headers=other["bearer"]), 401, "token_revoked")


async def test_another_process_refuses_the_access_token_within_seconds(
    app: FastAPI, owner: Client, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two applications share nothing but the database."""
    async with running(settings_for(database_url), tmp_path / "other.log") as other, client_for(other) as elsewhere:
        elsewhere.headers["Authorization"] = owner.headers["Authorization"]
        answered(await elsewhere.get(ME))

        assert (await owner.post(LOGOUT)).status_code == 204
        # As when `TRUSTED_FOR` seconds have passed.
        monkeypatch.setattr(revocations, "TRUSTED_FOR", 0.0)
        monkeypatch.setattr(revocations, "REFRESH_AFTER", 0.0)

        problem(await elsewhere.get(ME), 401, "token_revoked")
    assert app is not other


async def test_another_process_does_not_miss_what_took_long_to_commit(
    owner: Client, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings_for(database_url), tmp_path / "other.log") as other, client_for(other) as elsewhere:
        elsewhere.headers["Authorization"] = owner.headers["Authorization"]
        answered(await elsewhere.get(ME))

        began = datetime.now(UTC) - timedelta(seconds=LEAVING_LIMIT + 2 * GRACE)
        await sql(other, "INSERT INTO revocations VALUES (:id, :began)", id=owner.session_id, began=began)
        monkeypatch.setattr(revocations, "TRUSTED_FOR", 0.0)
        monkeypatch.setattr(revocations, "REFRESH_AFTER", 0.0)

        problem(await elsewhere.get(ME), 401, "token_revoked")


async def test_what_ended_before_a_process_started_is_refused_by_its_first_answer(
    owner: Client, database_url: str, tmp_path: Path
) -> None:
    assert (await owner.post(LOGOUT)).status_code == 204

    async with running(settings_for(database_url), tmp_path / "other.log") as other, client_for(other) as elsewhere:
        elsewhere.headers["Authorization"] = owner.headers["Authorization"]
        problem(await elsewhere.get(ME), 401, "token_revoked")


async def test_old_revocations_are_forgotten_by_a_process_that_is_new(
    owner: Client, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = uuid7()
    async with running(settings_for(database_url), tmp_path / "other.log") as other, client_for(other) as elsewhere:
        await sql(other, "INSERT INTO revocations VALUES (:id, now() - interval '3 hours')", id=grant)
        elsewhere.headers["Authorization"] = owner.headers["Authorization"]
        answered(await elsewhere.get(ME))
        monkeypatch.setattr(revocations, "TRUSTED_FOR", 0.0)
        monkeypatch.setattr(revocations, "REFRESH_AFTER", 0.0)

        answered(await elsewhere.get(ME))

        assert await sql(other, "SELECT 1 FROM revocations WHERE grant_id = :id", id=grant) == []


def test_what_is_read_again_is_longer_than_any_transaction() -> None:
    longest = max(LEAVING_LIMIT, LONGEST_TIMEOUT)

    assert longest + 2 * GRACE + revocations.TRUSTED_FOR < revocations.OVERLAP


async def found_in_the_database(app: FastAPI, *secrets: str | bytes) -> list[str]:
    """The tables of whatever schema in which a column of whatever type has one of these: as it is, or in bytes."""
    forms = [
        form for secret in secrets for form in ({secret.hex()} if isinstance(secret, bytes) else ways_to_keep(secret))
    ]
    tables = await sql(app, "SELECT relid, format('%I.%I', schemaname, relname) AS name FROM pg_stat_user_tables")
    assert {f"public.{name}" for name in metadata.tables} <= {table["name"] for table in tables}
    looked = " UNION ALL ".join(
        f"SELECT '{table['name']}' AS name FROM {table['name']} AS row WHERE row::text LIKE ANY (:forms)"
        for table in tables
    )
    return [row["name"] for row in await sql(app, looked, forms=[f"%{form}%" for form in forms])]


def ways_to_keep(secret: str) -> set[str]:
    """A secret as text, its bytes as the database writes them, and those of what is random in it."""
    random = re.match(r"(?:dw._)?([\w-]{40})", secret)
    decoded = [urlsafe_b64decode(random[1]).hex()] if random else []
    return {secret, secret.encode().hex(), *decoded}


async def test_the_database_holds_no_token_and_no_password(
    app: FastAPI, anonymous: Client, mailboxes: MailServer
) -> None:
    email, password = f"{CANARY}.{uuid7()}@example.com", f"{uuid7()} battery"
    account = {"email": email, "name": "Eve", "password": password}

    async def mailed(address: str, path: str, **body: str) -> str:
        number = len(mailboxes.to(address))
        assert (await anonymous.post(f"/api/v1/auth{path}", json=body)).status_code == 202
        return token_in((await mailboxes.wait_for(address, number + 1))[-1])

    first = answered(await anonymous.post(REGISTER, json=account), 201)
    links = [token_in((await mailboxes.wait_for(email))[0])]
    anonymous.headers["Authorization"] = f"Bearer {first['access_token']}"
    feed = answered(await anonymous.post(f"{ME}/feeds", json={"name": "Phone"}), 201)["path"]
    token = answered(await anonymous.post("/api/v1/auth/tokens", json={"name": "a", "scopes": ["tasks:read"]}), 201)
    again = answered(await anonymous.post(LOGIN, json={"email": email, "password": password}))
    form = {"grant_type": "refresh_token", "refresh_token": again["refresh_token"]}
    renewed = answered(await anonymous.post(TOKEN, data=form))
    links.append(await mailed(f"new.{email}", "/email/change", email=f"new.{email}", password=password))
    links.append(await mailed(email, "/password/forgot", email=email))

    secrets: list[str | bytes] = [password, token["token"], feed.removeprefix("/feeds/").removesuffix(".ics"), *links]
    for pair in (first, again, renewed):
        secrets += [pair["refresh_token"], pair["access_token"], pair["access_token"].rpartition(".")[2]]
        secret = RefreshToken.parse(pair["refresh_token"]).secret
        secrets += [secret[:32], secret[32:]]

    assert await found_in_the_database(app, *secrets) == []
    assert {"public.users", "public.one_time_tokens"} <= set(await found_in_the_database(app, email))
    assert await found_in_the_database(app, hash_of(links[-1])) == ["public.one_time_tokens"]


async def test_a_password_does_not_expire(app: FastAPI, owner: Client) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=20 * 365)
    await sql(
        app, "UPDATE users SET created_at = :then, updated_at = :then WHERE id = :id", then=long_ago, id=owner.user_id
    )

    answered(await owner.post(LOGIN, json={"email": owner.email, "password": PASSWORD}))
