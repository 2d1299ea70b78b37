"""What the database holds of a user: one account an address, whatever its case."""

from collections.abc import Callable
from uuid import uuid4

import asyncpg
import pytest

from tests.unit.test_models.conftest import Connection
from tests.unit.test_models.rows import insert, new_user


@pytest.mark.parametrize("written", [str.lower, str.title, str.upper])
async def test_an_address_has_one_account_whatever_its_case(
    connection: Connection, written: Callable[[str], str]
) -> None:
    address = f"ada.{uuid4().hex}@example.com"
    await new_user(connection, email=address)

    with pytest.raises(asyncpg.UniqueViolationError) as refusal:
        await new_user(connection, email=written(address))
    assert refusal.value.as_dict()["constraint_name"] == "users_lower_email_key"


async def test_an_address_keeps_the_case_it_came_in(connection: Connection) -> None:
    address = f"Ada.{uuid4().hex}@example.com"

    user_id = await new_user(connection, email=address)

    assert await connection.fetchval("SELECT email FROM users WHERE id = $1", user_id) == address


@pytest.mark.parametrize("column", ["name", "time_zone", "version"])
async def test_a_user_always_has_these(connection: Connection, column: str) -> None:
    with pytest.raises(asyncpg.NotNullViolationError):
        await new_user(connection, **{column: None})


async def test_a_new_user_is_in_utc_at_version_one_and_has_confirmed_nothing(connection: Connection) -> None:
    user_id = await new_user(connection)

    row = await connection.fetchrow("SELECT * FROM users WHERE id = $1", user_id)
    assert row is not None
    assert (row["time_zone"], row["version"], row["email_verified_at"], row["password_hash"]) == ("UTC", 1, None, None)


async def test_a_user_has_one_counter_of_revisions_which_begins_at_zero(connection: Connection) -> None:
    user_id = await new_user(connection)

    assert await connection.fetchval("SELECT revision FROM revisions WHERE user_id = $1", user_id) == 0
    with pytest.raises(asyncpg.UniqueViolationError):
        await insert(connection, "revisions", user_id=user_id)
