"""What holds for every path: the form of a refusal, the methods, the size of a body, the id of a request."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from tests.factories.clients import Client
from tests.integration.test_api.answers import JSON, LOGIN, ME, REGISTER, TASKS, TOKEN, answered, headers_of, problem
from tests.integration.test_api.contract import address

TASK = f"{TASKS}/01a2031a-4bff-74e3-9420-6887b1f97bce"
MIB = 1024 * 1024


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nope",
        "/api",
        "/api/v1",
        "/api/v1/users",
        f"{ME}/",
        "/api/v2/users/me/tasks",
        f"{TASKS}/",
        f"{TASK}/",
        f"{TASK}/nope",
        f"/{TASKS}",
        "/API/me/tasks",
        "/favicon.ico",
        "/.env",
        "/..%2f..%2fetc/passwd",
    ],
)
async def test_where_there_is_nothing_the_answer_is_a_problem(owner: Client, anonymous: Client, path: str) -> None:
    url = httpx.URL(f"http://testserver{path}")

    for client in (owner, anonymous):
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            problem(await client.request(method, url), 404, "not_found")


def _matches(template: str, path: str) -> bool:
    return (
        re.fullmatch(re.sub(r"\\?{[^}]*}", "[^/]+", re.escape(template).replace(r"\{", "{").replace(r"\}", "}")), path)
        is not None
    )


async def test_a_method_that_a_path_does_not_take_is_refused_with_those_it_takes(
    app: FastAPI, anonymous: Client
) -> None:
    methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"}
    documented = {path: {method.upper() for method in item} for path, item in app.openapi()["paths"].items()}

    for template, taken in documented.items():
        path = address(template)
        expected = taken | {"HEAD"} if "GET" in taken else taken
        for method in methods - {"HEAD"}:
            reply = await anonymous.request(method, path)
            if method in expected:
                assert reply.status_code != 405, (method, path)
            else:
                problem(reply, 405, "method_not_allowed")
                assert set(reply.headers["allow"].split(", ")) == expected, (method, path)
        assert ((await anonymous.head(path)).status_code != 405) == ("HEAD" in expected), path


async def test_head_says_what_get_would(owner: Client) -> None:
    task = answered(await owner.post(TASKS, json={"title": "x"}), 201)
    await owner.post(TASKS, json={"title": "y"})

    for path in (TASKS, f"{TASKS}?limit=1", f"{TASKS}/{task['id']}", TASK, ME, "/health"):
        got, head = await owner.get(path), await owner.head(path)
        for reply in (got, head):
            del reply.headers["x-request-id"]
        assert (head.status_code, head.content, headers_of(head)) == (got.status_code, b"", headers_of(got))


ENCODED = ["%20", "%3F", "%23", "%0A", "%00", "%25", "%C3%BC", "%3C%22%3E", ":@,;=&+!$'(*)~", "."]


@pytest.mark.parametrize("path", [*(f"/a{part}b" for part in ENCODED), f"{TASKS}/%3C%22%3E"])
async def test_the_instance_of_a_problem_is_the_path_as_a_uri_reference(owner: Client, path: str) -> None:
    reply = await owner.get(httpx.URL(f"http://testserver{path}"))

    assert reply.status_code in {400, 404}
    assert reply.json()["instance"] == path


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", TASKS), ("PATCH", ME), ("POST", REGISTER), ("POST", LOGIN), ("POST", TOKEN), ("POST", "/nope")],
)
async def test_a_body_that_is_announced_as_too_large_is_refused(
    owner: Client, anonymous: Client, method: str, path: str
) -> None:
    for client in (owner, anonymous):
        reply = await client.request(method, path, content=b" " * (MIB + 1), headers=JSON)
        problem(reply, 413, "content_too_large")


@pytest.mark.parametrize(
    ("path", "headers", "start"),
    [
        (TASKS, JSON, b'{"title": "'),
        (f"{TASK}/complete", JSON, b'{"completed": "'),
        (REGISTER, JSON, b'{"email": "'),
        (LOGIN, JSON, b'{"email": "'),
    ],
    ids=["task", "complete", "register", "login"],
)
async def test_a_body_without_end_is_read_up_to_the_limit(
    owner: Client, path: str, headers: dict[str, str], start: bytes
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield start
        while True:
            yield b"x" * 65_536
            sent += 65_536

    method = "PATCH" if path.endswith("complete") else "POST"
    reply = await owner.request(method, path, content=endless(), headers=headers)

    problem(reply, 413, "content_too_large")
    assert sent <= MIB


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_exactly_the_limit_is_taken(owner: Client, chunked: bool) -> None:
    body = b'{"title": "x"}'.ljust(MIB)

    async def chunks() -> AsyncIterator[bytes]:
        for begin in range(0, MIB, 65_536):
            yield body[begin : begin + 65_536]

    reply = await owner.post(TASKS, content=chunks() if chunked else body, headers=JSON)

    assert answered(reply, 201)["title"] == "x"


async def test_no_more_headers_are_taken_than_anybody_sends(anonymous: Client) -> None:
    own = len(anonymous.headers) + 1  # and Host
    taken = await anonymous.get("/health/live", headers={f"X-{number}": "y" for number in range(100 - own)})
    refused = await anonymous.get("/health/live", headers={f"X-{number}": "y" for number in range(101 - own)})

    assert taken.status_code == 200
    problem(refused, 431, "headers_too_large")


GIVEN = ["0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01", "abcdefgh", "A.b_c-1234", "x" * 64]
NOT_TAKEN = ["", "short12", "x" * 65, "has space", "semi;colon", '"quoted12"', "tab\tbed12", "ümlaut12", "{{7*7}}12"]


@pytest.mark.parametrize("given", GIVEN)
async def test_the_id_of_a_request_is_taken_over_from_the_caller(owner: Client, given: str) -> None:
    headers = {"X-Request-ID": given}

    for path in (TASKS, TASK, "/nope", "/health"):
        reply = await owner.get(path, headers=headers)
        assert reply.headers.get_list("x-request-id") == [given]
        if reply.is_error:
            assert reply.json()["request_id"] == given


@pytest.mark.parametrize("given", NOT_TAKEN, ids=ascii)
async def test_an_id_that_could_do_harm_is_replaced(owner: Client, given: str) -> None:
    headers = httpx.Headers({"X-Request-ID": given}, encoding="latin-1")

    replies = [await owner.get(path, headers=headers) for path in (TASKS, "/nope", "/nope")]

    ids = {reply.headers["x-request-id"] for reply in replies}
    assert len(ids) == 3
    assert all(len(request_id) == 32 and request_id.isalnum() for request_id in ids)
    assert replies[1].json()["request_id"] in ids
