"""One's own profile."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from tests.factories.clients import NAME, PASSWORD, Client
from tests.integration.test_api.answers import ME, REGISTER, TASKS, answered, faults, problem, sql

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def test_everybody_reads_themselves_and_nothing_that_is_not_theirs_to_see(owner: Client) -> None:
    reply = await owner.get(ME)

    user = answered(reply)
    assert reply.headers["etag"] == '"1"'
    assert INSTANT.fullmatch(user["created_at"])
    assert user.pop("created_at") == user.pop("updated_at")
    assert user == {
        "id": str(owner.user_id),
        "email": owner.email,
        "name": NAME,
        "time_zone": "UTC",
        "email_verified_at": None,
        "version": 1,
    }


async def test_registration_answers_the_profile_as_it_will_be_read(anonymous: Client) -> None:
    registration = {"email": f"{uuid4().hex}@example.com", "name": " Grace  Hopper ", "password": PASSWORD}
    signed_in = answered(await anonymous.post(REGISTER, json=registration), 201)

    read = await anonymous.get(ME, headers={"Authorization": f"Bearer {signed_in['access_token']}"})

    assert answered(read) == signed_in["user"]
    assert list(read.json()) == list(signed_in["user"])
    assert read.json()["name"] == "Grace  Hopper"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Grace"},
        {"name": "李 明 👩‍💻"},
        {"name": "x" * 255},
        {"time_zone": "Europe/Berlin"},
        {"time_zone": "America/Argentina/Buenos_Aires"},
        {"time_zone": "Asia/Kathmandu"},
        {"time_zone": "Etc/GMT+12"},
        {"name": "Grace", "time_zone": "Pacific/Chatham"},
    ],
    ids=ascii,
)
async def test_what_is_sent_changes_and_nothing_else(owner: Client, changes: dict[str, str]) -> None:
    before = answered(await owner.get(ME))

    reply = await owner.patch(ME, json=changes)

    after = answered(reply)
    assert after == {**before, **changes, "version": 2, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert reply.headers["etag"] == '"2"'
    assert (await owner.get(ME)).content == reply.content


@pytest.mark.parametrize("changes", [{}, {"name": NAME}, {"name": f" {NAME}\n"}, {"name": NAME, "time_zone": "UTC"}])
async def test_a_change_to_what_is_there_already_is_none(owner: Client, changes: dict[str, str]) -> None:
    before = await owner.get(ME)

    reply = await owner.patch(ME, json=changes)

    assert (reply.status_code, reply.content) == (200, before.content)
    assert reply.headers["etag"] == before.headers["etag"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", ""),
        ("name", " \u2003"),
        ("name", "x" * 256),
        ("name", "a\0"),
        ("name", 7),
        ("time_zone", None),
        ("time_zone", ""),
        ("time_zone", "Europe/Atlantis"),
        ("time_zone", "europe/berlin"),
        ("time_zone", " Europe/Berlin"),
        ("time_zone", "+01:00"),
        ("time_zone", "Europe"),
        ("time_zone", "../UTC"),
        ("time_zone", "/etc/passwd"),
        ("time_zone", "UTC\0"),
        ("time_zone", "x" * 100_000),
        ("time_zone", 1),
        ("id", "01a2031a-4bff-74e3-9420-6887b1f97bce"),
        ("version", 7),
        ("password_hash", "x"),
        ("created_at", None),
        ("email_verified_at", "2027-01-01T00:00:00Z"),
    ],
    ids=lambda value: ascii(value)[:30],
)
async def test_a_bad_value_is_refused_by_the_name_of_its_field(owner: Client, field: str, value: Any) -> None:
    before = await owner.get(ME)

    reply = await owner.patch(ME, json={field: value})

    assert faults(reply, "invalid_input") == [field]
    assert (await owner.get(ME)).content == before.content


async def test_every_fault_is_named(owner: Client) -> None:
    reply = await owner.patch(ME, json={"name": "", "time_zone": "Nowhere", "shoe_size": 43})

    assert faults(reply) == ["name", "shoe_size", "time_zone"]


async def test_changes_of_different_fields_made_at_once_both_survive(owner: Client) -> None:
    replies = await asyncio.gather(
        owner.patch(ME, json={"name": "Grace"}), owner.patch(ME, json={"time_zone": "Europe/Berlin"})
    )

    assert sorted(answered(reply)["version"] for reply in replies) == [2, 3]
    user = answered(await owner.get(ME))
    assert (user["name"], user["time_zone"]) == ("Grace", "Europe/Berlin")


async def test_nobody_else_is_changed(owner: Client, stranger: Client) -> None:
    theirs = await stranger.get(ME)

    await owner.patch(ME, json={"name": "Grace"})

    assert (await stranger.get(ME)).content == theirs.content


async def test_the_token_of_an_account_that_is_gone_is_nobodys(app: FastAPI, owner: Client) -> None:
    await sql(app, "DELETE FROM users WHERE id = :id", id=owner.user_id)

    for reply in (
        await owner.get(ME),
        await owner.patch(ME, json={"name": "Grace"}),
        await owner.post(TASKS, json={"title": "x"}),
    ):
        problem(reply, 401, "token_invalid")
        assert 'error="invalid_token"' in reply.headers["www-authenticate"]
