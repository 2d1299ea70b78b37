"""The throttle's counts cannot be written any more when somebody has just been let in: they are in all the same."""

from dataclasses import replace

from tests.factories.clients import PASSWORD, client_for
from tests.factories.databases import execute
from tests.integration.test_api.answers import LOGIN, answered
from tests.integration.test_database.stage import Stage

BROKEN = (
    """
    CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'The disk is full'; END $$
    """,
    """
    CREATE TRIGGER known BEFORE INSERT ON rate_limits FOR EACH ROW
    WHEN (new.key LIKE 'known:%') EXECUTE FUNCTION broken()
    """,
    "CREATE TRIGGER forgiven BEFORE DELETE ON rate_limits FOR EACH ROW EXECUTE FUNCTION broken()",
)
OTHER = "another long sentence to remember"


async def test_what_was_done_is_answered_so_when_it_cannot_be_counted(stage: Stage, own_database_url: str) -> None:
    for statement in BROKEN:
        await execute(own_database_url, statement)
    async with replace(stage, url=own_database_url).serving() as app, client_for(app) as client:
        account = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}

        answered(await client.post("/api/v1/auth/register", json=account), 201)
        signed_in = answered(await client.post(LOGIN, json={"email": account["email"], "password": PASSWORD}))
        client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
        change = {"current_password": PASSWORD, "new_password": OTHER}
        changed = await client.post("/api/v1/auth/password/change", json=change)

        assert changed.status_code == 204
    failed = [line for line in stage.logged() if line["event"] == "throttle.failed"]
    assert [(line["level"], line["cause"]) for line in failed] == [("warning", "RaiseError")] * 3
    assert stage.failures() == []
