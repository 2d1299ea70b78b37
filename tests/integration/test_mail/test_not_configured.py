"""Without a mail server: links in the log of the embedded default, and a refusal everywhere else."""

import httpx

from tests.factories.applications import running, settings_for
from tests.factories.clients import PASSWORD, client_for, sign_up
from tests.integration.test_database.stage import Stage, eventually

AUTH = "/api/v1/auth"
NEW = "staple the horse again"


async def test_what_needs_mail_is_refused_and_people_register_all_the_same(stage: Stage) -> None:
    async with stage.application() as (_, client):
        account = {"email": f"new.{client.email}", "name": "Ada", "password": PASSWORD}
        registered = await client.post(f"{AUTH}/register", json=account)
        refused: list[httpx.Response] = [
            await client.post(f"{AUTH}/password/forgot", json={"email": client.email}),
            await client.post(f"{AUTH}/email/resend", json={"email": client.email}),
            await client.post(f"{AUTH}/email/change", json={"email": "new@example.com", "password": PASSWORD}),
        ]
        changed = await client.post(f"{AUTH}/password/change", json={"current_password": PASSWORD, "new_password": NEW})

    assert (registered.status_code, changed.status_code) == (201, 204)
    assert [(reply.status_code, reply.json()["code"]) for reply in refused] == [(503, "mail_not_configured")] * 3
    assert await stage.watcher.fetchval("SELECT count(*) FROM mails") == 0
    assert "dwm_" not in stage.log.read_text()


async def test_the_embedded_default_prints_the_link(stage: Stage) -> None:
    async with running(settings_for(stage.url), stage.log, embedded=True) as app, client_for(app) as client:
        await sign_up(app, client)
        await client.post(f"{AUTH}/password/forgot", json={"email": client.email})

        async def printed() -> bool:
            return any(line["event"] == "mail.printed" for line in stage.logged())

        await eventually(printed)
        [line] = [line for line in stage.logged() if line["event"] == "mail.printed"]
        page, _, token = line["link"].partition("#token=")
        reset = await client.post(f"{AUTH}/password/reset", json={"token": token, "password": NEW})

        async def told() -> bool:
            return any(line.get("purpose") == "password_changed" for line in stage.logged())

        await eventually(told)

    # What only tells of the change has no link.
    assert [line["purpose"] for line in stage.logged() if line["event"] == "mail.printed"] == ["reset_password"]
    assert [line["purpose"] for line in stage.logged() if line["event"] == "mail.left_out"] == ["password_changed"]
    assert not any(line["event"] == "mail.sent" for line in stage.logged()), "nothing was"
    assert page == "http://127.0.0.1:8000/reset-password"
    assert reset.status_code == 204
    assert client.email not in stage.log.read_text()
