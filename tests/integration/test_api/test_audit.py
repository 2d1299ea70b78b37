"""Everyone can read what happened to their account, and to no other."""

from typing import Any

from fastapi import FastAPI

from backend.formats.batches import BATCH
from tests.factories.canaries import CANARY
from tests.factories.clients import PASSWORD, Client, TokenClient
from tests.integration.test_api.answers import LOGIN, LOGOUT, ME, REGISTER, TASKS, TOKEN, answered, sql

AUDIT = "/api/v1/users/me/audit"
CSV = {"format": "csv"}
REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by the test'; END $$
"""
REFUSED = "CREATE TRIGGER refuse BEFORE INSERT ON tasks FOR EACH ROW WHEN (NEW.title = 'No') EXECUTE FUNCTION refuse()"


async def events(client: Client) -> list[str]:
    return [entry["event"] for entry in answered(await client.get(AUDIT))]


async def entry(client: Client) -> dict[str, Any]:
    """The newest."""
    found: dict[str, Any] = answered(await client.get(AUDIT, params={"limit": 1}))[0]
    return found


async def test_sign_ins_and_refusals_are_told_with_where_they_came_from(owner: Client, anonymous: Client) -> None:
    for password, status in ((PASSWORD, 200), ("a wrong guess", 401)):
        reply = await anonymous.post(
            LOGIN, json={"email": owner.email, "password": password}, headers={"User-Agent": "A phone"}
        )
        assert reply.status_code == status

    assert await events(owner) == ["session.refused", "session.opened"]
    told = await entry(owner)
    assert told["device"] == "A phone"
    assert told["address"].startswith("10.")
    assert told["details"] == {"code": "invalid_credentials"}
    assert told["request_id"] == reply.headers["x-request-id"]


async def test_an_account_begins_with_its_registration(anonymous: Client) -> None:
    account = {"email": "audit@example.com", "name": "Ada", "password": PASSWORD}
    signed_in = answered(await anonymous.post(REGISTER, json=account), 201)
    anonymous.headers["Authorization"] = f"Bearer {signed_in['access_token']}"

    assert await events(anonymous) == ["user.registered"]


async def test_endings_are_told_of_the_session_that_ended(owner: Client, anonymous: Client) -> None:
    other = answered(await anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD}))
    anonymous.headers["Authorization"] = f"Bearer {other['access_token']}"

    assert (await anonymous.post(LOGOUT)).status_code == 204

    assert await events(owner) == ["session.closed", "session.opened"]
    closed, opened = answered(await owner.get(AUDIT))
    assert closed["grant_id"] == opened["grant_id"]


async def test_a_revocation_is_told_though_the_request_was_refused(owner: Client, anonymous: Client) -> None:
    other = answered(await anonymous.post(LOGIN, json={"email": owner.email, "password": PASSWORD}))
    form = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
    newer = answered(await anonymous.post(TOKEN, data=form))
    await anonymous.post(TOKEN, data={**form, "refresh_token": newer["refresh_token"]})

    assert (await anonymous.post(TOKEN, data=form)).status_code == 401

    assert await events(owner) == ["session.revoked", "session.opened"]


async def test_nobody_reads_anybody_elses(owner: Client, stranger: Client) -> None:
    await owner.post(LOGIN, json={"email": owner.email, "password": PASSWORD})

    assert await events(stranger) == []


async def test_what_a_program_takes_along_brings_and_removes_is_told_with_its_token(
    owner: Client, token_client: TokenClient
) -> None:
    program = await token_client("transfer:read", "transfer:write", "tasks:write", "trash:write")
    file = {"file": f"TYPE,CONTENT\ntask,Water {CANARY} @{CANARY}\ntask,Feed the cat".encode()}
    answered(await program.post(f"{ME}/import", files=file, params=CSV))
    answered(await program.post(f"{ME}/import", files=file, params={**CSV, "dry_run": "true"}))
    answered(await program.post(f"{ME}/import", files=file, params=CSV))
    assert (await program.head(f"{TASKS}/export", params=CSV)).status_code == 200
    assert (await program.get(f"{TASKS}/export", params=CSV)).status_code == 200
    task_id = answered(await owner.get(TASKS))[0]["id"]
    await program.delete(f"{TASKS}/{task_id}")
    assert (await program.delete(f"{ME}/trash/{task_id}")).status_code == 204
    assert (await program.delete(f"{ME}/trash/{task_id}")).status_code == 404

    told = answered(await owner.get(AUDIT))

    assert [(entry["event"], entry["details"]) for entry in told[:-1]] == [
        ("trash.purged", {"tasks": 1, "projects": 0}),
        ("tasks.exported", {"format": "csv"}),
        ("tasks.imported", {"format": "csv", "finished": True, "created": {}}),
        ("tasks.imported", {"format": "csv", "finished": True, "created": {"tasks": 2, "labels": 1}}),
    ]
    assert {entry["grant_id"] for entry in told} == {str(program.token_id)}
    assert all(entry["request_id"] for entry in told)


async def test_an_import_that_breaks_off_is_told_with_what_it_has_brought(app: FastAPI, owner: Client) -> None:
    file = {"file": "\ntask,".join(["TYPE,CONTENT", *map(str, range(BATCH)), "No"]).encode()}
    await sql(app, REFUSE)
    await sql(app, REFUSED)
    try:
        assert (await owner.post(f"{ME}/import", files=file, params=CSV)).status_code == 500
    finally:
        await sql(app, "DROP FUNCTION refuse CASCADE")

    told = await entry(owner)

    assert told["event"] == "tasks.imported"
    assert told["details"] == {"format": "csv", "finished": False, "created": {"tasks": BATCH}}
    assert answered(await owner.get(f"{ME}/statistics"))["open"] == BATCH


async def test_a_wish_for_another_address_is_told_at_once(owner: Client) -> None:
    wish = {"email": f"new.{owner.email}", "password": PASSWORD}

    assert (await owner.post("/api/v1/auth/email/change", json=wish)).status_code == 202

    told = await entry(owner)
    assert (told["event"], told["grant_id"], told["details"]) == (
        "email.change_requested",
        str(owner.session_id),
        {},
    )


async def test_a_long_log_is_read_page_by_page(owner: Client) -> None:
    for _ in range(5):
        answered(await owner.get(f"{ME}/export"))
    whole = answered(await owner.get(AUDIT))

    pages, url = [], f"{AUDIT}?limit=2"
    while url:
        reply = await owner.get(url)
        pages.append(answered(reply))
        url = reply.links.get("next", {}).get("url", "")

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [entry for page in pages for entry in page] == whole
    assert [entry["created_at"] for entry in whole] == sorted((entry["created_at"] for entry in whole), reverse=True)
