"""A user's own profile, for the user alone."""

from collections.abc import Mapping
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from backend.auth.principal import TokenInvalid
from backend.database.session import Database
from backend.domain.errors import PreconditionFailed
from backend.domain.preconditions import Expected
from backend.schemas.users import UserChanges, UserRead
from backend.services.users import UserService
from tests.factories.clients import NAME, Client


async def read(database: Database, user: Client) -> dict[str, Any]:
    async with database.begin() as session:
        return dict(await UserService(session, user.user_id).get())


async def change(
    database: Database, user: Client, changes: Mapping[str, Any], expected: Expected = None
) -> dict[str, Any]:
    async with database.begin() as session:
        return dict(await UserService(session, user.user_id).change(UserChanges.model_validate(changes), expected))


async def test_a_profile_has_the_fields_that_are_shown_and_no_others(database: Database, owner: Client) -> None:
    profile = await read(database, owner)

    assert list(profile) == list(UserRead.model_fields)
    assert (profile["id"], profile["email"], profile["name"]) == (owner.user_id, owner.email, NAME)


@pytest.mark.parametrize(
    "changes", [{"name": "Grace"}, {"time_zone": "Europe/Berlin"}, {"name": "Grace", "time_zone": "Asia/Kathmandu"}]
)
async def test_what_is_sent_is_changed_and_nothing_else(
    database: Database, owner: Client, changes: dict[str, str]
) -> None:
    before = await read(database, owner)
    after = await change(database, owner, changes)

    assert await read(database, owner) == after
    assert after == {**before, **changes, "version": before["version"] + 1, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize("changes", [{}, {"name": f" {NAME} "}, {"name": NAME, "time_zone": "UTC"}])
async def test_a_change_of_nothing_keeps_the_version(
    database: Database, owner: Client, changes: dict[str, str]
) -> None:
    before = await read(database, owner)

    assert await change(database, owner, changes) == before
    assert await read(database, owner) == before


async def test_nobody_else_is_changed(database: Database, owner: Client, stranger: Client) -> None:
    before = await read(database, stranger)
    await change(database, owner, {"name": "Grace"})

    assert await read(database, stranger) == before


async def test_another_version_is_refused_and_shows_the_profile(database: Database, owner: Client) -> None:
    profile = await read(database, owner)

    with pytest.raises(PreconditionFailed) as refusal:
        await change(database, owner, {"name": "Grace"}, (profile["version"] + 1,))
    assert refusal.value.current == profile
    assert await read(database, owner) == profile


async def test_the_version_that_was_seen_is_changed(database: Database, owner: Client) -> None:
    profile = await read(database, owner)

    assert (await change(database, owner, {"name": "Grace"}, (profile["version"],)))["name"] == "Grace"


async def test_a_change_is_undone_with_its_transaction(database: Database, owner: Client) -> None:
    before = await read(database, owner)
    async with database.begin() as session:
        await UserService(session, owner.user_id).change(UserChanges(name="Grace"), None)
        await session.rollback()

    assert await read(database, owner) == before


async def test_whoever_has_no_account_is_nobody(database: Database) -> None:
    async with database.begin() as session:
        nobody = UserService(session, uuid7())
        with pytest.raises(TokenInvalid):
            await nobody.get()
        with pytest.raises(TokenInvalid):
            await nobody.change(UserChanges(name="Grace"), None)
