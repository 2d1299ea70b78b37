"""Which values a task's fields take, as they come and as they are kept."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.factories.clients import Client
from tests.integration.test_api.answers import JSON, TASKS, answered, faults

KEPT = [
    ("title", "x", "x"),
    ("title", "x" * 255, "x" * 255),
    ("title", " \t\n" + "x" * 255 + "\u00a0\u2003 ", "x" * 255),
    ("title", "two  spaces", "two  spaces"),
    ("title", "e\u0301" * 255, "é" * 255),
    ("title", "👩‍👩‍👧 משימה مهمة \u202eabc 任务", "👩‍👩‍👧 משימה مهمة \u202eabc 任务"),
    ("title", "\x01\x7f\ufffe\U0010ffff", "\x01\x7f\ufffe\U0010ffff"),
    ("title", "'; DROP TABLE tasks; -- %s $1 {}", "'; DROP TABLE tasks; -- %s $1 {}"),
    ("description", None, None),
    ("description", "", ""),
    ("description", "  kept as it came\r\n ", "  kept as it came\r\n "),
    ("description", "𝄞" * 16_384, "𝄞" * 16_384),
    ("description", "A\u030a", "Å"),
    ("completed", True, True),
    ("completed", False, False),
    ("priority", "none", "none"),
    ("priority", "low", "low"),
    ("priority", "medium", "medium"),
    ("priority", "high", "high"),
    ("due_date", None, None),
    ("due_date", "2028-02-29", "2028-02-29"),
    ("due_date", "0001-01-02", "0001-01-02"),
    ("due_date", "9999-12-30", "9999-12-30"),
]

REFUSED = [
    ("title", None),
    ("title", ""),
    ("title", " \n\t\u2003"),
    ("title", "x" * 256),
    ("title", "e\u0301" * 256),
    ("title", 7),
    ("title", True),
    ("title", ["x"]),
    ("title", {"text": "x"}),
    ("title", "a\0b"),
    ("title", "\0"),
    ("title", "a\ud800b"),
    ("title", "\udfff\ud800"),
    ("description", "x" * 16_385),
    ("description", "a\0b"),
    ("description", "a\udc00"),
    ("description", 7),
    ("description", []),
    ("completed", None),
    ("completed", 1),
    ("completed", "true"),
    ("priority", None),
    ("priority", "urgent"),
    ("priority", "High"),
    ("priority", ""),
    ("priority", 1),
    ("due_date", ""),
    ("due_date", "tomorrow"),
    ("due_date", "2027-02-29"),
    ("due_date", "2027-3-1"),
    ("due_date", "20270301"),
    ("due_date", "01.03.2027"),
    ("due_date", "2027-03-01T00:00:00Z"),
    ("due_date", "0000-01-01"),
    ("due_date", "10000-01-01"),
    ("due_date", "\u0662\u0660\u0662\u0667-\u0660\u0663-\u0660\u0661"),
    ("due_date", 1_800_000_000),
    ("due_date", {}),
]

# What the server owns, and what nobody has heard of.
UNKNOWN = ["user_id", "completed_at", "version", "created_at", "updated_at", "revision", "deleted_at", "Title", "", "…"]


def name_of(value: Any) -> str:
    """A test id without the characters that an operating system would refuse."""
    text = ascii(value)
    return text if len(text) < 40 else f"{text[:20]}…{len(text)}"


@pytest.mark.parametrize(("field", "sent", "kept"), KEPT, ids=name_of)
async def test_a_good_value_is_kept(owner: Client, field: str, sent: object, kept: object) -> None:
    created = answered(await owner.post(TASKS, json={"title": "x", field: sent}), 201)
    other = answered(await owner.post(TASKS, json={"title": "other", "description": "d"}), 201)
    changed = answered(await owner.patch(f"{TASKS}/{other['id']}", json={field: sent}))

    assert created[field] == kept
    assert changed[field] == kept
    assert answered(await owner.get(f"{TASKS}/{other['id']}"))[field] == kept


@pytest.mark.parametrize(("field", "value"), REFUSED, ids=name_of)
async def test_a_bad_value_is_refused_by_the_name_of_its_field(owner: Client, field: str, value: object) -> None:
    task = await owner.post(TASKS, json={"title": "x"})
    address = f"{TASKS}/{task.json()['id']}"

    # Written with escapes: as UTF-8, lone surrogates cannot be sent at all.
    whole = json.dumps({"title": "x", field: value})
    assert faults(await owner.post(TASKS, content=whole, headers=JSON), "invalid_input") == [field]
    alone = json.dumps({field: value})
    for method in ("PATCH", "PUT"):
        assert faults(await owner.request(method, address, content=alone, headers=JSON), "invalid_input") == [field]
    assert (await owner.get(TASKS)).json() == [task.json()]


async def test_a_pair_of_escaped_surrogates_is_a_character(owner: Client) -> None:
    reply = await owner.post(TASKS, content=rb'{"title": "\ud83d\ude00"}', headers=JSON)

    assert answered(reply, 201)["title"] == "😀"
    assert "😀".encode() in reply.content


@pytest.mark.parametrize("field", UNKNOWN)
async def test_an_unknown_field_is_refused_rather_than_ignored(owner: Client, field: str) -> None:
    task = await owner.post(TASKS, json={"title": "x"})
    address = f"{TASKS}/{task.json()['id']}"
    named = [field or "body"]

    assert faults(await owner.post(TASKS, json={"title": "y", field: None})) == named
    for method in ("PATCH", "PUT"):
        assert faults(await owner.request(method, address, json={field: None})) == named
    assert faults(await owner.patch(f"{address}/complete", json={field: None})) == named
    assert (await owner.get(TASKS)).json() == [task.json()]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_an_id_is_not_to_be_changed_not_even_to_itself(owner: Client, method: str) -> None:
    task = answered(await owner.post(TASKS, json={"title": "x"}), 201)
    address = f"{TASKS}/{task['id']}"

    assert faults(await owner.request(method, address, json={"id": task["id"]})) == ["id"]
    assert faults(await owner.request(method, address, json={"title": "y", "id": str(uuid4())})) == ["id"]
    assert answered(await owner.get(address)) == task


@pytest.mark.parametrize(
    "value",
    [
        "",
        "7",
        7,
        None,
        [],
        "01a2031a4bff74e394206887b1f97bce",
        "{01a2031a-4bff-74e3-9420-6887b1f97bce}",
        "urn:uuid:01a2031a-4bff-74e3-9420-6887b1f97bce",
        "01a2031a-4bff-74e3-9420-6887b1f97bcg",
        " 01a2031a-4bff-74e3-9420-6887b1f97bce",
        "01a2031a-4bff-74e3-9420-6887b1f97bce\n",
    ],
    ids=repr,
)
async def test_an_id_of_another_form_is_refused(owner: Client, value: object) -> None:
    assert faults(await owner.post(TASKS, json={"title": "x", "id": value})) == ["id"]


async def test_an_id_is_one_whatever_its_case(owner: Client) -> None:
    task_id = str(uuid4())
    created = await owner.post(TASKS, json={"title": "x", "id": task_id.upper()})

    assert answered(created, 201)["id"] == task_id
    assert (await owner.get(f"{TASKS}/{task_id.upper()}")).content == created.content


@pytest.mark.parametrize("task_id", ["7", "me", "01a2031a4bff74e394206887b1f97bce", "%00", "x" * 2_000])
async def test_a_path_with_no_id_in_it_names_the_id(owner: Client, task_id: str) -> None:
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        reply = await owner.request(method, f"{TASKS}/{task_id}", json={} if method[0] == "P" else None)
        assert faults(reply) == ["task_id"]
    assert faults(await owner.patch(f"{TASKS}/{task_id}/complete")) == ["task_id"]


async def test_every_fault_of_a_request_is_named(owner: Client) -> None:
    wrong = {"title": " ", "priority": "urgent", "due_date": "soon", "completed": 1, "colour": "red", "description": 5}

    assert faults(await owner.post(TASKS, json=wrong)) == sorted(wrong)
    reply = await owner.patch(f"{TASKS}/7", json=wrong)
    assert faults(reply) == sorted([*wrong, "task_id"])


async def test_a_task_without_a_title_says_so(owner: Client) -> None:
    reply = await owner.post(TASKS, json={"priority": "high"})

    assert faults(reply) == ["title"]
    assert reply.json()["errors"][0]["code"] == "missing"
