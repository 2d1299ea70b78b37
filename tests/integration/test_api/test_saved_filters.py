"""Saved filters over HTTP."""

import pytest

from tests.factories.clients import Client

FILTERS = "/api/v1/users/me/filters"


async def test_a_filter_is_there_for_its_owner_alone(owner: Client, stranger: Client) -> None:
    query = "due < tomorrow  &  !completed"
    created = await owner.post(FILTERS, json={"name": "Soon", "query": query, "color": "#2e86de"})
    saved = created.json()

    assert (created.status_code, saved["name"], saved["query"]) == (201, "Soon", query)
    assert (await owner.get(created.headers["location"])).json() == saved
    assert (await owner.get(FILTERS)).json() == [saved]
    assert (await stranger.get(FILTERS)).json() == []
    assert (await stranger.get(created.headers["location"])).json()["code"] == "filter_not_found"

    changed = await owner.patch(created.headers["location"], json={"name": "Late", "query": "overdue"})
    assert (changed.json()["name"], changed.json()["query"], changed.json()["color"]) == ("Late", "overdue", "#2e86de")
    assert (await owner.delete(created.headers["location"])).status_code == 204
    assert (await owner.get(FILTERS)).json() == []


@pytest.mark.parametrize(
    ("query", "message"), [("due <", "At character 5"), ("label = home &", "At character"), ("(" * 30, "At character")]
)
async def test_what_cannot_be_understood_is_not_saved(owner: Client, query: str, message: str) -> None:
    saved = (await owner.post(FILTERS, json={"name": "Soon", "query": "overdue"})).json()

    for refused in (
        await owner.post(FILTERS, json={"name": "x", "query": query}),
        await owner.patch(f"{FILTERS}/{saved['id']}", json={"query": query}),
    ):
        [fault] = refused.json()["errors"]
        assert (refused.status_code, fault["field"], fault["code"]) == (400, "query", "invalid_filter")
        assert fault["message"].startswith(message)
    assert (await owner.get(FILTERS)).json() == [saved]
