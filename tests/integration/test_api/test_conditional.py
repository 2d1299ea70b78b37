"""ETag, If-Match and If-None-Match: nobody overwrites what they have not seen, nobody loads what they have."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.factories.clients import Client
from tests.integration.test_api.answers import ME, TASKS, answered, faults, problem


@dataclass(frozen=True)
class Thing:
    """An object with a version, and how to change it to something."""

    client: Client
    path: str
    field: str

    async def read(self, **headers: str) -> httpx.Response:
        return await self.client.get(self.path, headers=headers)

    async def change(self, value: str, **headers: str) -> httpx.Response:
        return await self.client.patch(self.path, json={self.field: value}, headers=headers)


async def a_task(client: Client) -> Thing:
    task = answered(await client.post(TASKS, json={"title": "x"}), 201)
    return Thing(client, f"{TASKS}/{task['id']}", "title")


async def a_profile(client: Client) -> Thing:
    return Thing(client, ME, "name")


@pytest.fixture(params=[a_task, a_profile], ids=["task", "profile"])
async def thing(request: pytest.FixtureRequest, owner: Client) -> Thing:
    """Everything that has a version, in turn, two changes old so that no tag is right by accident."""
    make: Callable[[Client], Awaitable[Thing]] = request.param
    thing = await make(owner)
    for value in ("second", "third"):
        answered(await thing.change(value))
    return thing


# `{0}` stands for the version.
HOLDING = ['"{0}"', "*", " * ", '"0", "{0}"', '"{0}" , "x"', 'W/"{0}","{0}"', '  "{0}"\t', '"!#,;[]", "{0}"']
NOT_HOLDING = ['"0"', 'W/"{0}"', '""', '"x{0}"', '"{0}0"', '"1", "2"', '"9999999999999999999999"', '"-{0}"', '"*"']
MALFORMED = [
    "",
    "{0}",
    "'{0}'",
    '"',
    '"{0}',
    '{0}"',
    'W"{0}"',
    'w/"{0}"',
    "W/{0}",
    '"{0}" "1"',
    '"{0}";"1"',
    '*, "{0}"',
    '"{0} 1"',
    "**",
]
KNOWN = ['"{0}"', 'W/"{0}"', "*", '"0", "{0}"', 'W/"0" , W/"{0}"', ' "{0}" ']
NOT_KNOWN = ['"0"', 'W/"0"', '"x{0}"', '"{0}0"', '"1", "2"', '""']


def tag_ids(tag: str) -> str:
    return ascii(tag)


async def test_the_etag_is_the_version_wherever_the_object_is_answered(thing: Thing) -> None:
    replies = [await thing.read(), await thing.change("fourth"), await thing.read()]

    for reply in replies:
        assert reply.headers["etag"] == f'"{answered(reply)["version"]}"'
    first, changed, last = (reply.headers["etag"] for reply in replies)
    assert first != changed == last


@pytest.mark.parametrize("tags", HOLDING, ids=tag_ids)
async def test_a_change_of_the_version_that_was_seen_is_made(thing: Thing, tags: str) -> None:
    version = answered(await thing.read())["version"]

    changed = answered(await thing.change("new", **{"If-Match": tags.format(version)}))

    assert changed[thing.field] == "new"
    assert changed["version"] > version


@pytest.mark.parametrize("tags", NOT_HOLDING, ids=tag_ids)
@pytest.mark.parametrize("value", ["new", "third"], ids=["change", "no-change"])
async def test_a_change_of_another_version_is_refused_with_the_current_object(
    thing: Thing, tags: str, value: str
) -> None:
    before = await thing.read()

    reply = await thing.change(value, **{"If-Match": tags.format(answered(before)["version"])})

    assert problem(reply, 412, "version_mismatch")["current"] == before.json()
    assert (await thing.read()).content == before.content


@pytest.mark.parametrize("tags", MALFORMED, ids=tag_ids)
async def test_what_is_no_entity_tag_is_refused_by_the_name_of_its_field(thing: Thing, tags: str) -> None:
    before = await thing.read()

    reply = await thing.change("new", **{"If-Match": tags.format(answered(before)["version"])})

    assert faults(reply, "invalid_input") == ["If-Match"]
    assert (await thing.read()).content == before.content


@pytest.mark.parametrize("tags", KNOWN, ids=tag_ids)
async def test_what_the_client_has_is_not_sent_again(thing: Thing, tags: str) -> None:
    whole = await thing.read()

    reply = await thing.read(**{"If-None-Match": tags.format(answered(whole)["version"])})

    assert (reply.status_code, reply.content) == (304, b"")
    assert reply.headers["etag"] == whole.headers["etag"]
    assert "content-type" not in reply.headers


@pytest.mark.parametrize("tags", NOT_KNOWN, ids=tag_ids)
async def test_what_the_client_has_not_is_sent(thing: Thing, tags: str) -> None:
    whole = await thing.read()

    reply = await thing.read(**{"If-None-Match": tags.format(answered(whole)["version"])})

    assert (reply.status_code, reply.content) == (200, whole.content)


async def test_a_change_ends_what_the_client_knew(thing: Thing) -> None:
    known = (await thing.read()).headers["etag"]
    await thing.change("new")

    assert answered(await thing.read(**{"If-None-Match": known}))[thing.field] == "new"


async def test_of_writers_who_saw_the_same_version_one_wins_and_the_others_learn_of_it(thing: Thing) -> None:
    seen = (await thing.read()).headers["etag"]
    values = ["a", "b", "c", "d"]

    replies = await asyncio.gather(*(thing.change(value, **{"If-Match": seen}) for value in values))

    (winner,) = (reply for reply in replies if reply.status_code == 200)
    for reply in replies:
        if reply is not winner:
            assert problem(reply, 412, "version_mismatch")["current"] == winner.json()
    assert (await thing.read()).content == winner.content


async def test_a_writer_who_was_refused_can_go_on_from_the_current_version(thing: Thing) -> None:
    seen = (await thing.read()).headers["etag"]
    await thing.change("theirs", **{"If-Match": seen})
    refusal = problem(await thing.change("mine", **{"If-Match": seen}), 412)

    again = await thing.change("mine", **{"If-Match": f'"{refusal["current"]["version"]}"'})

    assert answered(again)[thing.field] == "mine"


WRITES: list[tuple[str, str, Any]] = [
    ("PATCH", "", {"title": "new"}),
    ("PUT", "", {"title": "new"}),
    ("PUT", "", {}),
    ("PATCH", "/complete", {"completed": True}),
    ("PATCH", "/complete", None),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "suffix", "body"), WRITES)
async def test_every_write_of_a_task_heeds_if_match(owner: Client, method: str, suffix: str, body: Any) -> None:
    task = await a_task(owner)
    before = await task.read()

    async def write(tag: str) -> httpx.Response:
        return await owner.request(method, task.path + suffix, json=body, headers={"If-Match": tag})

    assert problem(await write('"0"'), 412)["current"] == before.json()
    assert problem(await write(f"W/{before.headers['etag']}"), 412)["current"] == before.json()
    assert faults(await write("1")) == ["If-Match"]
    assert (await task.read()).content == before.content
    assert (await write(before.headers["etag"])).is_success


@pytest.mark.parametrize(("method", "suffix", "body"), WRITES)
@pytest.mark.parametrize("tag", ["*", '"0"', '"1"'])
async def test_a_task_that_is_gone_has_no_version(owner: Client, method: str, suffix: str, body: Any, tag: str) -> None:
    task = await a_task(owner)
    await owner.delete(task.path)

    reply = await owner.request(method, task.path + suffix, json=body, headers={"If-Match": tag})

    problem(reply, 404, "task_not_found")


@pytest.mark.parametrize("tags", ["*", '"1"'])
async def test_a_task_that_is_gone_is_not_unchanged(owner: Client, tags: str) -> None:
    task = await a_task(owner)
    await owner.delete(task.path)

    problem(await task.read(**{"If-None-Match": tags}), 404, "task_not_found")


async def test_nobody_deletes_what_was_changed_under_their_eyes(owner: Client) -> None:
    task = await a_task(owner)
    seen = {"If-Match": (await task.read()).headers["etag"]}

    changed, deleted = await asyncio.gather(task.change("new", **seen), owner.delete(task.path, headers=seen))

    if changed.status_code == 200:
        assert problem(deleted, 412)["current"] == changed.json()
        assert (await task.read()).content == changed.content
    else:
        problem(changed, 404, "task_not_found")
        assert deleted.status_code == 204


async def test_completing_twice_on_the_version_first_seen_is_refused_the_second_time(owner: Client) -> None:
    task = await a_task(owner)
    seen = {"If-Match": (await task.read()).headers["etag"]}
    done = await owner.patch(f"{task.path}/complete", headers=seen)

    again = await owner.patch(f"{task.path}/complete", headers=seen)

    assert problem(again, 412)["current"] == answered(done)


async def test_a_version_has_one_spelling_and_several_lines_are_one_list(owner: Client) -> None:
    created = await owner.post(TASKS, json={"title": "x"})
    path, version = created.headers["location"], created.json()["version"]

    problem(
        await owner.patch(path, json={"title": "y"}, headers={"If-Match": f'"0{version}"'}), 412, "version_mismatch"
    )
    lines = [("If-Match", '"99"'), ("If-Match", f'"{version}"')]
    assert answered(await owner.patch(path, json={"title": "y"}, headers=lines))["title"] == "y"
