"""People who sign in elsewhere may do what others may, leave for good, and be locked out."""

import json
from pathlib import Path

import pytest

from tests.factories.applications import FRONTEND, running, settings_for
from tests.factories.clients import Client, client_for
from tests.factories.issuers import claims_of, signing_key, token_of_the_frontend
from tests.integration.test_api.answers import LOGOUT, ME, TASKS, answered, lockouts, problem


@pytest.fixture
def elsewhere(anonymous: Client) -> Client:
    """Somebody whom the frontend has signed in, and who is new here."""
    anonymous.headers["Authorization"] = f"Bearer {token_of_the_frontend(name='Ada')}"
    return anonymous


async def test_they_have_a_profile_and_tasks(elsewhere: Client) -> None:
    me = answered(await elsewhere.get(ME))
    task = answered(await elsewhere.post(TASKS, json={"title": "Water the plants"}), 201)
    renamed = answered(await elsewhere.patch(ME, json={"name": "Grace"}))

    assert (me["name"], me["email"], renamed["name"]) == ("Ada", None, "Grace")
    assert answered(await elsewhere.get(f"/api/v1/users/{me['id']}/tasks")) == [task]


async def test_there_is_no_session_to_sign_out_of(elsewhere: Client) -> None:
    problem(await elsewhere.post(LOGOUT), 403, "signed_in_elsewhere")

    assert (await elsewhere.get(ME)).status_code == 200


async def test_who_leaves_for_good_does_not_come_back_with_the_token_at_hand(elsewhere: Client) -> None:
    user_id = answered(await elsewhere.get(ME))["id"]
    await elsewhere.post(TASKS, json={"title": "Water the plants"})
    assert (await elsewhere.delete(ME)).status_code == 204

    for method, path in (("GET", ME), ("GET", TASKS), ("POST", TASKS)):
        problem(await elsewhere.request(method, path, json={"title": "x"}), 401, "token_revoked")
    left = "SELECT count(*) FROM users WHERE id = $1::uuid"
    assert (await elsewhere.app.state.database.fast.run(left, user_id))[0]["count"] == 0


async def test_nor_in_a_process_that_has_not_heard_of_it_yet(
    elsewhere: Client, database_url: str, tmp_path: Path
) -> None:
    answered(await elsewhere.get(ME))
    async with running(settings_for(database_url), tmp_path / "other.log") as other, client_for(other) as there:
        there.headers["Authorization"] = f"Bearer {token_of_the_frontend(name='Grace')}"
        answered(await there.get(ME))
        assert (await elsewhere.delete(ME)).status_code == 204

        there.headers["Authorization"] = elsewhere.headers["Authorization"]
        problem(await there.get(ME), 401, "token_revoked")


async def test_a_token_of_the_frontend_that_has_expired_is_refused(anonymous: Client) -> None:
    anonymous.headers["Authorization"] = f"Bearer {token_of_the_frontend(exp=1)}"

    problem(await anonymous.get(ME), 401, "token_expired")


async def test_where_no_key_set_can_be_read_the_token_is_not_to_blame(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    token = signing_key("EdDSA").token(claims_of(FRONTEND, FRONTEND))
    async with running(settings_for(database_url), tmp_path / "app.log") as app, client_for(app) as client:
        for _ in range(2):
            reply = await client.get(ME, headers={"Authorization": f"Bearer {token}"})
            problem(reply, 503, "issuer_unavailable")
            assert reply.headers["retry-after"] == "5"

    lines = [json.loads(line) for line in (tmp_path / "app.log").read_text().splitlines()]
    assert [line["cause"] for line in lines if line["event"] == "issuer.keys_unreadable"] == ["FileNotFoundError"]


async def test_whoever_is_let_in_again_is_in_at_once_wherever_that_is(
    elsewhere: Client, database_url: str, tmp_path: Path
) -> None:
    user_id = answered(await elsewhere.get(ME))["id"]
    async with running(settings_for(database_url), tmp_path / "other.log") as other, client_for(other) as there:
        there.headers["Authorization"] = elsewhere.headers["Authorization"]
        answered(await there.get(ME))
        await lockouts(other).disable(user_id)
        for client in (there, elsewhere):
            # As when it had last asked long ago.
            client.app.state.revocations._read_at = None
            problem(await client.get(ME), 401, "token_revoked")

        await lockouts(other).enable(user_id)

        assert [answered(await client.get(ME))["id"] for client in (there, elsewhere)] == [user_id] * 2
        await lockouts(other).disable(user_id)
        problem(await there.get(ME), 401, "token_revoked")
