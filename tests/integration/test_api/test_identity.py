"""Who may ask: tokens that are missing, broken, expired or forged, and paths that are somebody else's."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from tests.factories.applications import SECRET
from tests.factories.clients import Client
from tests.factories.queries import CountQueries
from tests.integration.test_api.answers import LOGOUT, ME, TASKS, answered, headers_of, problem

TASK = f"{TASKS}/01a2031a-4bff-74e3-9420-6887b1f97bce"

OWNED: list[tuple[str, str, Any]] = [
    ("GET", TASKS, None),
    ("POST", TASKS, {"title": "x"}),
    ("POST", TASKS, {"no": "title"}),
    ("GET", TASK, None),
    ("PATCH", TASK, {}),
    ("PUT", TASK, {}),
    ("PATCH", f"{TASK}/complete", None),
    ("DELETE", TASK, None),
    ("GET", "/api/me/tasks", None),
    ("GET", f"{TASKS}/7", None),
    ("GET", f"{TASKS}?limit=0", None),
    ("GET", ME, None),
    ("PATCH", ME, {"name": "x"}),
    ("POST", LOGOUT, None),
]


def token(
    client: Client, key: str = SECRET, algorithm: str = "HS256", typ: str | None = "at+jwt", **claims: Any
) -> str:
    """A token like those we issue but for what is said here; a claim of None is left out."""
    now = int(time.time())
    all_claims: dict[str, Any] = {
        "iss": "donewell",
        "aud": "donewell",
        "sub": str(client.user_id),
        "iat": now,
        "exp": now + 900,
        "jti": uuid4().hex,
        "sid": str(client.session_id),
    } | claims
    kept = {name: value for name, value in all_claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers={"typ": typ})


def refused(reply: httpx.Response, code: str) -> None:
    """A 401 as RFC 6750 wants it."""
    problem(reply, 401, code)
    challenge = reply.headers["www-authenticate"]
    if code == "token_missing":
        assert challenge == "Bearer"
    else:
        assert challenge.startswith('Bearer error="invalid_token", error_description="')


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


async def test_the_tokens_of_this_file_are_good_where_nothing_is_wrong_with_them(owner: Client) -> None:
    assert answered(await owner.get(ME, headers=bearer(token(owner))))["id"] == str(owner.user_id)


@pytest.mark.parametrize(("method", "path", "body"), OWNED)
async def test_nobody_and_a_forger_learn_nothing_of_a_path(
    owner: Client, anonymous: Client, method: str, path: str, body: Any
) -> None:
    refused(await anonymous.request(method, path, json=body), "token_missing")
    forged = bearer(token(owner, key="f" * 32))
    refused(await anonymous.request(method, path, json=body, headers=forged), "token_signature_invalid")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "token_missing"),
        ("{0}", "token_missing"),
        ("Basic {0}", "token_missing"),
        ("Token {0}", "token_missing"),
        ("Bearer", "token_malformed"),
        ("Bearer ", "token_malformed"),
        ("Bearer x", "token_malformed"),
        ("Bearer a.b.c", "token_malformed"),
        ("Bearer ..", "token_malformed"),
        ("Bearer null", "token_malformed"),
        ("Bearer {0}.x", "token_malformed"),
        ("Bearer {0} {0}", "token_malformed"),
        ("Bearer {0},", "token_malformed"),
        ('Bearer "{0}"', "token_malformed"),
        ("Bearer Bearer {0}", "token_malformed"),
        ("Bearer é", "token_malformed"),
        ("Bearer " + "x" * 100_000, "token_malformed"),
    ],
    ids=lambda value: ascii(value)[:40],
)
async def test_what_is_no_token_is_told_from_what_is_missing(
    owner: Client, anonymous: Client, value: str, code: str
) -> None:
    headers = httpx.Headers({"Authorization": value.format(owner.access_token)}, encoding="latin-1")

    refused(await anonymous.get(ME, headers=headers), code)


@pytest.mark.parametrize("value", ["bearer {0}", "BEARER {0}", "Bearer   {0}  "])
async def test_the_name_of_the_scheme_has_no_case(owner: Client, anonymous: Client, value: str) -> None:
    headers = {"Authorization": value.format(owner.access_token)}

    assert answered(await anonymous.get(ME, headers=headers))["id"] == str(owner.user_id)


async def test_of_two_tokens_neither_is_chosen(owner: Client, stranger: Client, anonymous: Client) -> None:
    headers = [("Authorization", f"Bearer {client.access_token}") for client in (owner, stranger)]

    refused(await anonymous.get(ME, headers=headers), "token_malformed")


FORGED: dict[str, tuple[Callable[[Client], str], str]] = {
    "expired": (lambda who: token(who, exp=int(time.time()) - 1), "token_expired"),
    "expired-now": (lambda who: token(who, exp=int(time.time())), "token_expired"),
    "expired-long-ago": (lambda who: token(who, exp=1), "token_expired"),
    "other-key": (lambda who: token(who, key="0123456789abcdef" * 2), "token_signature_invalid"),
    "other-algorithm": (lambda who: token(who, key=SECRET * 2, algorithm="HS512"), "token_signature_invalid"),
    "no-algorithm": (lambda who: token(who, key="", algorithm="none"), "token_signature_invalid"),
    "other-signature": (
        lambda who: who.access_token.rpartition(".")[0] + "." + token(who).rpartition(".")[2],
        "token_signature_invalid",
    ),
    "no-signature": (lambda who: who.access_token.rpartition(".")[0] + ".", "token_signature_invalid"),
    "plain-jwt": (lambda who: token(who, typ="JWT"), "token_invalid"),
    "no-type": (lambda who: token(who, typ=None), "token_invalid"),
    "other-issuer": (lambda who: token(who, iss="somebody"), "token_invalid"),
    "other-audience": (lambda who: token(who, aud="somebody"), "token_invalid"),
    "not-yet": (lambda who: token(who, nbf=int(time.time()) + 900), "token_invalid"),
    "subject-no-id": (lambda who: token(who, sub="me"), "token_invalid"),
    "session-no-id": (lambda who: token(who, sid="x"), "token_invalid"),
    "session-number": (lambda who: token(who, sid=7), "token_invalid"),
    "expiry-word": (lambda who: token(who, exp="tomorrow"), "token_invalid"),
    "expiry-infinite": (lambda who: token(who, exp=float("inf")), "token_invalid"),
    "no-iss": (lambda who: token(who, iss=None), "token_invalid"),
    "no-aud": (lambda who: token(who, aud=None), "token_invalid"),
    "no-sub": (lambda who: token(who, sub=None), "token_invalid"),
    "no-iat": (lambda who: token(who, iat=None), "token_invalid"),
    "no-exp": (lambda who: token(who, exp=None), "token_invalid"),
    "no-jti": (lambda who: token(who, jti=None), "token_invalid"),
    "no-sid": (lambda who: token(who, sid=None), "token_invalid"),
}


@pytest.mark.parametrize(("forge", "code"), FORGED.values(), ids=FORGED)
async def test_a_token_that_is_not_good_is_refused_and_told_why(
    owner: Client, anonymous: Client, forge: Callable[[Client], str], code: str
) -> None:
    headers = bearer(forge(owner))

    for _ in range(2):
        refused(await anonymous.get(TASKS, headers=headers), code)


async def test_what_the_token_alone_decides_asks_no_database(
    owner: Client, anonymous: Client, count_queries: CountQueries
) -> None:
    with count_queries() as queries:
        for method, path, body in OWNED:
            await anonymous.request(method, path, json=body)
            await anonymous.request(method, path, json=body, headers=bearer(token(owner, exp=1)))
        problem(await owner.get(f"/api/v1/users/{uuid4()}/tasks"), 403, "not_yours")

    assert queries == []


async def test_a_broken_token_does_not_close_what_is_open_to_all(anonymous: Client) -> None:
    for path in ("/health/live", "/health", "/docs", "/openapi.json"):
        assert (await anonymous.get(path, headers=bearer("x"))).status_code == 200


PATHS = ["/api/v1/users/{}/tasks", "/api/{}/tasks"]


@pytest.mark.parametrize("path", PATHS)
async def test_the_own_id_is_as_good_as_me(owner: Client, path: str) -> None:
    task = await owner.post(path.format(owner.user_id), json={"title": "x"})

    for user_id in ("me", str(owner.user_id), str(owner.user_id).upper()):
        listed = await owner.get(path.format(user_id))
        assert (listed.status_code, listed.content) == (200, b"[" + task.content + b"]")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "user_id",
    ["nobody", "ME", "me%20", "%20me", "me%00", "0", "-1", "*", "null", "%2E%2E", "{hex}", "{braced}", "{urn}"],
)
async def test_a_path_that_is_not_ones_own_is_forbidden(owner: Client, path: str, user_id: str) -> None:
    own = owner.user_id
    written = user_id.format(hex=own.hex, braced=f"%7B{own}%7D", urn=own.urn)
    base = path.format(written)

    requests: list[tuple[str, str, Any]] = [
        ("GET", base, None),
        ("GET", f"{base}?limit=0", None),
        ("POST", base, {"title": "x"}),
        ("POST", base, {"no": "title"}),
        ("GET", f"{base}/{uuid4()}", None),
        ("GET", f"{base}/7", None),
        ("DELETE", f"{base}/{uuid4()}", None),
    ]
    for method, url, body in requests:
        problem(await owner.request(method, httpx.URL(f"http://testserver{url}"), json=body), 403, "not_yours")


@pytest.mark.parametrize("path", PATHS)
async def test_whether_another_user_exists_is_not_told(owner: Client, stranger: Client, path: str) -> None:
    headers = {"X-Request-ID": "the-same-request"}
    somebody, nobody = str(stranger.user_id), str(uuid4())

    replies = [await owner.get(path.format(user_id), headers=headers) for user_id in (somebody, nobody)]

    problem(replies[0], 403, "not_yours")
    assert replies[0].text.replace(somebody, nobody) == replies[1].text
    assert headers_of(replies[0]) == headers_of(replies[1])


async def test_a_stranger_cannot_write_into_a_list(owner: Client, stranger: Client) -> None:
    problem(await stranger.post(f"/api/v1/users/{owner.user_id}/tasks", json={"title": "x"}), 403, "not_yours")

    assert (await owner.get(TASKS)).json() == []
