"""A stranger's tool reads the document and tries to prove it, or the server, wrong: every check, every phase."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.factories.applications import running, settings_for
from tests.factories.clients import PASSWORD, client_for, sign_up
from tests.factories.mailboxes import MailServer, settings_of
from tests.factories.servers import serving
from tests.integration.test_api import schemathesis_hooks
from tests.integration.test_api.answers import LOGIN
from tests.integration.test_api.contract import OPERATIONS

MORE_THAN_IT_ASKS = "1000000/minute"

CONFIG = """
hooks = {hooks}
color = false
continue-on-failure = true

[auth.wfc]
path = {people}
peers = ["somebody", "somebody else"]

[generation]
deterministic = true
max-examples = 10
database = "none"

[phases.stateful.generation]
max-examples = 30

[checks.positive_data_acceptance]
# A request may be well-formed and still ask for what is not there (404), not one's own (403), taken (409), of another
# version (412), or too soon after wrong passwords (429). The other documented refusals, 400 before all, must not meet
# what keeps the schema.
expected-statuses = ["2xx", "304", "401", "403", "404", "409", "412", "429"]

[warnings]
# Not when many well-formed requests are refused: each refusal is looked at (`filter_failure`), and what is never
# accepted is told below.
display = ["missing_auth", "missing_test_data", "missing_deserializer", "unused_openapi_auth", "unsupported_regex"]
fail-on = true

[[operations]]
# See the hooks. What these answer is held against the document in test_contract.py.
include-name = {with_password}
enabled = false

[[operations]]
# The tool has not what they take.
include-name = {out_of_reach}
warnings = false

[cache]
enabled = false
"""


def signing_in(name: str, email: str) -> dict[str, Any]:
    """How the tool becomes somebody, in the words of the Web Fuzzing Commons."""
    return {
        "name": name,
        "loginEndpointAuth": {
            "endpoint": LOGIN,
            "verb": "POST",
            "contentType": "application/json",
            "payloadUserPwd": {
                "usernameField": "email",
                "username": email,
                "passwordField": "password",
                "password": PASSWORD,
            },
            "token": {
                "extractFrom": "body",
                "extractSelector": "/access_token",
                "sendIn": "header",
                "sendName": "Authorization",
                "sendTemplate": "Bearer {token}",
            },
        },
    }


async def run(directory: Path, url: str) -> tuple[int, str]:
    """Run the tool in a process of its own; gives its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *("--config-file", "schemathesis.toml", "run", f"{url}/openapi.json"),
        *("--report", "json", "--report-json-path", "report.json"),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, output.decode()


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("uncounted")
async def test_no_fault_is_found_by_a_tool_that_reads_the_document(
    own_database_url: str, mailboxes: MailServer, tmp_path: Path
) -> None:
    people = tmp_path / "people.json"
    settings = settings_for(
        own_database_url,
        rate_limit=MORE_THAN_IT_ASKS,
        auth_rate_limit=MORE_THAN_IT_ASKS,
        **settings_of(mailboxes),
    )
    async with running(settings, tmp_path / "log") as app, serving(app) as url, AsyncExitStack() as stack:
        entries = []
        for name in ("somebody", "somebody else"):
            person = await sign_up(app, await stack.enter_async_context(client_for(app)))
            entries.append(signing_in(name, person.email))
        people.write_text(json.dumps({"auth": entries}))
        config = CONFIG.format(
            hooks=json.dumps(schemathesis_hooks.__file__),
            people=json.dumps(str(people)),
            with_password=json.dumps(schemathesis_hooks.WITH_PASSWORD),
            out_of_reach=json.dumps(schemathesis_hooks.OUT_OF_REACH),
        )
        (tmp_path / "schemathesis.toml").write_text(config)

        exit_code, output = await run(tmp_path, url)

    assert exit_code == 0, output
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["complete"], output
    assert {name: phase["status"] for name, phase in report["phases"].items()} == dict.fromkeys(
        ("examples", "coverage", "fuzzing", "stateful"), "success"
    )
    assert report["operations"]["tested"] == len(OPERATIONS) - len(schemathesis_hooks.WITH_PASSWORD)
    never_accepted = [
        name
        for name, phases in report["valid_rates"].items()
        if not any(counts["accepted"] for counts in phases.values())
    ]
    assert set(never_accepted) <= set(schemathesis_hooks.OUT_OF_REACH), (
        "a tool that is only ever refused proves nothing"
    )
