"""Whatever somebody has comes back from a JSON file as it was, but for versions and the time of changes."""

import json
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories.clients import client_for, sign_up
from tests.integration.test_api.test_transfer import EXPORT, taken_in

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Mn", "Zs", "Zl", "Zp"]), min_size=1, max_size=20)
DAYS = st.dates(date(1970, 1, 2), date(2100, 1, 1)).map(str)
TIMES = st.times().map(lambda time: time.replace(microsecond=0).isoformat())
INSTANTS = st.sampled_from(["2026-01-01T10:00:00Z", "2026-02-03T04:05:06Z"])
NOT_DUE: dict[str, str] = {}
DUES = st.one_of(
    st.just(NOT_DUE),
    st.fixed_dictionaries({"due_date": DAYS}),
    st.fixed_dictionaries({"due_date": DAYS, "due_time": TIMES}),
    st.fixed_dictionaries(
        {"due_date": DAYS, "due_time": TIMES, "time_zone": st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe"])}
    ),
)
RULES = st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", "FREQ=MONTHLY", "FREQ=YEARLY;COUNT=5"])
COLORS = st.none() | st.sampled_from(["#aabbcc", "#000000"])


def unique(things: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({thing["id"]: thing for thing in things}.values())


@st.composite
def belongings(draw: st.DrawFn) -> dict[str, Any]:
    """A file of projects, labels, filters and tasks in each other, in any order."""
    ids = st.integers(1, 2**100).map(lambda number: str(UUID(int=number)))
    named = {"id": ids, "name": WORDS, "color": COLORS}
    projects = unique(draw(st.lists(st.fixed_dictionaries({**named, "archived": st.booleans()}), max_size=4)))
    for number, project in enumerate(projects):
        project["parent_id"] = draw(st.sampled_from([None, *(above["id"] for above in projects[:number])]))
    labels = draw(
        st.lists(st.fixed_dictionaries(named), max_size=3, unique_by=lambda label: str(label["name"]).casefold())
    )
    tasks = unique(
        draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "id": ids,
                        "title": WORDS,
                        "description": st.none() | WORDS,
                        "priority": st.sampled_from(["none", "low", "medium", "high"]),
                        "start_date": st.none() | DAYS,
                        "completed_at": st.none() | INSTANTS,
                        "reminders": st.lists(st.sampled_from(["PT15M", "P1D", "2027-01-01T10:00:00Z"]), unique=True),
                        "labels": st.lists(st.sampled_from([label["name"] for label in labels] or ["x"]), unique=True),
                        "project_id": st.sampled_from([None, *(project["id"] for project in projects)]),
                    }
                ),
                max_size=8,
            )
        )
    )
    for number, task in enumerate(tasks):
        task.update(draw(DUES))
        if "due_date" in task and draw(st.booleans()):
            task["recurrence"] = {"rule": draw(RULES), "anchor": draw(st.sampled_from(["due", "completion"]))}
        above = draw(st.sampled_from([None, *tasks[:number]]))
        if above is not None:
            task.update(parent_id=above["id"], project_id=above["project_id"])
    filters = unique(draw(st.lists(st.fixed_dictionaries({**named, "query": st.just("priority = high")}), max_size=2)))
    arrays = {"projects": projects, "labels": unique(labels), "filters": filters, "tasks": draw(st.permutations(tasks))}
    return {"format": "donewell", "version": 1, **arrays}


@pytest.mark.usefixtures("owner")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=belongings())
async def test_a_json_file_comes_back_as_it_was(app: FastAPI, document: dict[str, Any]) -> None:
    async with client_for(app) as ada, client_for(app) as bob:
        await sign_up(app, ada)
        await sign_up(app, bob)
        first = await taken_in(ada, json.dumps(document).encode())
        exported = (await ada.get(EXPORT)).content

        second = await taken_in(bob, exported)

        assert (first["problems"], second["problems"], second["losses"]) == ([], [], {})
        assert second["tasks"]["created"] == len(document["tasks"])
        assert (await bob.get(EXPORT)).content == exported
        told = {task["id"]: task for task in json.loads(exported).get("tasks", ())}
        for task in document["tasks"]:
            found = told[task["id"]]
            assert {name: found[name] for name in task if name not in ("recurrence", "completed_at")} == {
                name: value for name, value in task.items() if name not in ("recurrence", "completed_at")
            }
