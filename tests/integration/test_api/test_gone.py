"""Those who have gone, and those whom the operator has locked out: what they are answered, and what ends with them."""

from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.factories.applications import running, settings_for
from tests.factories.clients import PASSWORD, Client, TokenClient
from tests.integration.test_api.answers import ME, TASKS, answered, lockouts, problem, sql
from tests.integration.test_database.stage import same_person

EXPORT = f"{ME}/export"


async def test_whoever_has_gone_is_told_so_by_a_process_that_has_not_heard_of_it(
    owner: Client, database_url: str, tmp_path: Path
) -> None:
    task = answered(await owner.post(TASKS, json={"title": "Water the plants"}), 201)
    async with running(settings_for(database_url), tmp_path / "other.log") as other, same_person(other, owner) as there:
        answered(await there.get(ME))
        assert (await owner.request("DELETE", ME, json={"password": PASSWORD})).status_code == 204

        replies = {
            "export": await there.get(EXPORT),
            "tasks": await there.get(f"{TASKS}/export?format=csv"),
            "import": await there.post(f"{ME}/import?format=csv", files={"file": b"TYPE,CONTENT\ntask,Too late"}),
            "feed": await there.post(f"{ME}/feeds", json={"name": "Phone"}),
            "token": await there.post("/api/v1/auth/tokens", json={"name": "Backup", "scopes": ["tasks:read"]}),
            "password": await there.post(
                "/api/v1/auth/password/change", json={"current_password": PASSWORD, "new_password": "x" * 20}
            ),
            "task": await there.post(TASKS, json={"title": "Too late"}),
            "profile": await there.patch(ME, json={"name": "Grace"}),
            "leave": await there.request("DELETE", ME, json={"password": PASSWORD}),
        }
        gone = {
            "purge": await there.delete(f"{ME}/trash/{task['id']}"),
            "end": await there.delete(f"/api/v1/auth/sessions/{owner.session_id}"),
            "delete": await there.delete(f"{ME}/feeds/{task['id']}"),
        }

    assert replies["export"].json()["code"] == "token_invalid"
    # Two seconds after it last asked it hears of it.
    assert {name for name, reply in replies.items() if reply.status_code != 401} == set()
    assert {name for name, reply in gone.items() if reply.status_code not in (401, 404)} == set()


async def test_whoever_is_locked_out_has_nothing_that_lasts_from_a_process_that_has_not_heard_of_it(
    app: FastAPI, owner: Client, database_url: str, tmp_path: Path
) -> None:
    password, new = {"password": PASSWORD}, {"current_password": PASSWORD, "new_password": "staple the horse again"}
    async with running(settings_for(database_url), tmp_path / "other.log") as other, same_person(other, owner) as there:
        answered(await there.get(ME))
        await lockouts(app).disable(owner.email)

        replies = [
            await there.post("/api/v1/auth/password/change", json=new),
            await there.request("DELETE", ME, json=password),
            await there.post(f"{ME}/feeds", json={"name": "Phone"}),
            await there.post("/api/v1/auth/tokens", json={"name": "Backup", "scopes": ["tasks:read"]}),
        ]

    assert [reply.status_code for reply in replies] == [401] * 4
    told = await sql(app, "SELECT event FROM audit_log WHERE user_id = :id ORDER BY id", id=owner.user_id)
    assert told == [{"event": "user.disabled"}]


async def test_the_address_of_somebody_who_left_is_free(owner: Client, anonymous: Client) -> None:
    await owner.request("DELETE", ME, json={"password": PASSWORD})

    account = {"email": owner.email, "name": "Ada", "password": PASSWORD}
    again = answered(await anonymous.post("/api/v1/auth/register", json=account), 201)

    assert again["user"]["id"] != str(owner.user_id)


@pytest.mark.parametrize("known", [False, True], ids=["not looked up", "known"])
@pytest.mark.parametrize("leaves", [False, True], ids=["locked out", "gone"])
async def test_personal_tokens_end_with_the_account(
    app: FastAPI, owner: Client, token_client: TokenClient, *, known: bool, leaves: bool
) -> None:
    client = await token_client("tasks:read")
    if known:
        answered(await client.get(TASKS))

    if leaves:
        await owner.request("DELETE", ME, json={"password": PASSWORD})
    else:
        await lockouts(app).disable(owner.email)
        await lockouts(app).enable(owner.email)

    problem(await client.get(TASKS), 401, "token_revoked" if known else "token_invalid")
    assert await sql(app, "SELECT 1 FROM access_tokens WHERE id = :id", id=client.token_id) == []
