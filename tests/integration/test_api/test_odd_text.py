"""NUL, lone surrogates and bytes that are no text, wherever text may stand: refused or harmless, never our fault."""

import httpx
import pytest
from fastapi import FastAPI

from tests.factories.clients import PASSWORD, Client
from tests.integration.test_api.answers import JSON, LOGIN, REGISTER, TASKS, TOKEN, answered, faults, problem
from tests.integration.test_api.contract import address

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# NUL, a character that is none.
ODD = ["%00", "%EF%BF%BF"]
# A surrogate, half of one, a byte that begins nothing, an overlong NUL, what is beyond Unicode.
NO_TEXT = ["%ED%A0%80", "%ed%b0", "%FF", "%C0%80", "%F4%90%80%80"]


def url(path: str) -> httpx.URL:
    return httpx.URL(f"http://testserver{path}")


@pytest.mark.parametrize("odd", ODD)
async def test_in_a_path_it_names_nothing(owner: Client, anonymous: Client, odd: str) -> None:
    problem(await owner.get(url(f"/api/v1/users/{odd}/tasks")), 403, "not_yours")
    problem(await anonymous.get(url(f"/{odd}")), 404, "not_found")
    problem(await anonymous.get(url(f"/docs/assets/{odd}")), 404, "not_found")
    for method in ("GET", "PATCH", "DELETE"):
        reply = await owner.request(method, url(f"{TASKS}/{odd}"), content=b'{"title": "x"}', headers=JSON)
        assert faults(reply) == ["task_id"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["limit", "cursor", "completed"])
async def test_in_a_query_it_is_a_wrong_value_or_an_unknown_name(owner: Client, name: str, odd: str) -> None:
    assert faults(await owner.get(url(f"{TASKS}?{name}={odd}"))) == [name]
    assert faults(await owner.get(url(f"{TASKS}?{name}{odd}=1")))


@pytest.mark.parametrize("odd", NO_TEXT)
async def test_what_is_no_text_is_not_read_as_another_one(owner: Client, anonymous: Client, odd: str) -> None:
    for path in (f"/api/v1/users/{odd}/tasks", f"/{odd}", f"/docs/assets/{odd}", f"{TASKS}/{odd}", f"/feeds/{odd}.ics"):
        for client in (owner, anonymous):
            assert faults(await client.get(url(path)), "invalid_input") == ["path"]
    for query in (f"q={odd}", f"limit={odd}", f"{odd}=1", f"q=%C3%BC{odd}", f"q=%{odd}"):
        assert faults(await owner.get(url(f"{TASKS}?{query}")), "invalid_input") == ["query"]
    assert answered(await owner.get(url(f"{TASKS}?q=%C3%BC%F0%9F%8C%B1%"))) == []


async def test_a_path_that_ends_with_a_line_feed_is_another_one(app: FastAPI, owner: Client) -> None:
    for template, item in app.openapi()["paths"].items():
        method = next(iter(item)).upper()
        problem(await owner.request(method, url(f"{address(template)}%0a")), 404, "not_found")


@pytest.mark.parametrize("odd", ODD + NO_TEXT)
@pytest.mark.parametrize("kind", ["username", "password", "refresh_token", "grant_type", "client_id", ""])
async def test_in_a_form_it_signs_nobody_in(owner: Client, anonymous: Client, kind: str, odd: str) -> None:
    fields = {"grant_type": "password", "username": owner.email, "password": PASSWORD, "refresh_token": "x"}
    fields["grant_type"] = "refresh_token" if kind == "refresh_token" else "password"
    form = "&".join(f"{name}={value}" for name, value in fields.items() if name != kind) + f"&{kind}={odd}"

    reply = await anonymous.post(TOKEN, content=form, headers=FORM)

    # Nobody reads the last two.
    assert reply.status_code == (200 if kind in ("client_id", "") else 400)


@pytest.mark.parametrize("odd", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\x80" * 500])
async def test_in_a_header_it_changes_nothing(owner: Client, anonymous: Client, odd: bytes) -> None:
    person = {"email": owner.email, "password": PASSWORD}
    for name in (b"User-Agent", b"Accept", b"Cookie", b"X-Forwarded-For", b"Accept-Language", b"X-Request-ID"):
        reply = await anonymous.post(LOGIN, json=person, headers=[(name, odd)])
        assert reply.status_code == 200, name
        assert len(reply.headers["x-request-id"]) == 32
    reply = await owner.get(TASKS, headers=[(b"Authorization", b"Bearer " + odd)])
    problem(reply, 401, "token_malformed")
    reply = await owner.get(f"{TASKS}/01a2031a-4bff-74e3-9420-6887b1f97bce", headers=[(b"If-None-Match", odd)])
    problem(reply, 404, "task_not_found")
    reply = await owner.delete(f"{TASKS}/01a2031a-4bff-74e3-9420-6887b1f97bce", headers=[(b"If-Match", odd)])
    assert faults(reply) == ["If-Match"]


@pytest.mark.parametrize("odd", ["\\u0000", "\\ud800", "\\udfff\\ud800", "a\\ud83d"])
async def test_in_json_it_is_refused_by_name(anonymous: Client, odd: str) -> None:
    for field in ("email", "name", "password"):
        body = {"email": "a@example.com", "name": "Ada", "password": "correct horse battery"} | {field: "MARK"}
        text = httpx.Request("POST", "http://x", json=body).content.replace(b"MARK", f"long enough {odd}".encode())
        assert faults(await anonymous.post(REGISTER, content=text, headers=JSON)) == [field]
