"""Registering and signing in: by JSON, and by the OAuth 2 form."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from argon2 import PasswordHasher, extract_parameters
from fastapi import FastAPI

from tests.factories.applications import SECRET
from tests.factories.clients import PASSWORD, Client
from tests.factories.hashes import CountHashes
from tests.factories.queries import CountQueries
from tests.integration.test_api.answers import (
    JSON,
    LOGIN,
    ME,
    REGISTER,
    TOKEN,
    answered,
    faults,
    headers_of,
    problem,
    sql,
)

TOKENS = {"access_token", "token_type", "expires_in", "refresh_token"}


def new_email() -> str:
    return f"{uuid4().hex}@example.com"


async def register(client: Client, **fields: str) -> httpx.Response:
    return await client.post(REGISTER, json={"email": new_email(), "name": "Ada", "password": PASSWORD, **fields})


async def sign_in(client: Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post(LOGIN, json={"email": email, "password": password})


async def by_form(client: Client, **fields: str) -> httpx.Response:
    return await client.post(TOKEN, data={"grant_type": "password", **fields})


async def whose(client: Client, tokens: dict[str, Any]) -> str:
    """The e-mail address of the account that the access token is good for."""
    reply = await client.get(ME, headers={"Authorization": f"{tokens['token_type']} {tokens['access_token']}"})
    return str(answered(reply)["email"])


def claims_of(tokens: dict[str, Any]) -> dict[str, Any]:
    return dict(jwt.decode(tokens["access_token"], SECRET, algorithms=["HS256"], audience="donewell"))


async def test_whoever_registers_is_signed_in(anonymous: Client) -> None:
    email = new_email()

    signed_in = answered(await register(anonymous, email=email), 201)

    assert signed_in.keys() == TOKENS | {"user"}
    assert signed_in["token_type"] == "Bearer"
    assert signed_in["user"]["email"] == email
    assert await whose(anonymous, signed_in) == email


async def test_login_answers_what_registration_answered(anonymous: Client) -> None:
    registered = answered(await register(anonymous), 201)

    signed_in = answered(await sign_in(anonymous, registered["user"]["email"]))

    assert signed_in.keys() == registered.keys()
    assert signed_in["user"] == registered["user"]
    assert signed_in["refresh_token"] != registered["refresh_token"]


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
async def test_the_form_signs_in(owner: Client, anonymous: Client, kind: str) -> None:
    fields = {"grant_type": "password", "username": owner.email, "password": PASSWORD, "scope": "", "client_id": "x"}

    if kind == "urlencoded":
        reply = await anonymous.post(TOKEN, data=fields)
    else:
        reply = await anonymous.post(TOKEN, files={name: (None, value) for name, value in fields.items()})

    tokens = answered(reply)
    assert tokens.keys() == TOKENS
    assert await whose(anonymous, tokens) == owner.email


async def test_the_access_token_says_what_rfc_9068_asks_for_and_lasts_15_minutes(owner: Client) -> None:
    tokens = answered(await sign_in(owner, owner.email))
    others = answered(await sign_in(owner, owner.email))

    claims = claims_of(tokens)
    header = jwt.get_unverified_header(tokens["access_token"])
    assert header == {"alg": "HS256", "typ": "at+jwt", "kid": header.get("kid")}
    assert header["kid"]
    assert claims.keys() == {"iss", "aud", "sub", "iat", "exp", "jti", "sid"}
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("donewell", "donewell", str(owner.user_id))
    assert claims["exp"] - claims["iat"] == tokens["expires_in"] <= 15 * 60
    assert UUID(claims["sid"]) != owner.session_id
    for unique in ("jti", "sid"):
        assert claims[unique] != claims_of(others)[unique]


async def test_no_answer_with_tokens_in_it_may_be_stored(owner: Client) -> None:
    replies = [
        await register(owner),
        await sign_in(owner, owner.email),
        await by_form(owner, username=owner.email, password=PASSWORD),
        await owner.post(TOKEN, data={"grant_type": "refresh_token", "refresh_token": owner.refresh_token}),
    ]

    for reply in replies:
        assert reply.is_success
        assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("registered", "typed"),
    [
        ("ada.{}@example.com", "ADA.{}@EXAMPLE.COM"),
        ("Ada.{}@Example.COM", "ada.{}@example.com"),
        ("ÄDA.{}@example.com", "äda.{}@example.com"),
        ("a\u0308da.{}@example.com", "äda.{}@example.com"),
        (" ada.{}@example.com ", " ada.{}@example.com "),
        ("ada.{}@BÜCHER.example.com", "ada.{}@bücher.example.com"),
        ("ada.{}@xn--bcher-kva.example.com", "ada.{}@xn--bcher-kva.example.com"),
    ],
    ids=ascii,
)
async def test_an_address_signs_in_however_it_is_typed(anonymous: Client, registered: str, typed: str) -> None:
    unique = uuid4().hex
    user = answered(await register(anonymous, email=registered.format(unique)), 201)["user"]

    assert answered(await sign_in(anonymous, typed.format(unique)))["user"] == user
    form = answered(await by_form(anonymous, username=typed.format(unique), password=PASSWORD))
    assert claims_of(form)["sub"] == user["id"]
    problem(await register(anonymous, email=typed.format(unique)), 409, "email_taken")


async def test_an_address_is_taken_once_and_by_the_first(anonymous: Client) -> None:
    email = new_email()
    first = answered(await register(anonymous, email=email), 201)

    problem(await register(anonymous, email=email.upper(), password="another password"), 409, "email_taken")

    assert answered(await sign_in(anonymous, email))["user"] == first["user"]
    problem(await sign_in(anonymous, email, "another password"), 401, "invalid_credentials")


async def test_of_two_who_register_an_address_at_once_one_gets_it(anonymous: Client) -> None:
    email = new_email()
    passwords = ["the first password", "the second password", "the third password"]

    replies = await asyncio.gather(*(register(anonymous, email=email, password=password) for password in passwords))

    assert sorted(reply.status_code for reply in replies) == [201, 409, 409]
    for reply, password in zip(replies, passwords, strict=True):
        if reply.status_code == 409:
            problem(reply, 409, "email_taken")
        expected = 200 if reply.status_code == 201 else 401
        assert (await sign_in(anonymous, email, password)).status_code == expected


async def test_an_unknown_address_and_a_wrong_password_look_the_same(owner: Client, anonymous: Client) -> None:
    anonymous.headers["X-Request-ID"] = "the-same-request"
    pairs = [(owner.email, "wrong password"), (new_email(), PASSWORD), ("no address at all", PASSWORD), ("", "")]

    replies = [await sign_in(anonymous, email, password) for email, password in pairs]
    problem(replies[0], 401, "invalid_credentials")
    assert replies[0].headers["www-authenticate"].startswith("Bearer")
    assert len({(reply.status_code, reply.content, str(headers_of(reply))) for reply in replies}) == 1

    replies = [await by_form(anonymous, username=email, password=password) for email, password in pairs[:3]]
    assert problem(replies[0], 400, "invalid_grant")["error"] == "invalid_grant"
    assert len({(reply.status_code, reply.content, str(headers_of(reply))) for reply in replies}) == 1


@pytest.mark.parametrize(
    "wrong", ["", "Correct horse battery", PASSWORD + " ", " " + PASSWORD, PASSWORD[:-1], "x" * 256]
)
async def test_only_the_password_is_the_password(owner: Client, anonymous: Client, wrong: str) -> None:
    problem(await sign_in(anonymous, owner.email, wrong), 401, "invalid_credentials")


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("73501842", "73501842"),
        ("    .   ", "    .   "),
        (" kept as it is ", " kept as it is "),
        ("x" * 256, "x" * 256),
        ("e\u0301" * 255 + "a", "\u00e9" * 255 + "a"),
        ("пароль🔑🔑", "пароль🔑🔑"),
        ("gr\u00fc\u00dfe an alle", "gru\u0308\u00dfe an alle"),
        ("A\u030angstr\u00f6m", "\u212bngstro\u0308m"),
        ("e\u0301i" * 3 + "eu", "éi" * 3 + "eu"),
    ],
    ids=ascii,
)
async def test_any_8_to_256_characters_are_a_password_however_they_are_composed(
    anonymous: Client, chosen: str, typed: str
) -> None:
    email = new_email()
    answered(await register(anonymous, email=email, password=chosen), 201)

    answered(await sign_in(anonymous, email, typed))
    answered(await by_form(anonymous, username=email, password=typed))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", ""),
        ("password", "1234567"),
        ("password", "x" * 257),
        ("password", "e\u0301" * 7),
        ("password", "with a \0 in it"),
        ("password", "with a \ud800 in it"),
        ("password", None),
        ("password", 12345678),
        ("password", "Password1"),
        ("password", "donewell 2027"),
        ("email", ""),
        ("email", "ada"),
        ("email", "ada@"),
        ("email", "@example.com"),
        ("email", "ada lovelace@example.com"),
        ("email", "ada@example.com\0"),
        ("email", "ada@exa\ud800mple.com"),
        ("email", "ada@example.com, grace@example.com"),
        ("email", "a" * 243 + "@example.com"),
        ("email", None),
        ("email", ["ada@example.com"]),
        ("name", ""),
        ("name", " "),
        ("name", "x" * 256),
        ("name", "A\0da"),
        ("name", "A\udfffda"),
        ("name", None),
        ("is_admin", True),
    ],
    ids=lambda value: ascii(value)[:30],
)
async def test_a_registration_with_a_bad_field_is_refused_by_its_name(
    anonymous: Client, field: str, value: object
) -> None:
    good = {"email": new_email(), "name": "Ada", "password": PASSWORD}

    # Written with escapes: as UTF-8, lone surrogates cannot be sent at all.
    reply = await anonymous.post(REGISTER, content=json.dumps({**good, field: value}), headers=JSON)

    assert faults(reply, "invalid_input") == [field]
    if field != "email":
        problem(await sign_in(anonymous, good["email"]), 401, "invalid_credentials")


@pytest.mark.parametrize(
    ("path", "fields"),
    [(REGISTER, ["email", "name", "password"]), (LOGIN, ["email", "password"]), (TOKEN, ["grant_type"])],
)
async def test_every_missing_field_is_named(anonymous: Client, path: str, fields: list[str]) -> None:
    reply = await anonymous.post(path, data={"x": "y"}) if path == TOKEN else await anonymous.post(path, json={})

    assert faults(reply, "invalid_token_request" if path == TOKEN else "invalid_input") == fields


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"grant_type": "password", "password": PASSWORD}, "username"),
        ({"grant_type": "password", "username": "ada@example.com"}, "password"),
        ({"grant_type": "password", "username": "", "password": PASSWORD}, "username"),
        ({"grant_type": "refresh_token"}, "refresh_token"),
        ({"grant_type": "refresh_token", "refresh_token": ""}, "refresh_token"),
        ({"grant_type": "client_credentials"}, "grant_type"),
        ({"grant_type": "Password"}, "grant_type"),
        ({"grant_type": ""}, "grant_type"),
        ({"username": "ada@example.com", "password": PASSWORD}, "grant_type"),
        ({"grant_type": "password", "username": "ada\0", "password": PASSWORD}, "username"),
        ({"grant_type": "password", "username": "ada@example.com", "password": "x" * 257}, "password"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 513}, "refresh_token"),
    ],
    ids=lambda value: ascii(value)[:60],
)
async def test_a_bad_form_is_refused_by_the_name_of_its_field(
    anonymous: Client, form: dict[str, str], field: str
) -> None:
    reply = await anonymous.post(TOKEN, data=form)
    unsupported = bool(form.get("grant_type")) and field == "grant_type"

    assert faults(reply, "unsupported_grant_type" if unsupported else "invalid_token_request") == [field]
    assert reply.json()["error"] == ("unsupported_grant_type" if unsupported else "invalid_request")
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("password", ["{email}", "{local_part}", "Ada Lovelace!"])
async def test_what_a_registration_says_of_a_person_is_not_their_password(anonymous: Client, password: str) -> None:
    email = new_email()
    chosen = password.format(email=email, local_part=email.partition("@")[0])

    reply = await register(anonymous, email=email, name="Ada Lovelace", password=chosen)

    assert faults(reply, "invalid_input") == ["password"]
    assert reply.json()["errors"][0]["code"] == "guessable_password"
    problem(await sign_in(anonymous, email, chosen), 401, "invalid_credentials")


async def test_a_password_that_is_256_characters_long_differs_from_any_other(anonymous: Client) -> None:
    email, long = new_email(), "\u00e9" * 255
    answered(await register(anonymous, email=email, password=long + "a"), 201)

    problem(await sign_in(anonymous, email, long + "b"), 401, "invalid_credentials")
    problem(await sign_in(anonymous, email, long), 401, "invalid_credentials")


async def test_an_unknown_address_takes_as_many_hashes_as_a_wrong_password(
    owner: Client, anonymous: Client, count_hashes: CountHashes
) -> None:
    costs = []
    for email in (owner.email, new_email(), "no address at all"):
        with count_hashes() as hashes:
            problem(await sign_in(anonymous, email, "wrong password"), 401, "invalid_credentials")
        costs.append(hashes)

    assert costs[0] == costs[1] == costs[2] == [("verify", 19_456, 2, 1)]


async def test_an_unknown_address_takes_the_same_statements_as_a_wrong_password(
    owner: Client, anonymous: Client, count_queries: CountQueries
) -> None:
    with count_queries() as known:
        assert (await sign_in(anonymous, owner.email, "a wrong guess")).status_code == 401
    with count_queries() as unknown:
        assert (await sign_in(anonymous, new_email(), "a wrong guess")).status_code == 401

    assert known == unknown


async def test_signing_in_makes_the_hash_as_dear_as_it_is_to_be_today(
    app: FastAPI, owner: Client, anonymous: Client, count_hashes: CountHashes
) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    await sql(app, "UPDATE users SET password_hash = :cheap WHERE id = :id", cheap=cheap, id=owner.user_id)
    profile = answered(await owner.get(ME))

    problem(await sign_in(anonymous, owner.email, "wrong password"), 401, "invalid_credentials")
    assert await password_hash_of(app, owner) == cheap
    with count_hashes() as first:
        answered(await sign_in(anonymous, owner.email))
    renewed = await password_hash_of(app, owner)
    with count_hashes() as second:
        answered(await sign_in(anonymous, owner.email))

    assert first == [("verify", 8_192, 1, 1), ("hash", 19_456, 2, 1)]
    assert extract_parameters(renewed).memory_cost == 19_456
    assert second == [("verify", 19_456, 2, 1)]
    assert await password_hash_of(app, owner) == renewed
    assert answered(await owner.get(ME)) == profile


async def password_hash_of(app: FastAPI, person: Client) -> str:
    rows = await sql(app, "SELECT password_hash FROM users WHERE id = :id", id=person.user_id)
    return str(rows[0]["password_hash"])
