"""The Host header: one, and one of those that the operator has named."""

import httpx
import pytest

from tests.factories.clients import Client
from tests.factories.edges import Edge
from tests.integration.test_api.answers import TASKS, faults, problem

TRUSTED = "api.example.com, *.tasks.example, [2001:db8::1]"
OURS = ["api.example.com", "API.Example.COM", "api.example.com:8443", "a.tasks.example", "a.b.tasks.example:80"]
OURS += ["[2001:db8::1]", "[2001:db8::1]:8000", "api.example.com.", "A.tasks.example.:8443"]
OTHERS = ["example.com", "tasks.example", "eviltasks.example", "api.example.com.evil.example", "evil.example"]
OTHERS += [
    "",
    "api.example.com@evil.example",
    "127.0.0.1",
    "[2001:db8::2]",
    "[2001:db8::1",
    "api.example.com,evil",
    "*",
    "evil.example#.tasks.example",
    "evil.example/.tasks.example",
    "x@a.tasks.example",
    "a b.tasks.example",
    "a..tasks.example",
    ".tasks.example",
    "tasks.example.",
    "api.example.com..",
    "api.example.com:80@evil.example",
    "[2001:db8::1].tasks.example",
    "[2001:db8::1]evil.example",
    "\xe4.tasks.example",
]


async def test_a_name_that_is_ours_is_answered(edge: Edge) -> None:
    async with edge(trusted_hosts=TRUSTED) as client:
        replies = {host: await client.get(TASKS, headers={"Host": host}) for host in OURS}

    assert [host for host, reply in replies.items() if reply.json()["code"] != "token_missing"] == []


async def test_another_name_is_refused_before_anything_is_looked_at(edge: Edge) -> None:
    async with edge(trusted_hosts=TRUSTED) as client:
        for path in (TASKS, "/", "/nope", "/docs"):
            replies = {host: await client.get(path, headers=[(b"Host", host.encode("latin-1"))]) for host in OTHERS}

            assert [host for host, reply in replies.items() if reply.status_code != 400] == []
            for reply in replies.values():
                assert faults(reply, "host_not_trusted") == ["Host"]


async def test_health_is_answered_by_address_too(edge: Edge) -> None:
    async with edge(trusted_hosts=TRUSTED) as client:
        for path in ("/health", "/health/live", "/health/ready"):
            assert (await client.get(path, headers={"Host": "10.1.2.3:8000"})).status_code == 200


@pytest.mark.parametrize("host", ["anything.example", "127.0.0.1:8000", "x"])
async def test_any_name_will_do_where_none_is_named(anonymous: Client, host: str) -> None:
    assert (await anonymous.get("/health/live", headers={"Host": host})).status_code == 200


async def test_two_names_are_refused(anonymous: Client) -> None:
    twice = [("Host", "a.example"), ("Host", "b.example")]

    reply = await anonymous.send(httpx.Request("GET", "http://testserver/health/live", headers=twice))

    problem(reply, 400, "malformed_request")
