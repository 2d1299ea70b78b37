"""Every answer tells a browser what not to make of it, whatever was asked and whatever went wrong."""

import httpx
import pytest

from tests.factories.clients import Client
from tests.factories.edges import Edge
from tests.integration.test_api.answers import JSON, LOGIN, ME, TASKS, answered, problem
from tests.integration.test_api.contract import address
from tests.integration.test_architecture.operations import OPERATIONS

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
PRIVATE = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
PUBLIC = {"/.well-known/jwks.json": {"cache-control": "public, max-age=300"}}
ASSET = "/docs/assets/swagger-ui.css"
REFERENCE = ("/docs", "/redoc", "/openapi.json", ASSET, "/docs/assets/redoc.standalone.js")
HSTS = "strict-transport-security"


def has(reply: httpx.Response, expected: dict[str, str]) -> bool:
    """Whether the reply has these headers, each once."""
    return {name: reply.headers.get_list(name) for name in expected} == {
        name: [value] for name, value in expected.items()
    }


async def test_every_operation_answers_with_them(owner: Client, anonymous: Client) -> None:
    for operation in OPERATIONS:
        if operation.path.startswith(REFERENCE):
            continue
        for client in (owner, anonymous):
            reply = await client.request(operation.method, address(operation.path))
            assert has(reply, ALWAYS | PRIVATE | PUBLIC.get(operation.path, {})), operation
            assert HSTS not in reply.headers


async def test_refusals_and_what_has_no_content_have_them(
    owner: Client, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await owner.post(TASKS, json={"title": "x"})
    known = {"If-None-Match": task.headers["etag"]}
    replies = [
        (201, task),
        (304, await owner.get(task.headers["location"], headers=known)),
        (200, await owner.head(task.headers["location"])),
        (204, await owner.delete(task.headers["location"])),
        (400, await owner.post(TASKS, content=b"{", headers=JSON)),
        (401, await anonymous.get(TASKS)),
        (404, await anonymous.get("/nope")),
        (404, await anonymous.get("/docs/assets/nope")),
        (405, await anonymous.request("TRACE", TASKS)),
        (413, await anonymous.post(LOGIN, content=b" " * (1024 * 1024 + 1), headers=JSON)),
        (415, await owner.patch(ME, content=b"x")),
    ]
    monkeypatch.delattr(owner.app.state, "sessions")
    replies.append((500, await anonymous.post(LOGIN, json={"email": "a@example.com", "password": "correct horse"})))
    for status, reply in replies:
        assert reply.status_code == status
        assert has(reply, ALWAYS | PRIVATE), status


async def test_the_reference_pages_have_a_policy_of_their_own_and_cannot_be_framed(anonymous: Client) -> None:
    for path in ("/docs", "/redoc"):
        reply = await anonymous.get(path)
        assert has(reply, ALWAYS | {"cache-control": "no-store"})
        (policy,) = reply.headers.get_list("content-security-policy")
        assert {"default-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(
            policy.split("; ")
        )
        assert "camera=()" in reply.headers["permissions-policy"]


async def test_what_is_the_same_for_everybody_may_be_kept(anonymous: Client) -> None:
    first = await anonymous.get(ASSET)
    again = await anonymous.get(ASSET, headers={"If-None-Match": first.headers["etag"]})
    script = await anonymous.get("/docs/assets/redoc.standalone.js")

    assert (first.status_code, again.status_code, script.status_code) == (200, 304, 200)
    for reply in (first, again, script):
        assert has(reply, ALWAYS | {"cache-control": "public, max-age=3600"})


async def test_on_https_browsers_are_told_to_stay_there(edge: Edge) -> None:
    async with edge(public_url="https://api.example.com/") as client:
        replies = [await client.get(path) for path in ("/health/live", "/nope", TASKS, "/docs", ASSET)]

    for reply in replies:
        assert has(reply, {HSTS: "max-age=31536000; includeSubDomains"})


async def test_on_http_they_are_not(edge: Edge) -> None:
    async with edge(public_url="http://api.example.com") as client:
        assert HSTS not in (await client.get("/health/live")).headers


async def test_the_reference_can_be_turned_off(edge: Edge) -> None:
    async with edge(docs="off") as client:
        for path in REFERENCE:
            problem(await client.get(path), 404, "not_found")
        assert answered(await client.get("/health/live")) == {"status": "ok"}
