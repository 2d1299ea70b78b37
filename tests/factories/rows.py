"""All that the database has of a user, to compare before and after."""

import re
from uuid import UUID

from fastapi import FastAPI

from backend.models.base import metadata

type Rows = dict[str, list[str]]

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _of_users() -> str:
    """One SELECT over every table that has rows of users."""
    columns = {
        name: "id" if name == "users" else "user_id"
        for name, table in metadata.tables.items()
        if name == "users" or "user_id" in table.columns
    }
    selects = [
        f"SELECT {column} AS whose, '{name}' AS name, to_jsonb(row)::text AS row"
        f" FROM {name} AS row WHERE {column} = ANY ($1)"
        for name, column in columns.items()
    ]
    return " UNION ALL ".join(selects) + " ORDER BY name, row"


_EVERYTHING = _of_users()


async def everything_of(app: FastAPI, user_id: UUID) -> Rows:
    """Every row that the database has of a user, by table, as JSON."""
    return (await everything_of_each(app, user_id))[user_id]


async def everything_of_each(app: FastAPI, *user_ids: UUID) -> dict[UUID, Rows]:
    """Every row that the database has of these users."""
    found: dict[UUID, Rows] = {user_id: {} for user_id in user_ids}
    for whose, name, row in await app.state.database.fast.run(_EVERYTHING, list(user_ids)):
        found[whose].setdefault(name, []).append(row)
    return found


def ids_in(told: str) -> set[str]:
    """Every UUID in a text."""
    return set(_ID.findall(told.lower()))
