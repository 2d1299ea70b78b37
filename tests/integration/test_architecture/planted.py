"""Requests with a canary wherever the valid ones have none: in searches, in files, and in what is refused."""

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from uuid import uuid4

import httpx

from tests.factories.canaries import CANARY

ME = "/api/v1/users/me"
TASKS = f"{ME}/tasks"
SEARCHES = (CANARY, f'"{CANARY}"', f"{CANARY}' --", f"{CANARY} & | ! <->:*", f"{CANARY}\\", f"{CANARY}%_", CANARY * 20)
FILTERS = (
    f'title ~ "{CANARY}" & !(label = "{CANARY}")',
    f'label in ("{CANARY}", "{CANARY}%") | description ~ "\'{CANARY}--"',
    f"due > {CANARY}",
    f'title ~ "{CANARY}',
    CANARY,
)
DUE = {"due_date": "2027-03-01"}
REFUSED_FIELDS: tuple[dict[str, Any], ...] = (
    {**DUE, "recurrence": {"rule": f"FREQ={CANARY}"}},
    {**DUE, "recurrence": {"rule": "FREQ=DAILY", "anchor": CANARY}},
    {**DUE, "due_time": "09:00", "time_zone": f"Europe/{CANARY}"},
    {**DUE, "reminders": [CANARY]},
    {"labels": [CANARY * 20]},
    {"due_date": CANARY, "due_time": CANARY, "priority": CANARY, "color": CANARY},
    {"project_id": CANARY, "parent_id": CANARY},
)
ADDRESS = "http://169.254.169.254/latest"
TITLED: dict[str, Any] = {"title": CANARY, "description": f"{CANARY} {ADDRESS}"}


type Reply = httpx.Response


def new() -> str:
    """A canary unlike any other, for what may be there once."""
    return f"{CANARY} {uuid4().hex}"


def files() -> Iterator[tuple[str, bytes]]:
    """Files of every format, sound and broken: the name of the format, and what is in the file."""
    task = {**TITLED, **DUE, "title": new(), "labels": [CANARY], "recurrence": {"rule": "FREQ=DAILY"}}
    own: dict[str, Any] = {"format": "donewell", "version": 1, "tasks": [task], "labels": [{"name": new()}]}
    yield "json", json.dumps({**own, "filters": [{"name": new(), "query": f'title ~ "{CANARY}"'}]}).encode()
    yield "json", json.dumps({**own, "tasks": [{**TITLED, **fields} for fields in REFUSED_FIELDS]}).encode()
    yield "json", json.dumps({**own, "filters": [{"name": CANARY, "query": CANARY}]}).encode()
    yield "json", f'{{"format": "donewell", "tasks": [{{"title": "{CANARY}'.encode()
    head = "TYPE,CONTENT,DESCRIPTION,DATE,TIMEZONE\n"
    yield (
        "todoist",
        f'{head}task,{new()} @{CANARY},{CANARY},{CANARY},{CANARY}\nsection,{CANARY}\n{CANARY},"{CANARY}'.encode(),
    )
    yield "todoist", f"{CANARY},{CANARY}\n{CANARY}".encode() + b"\xff\0"
    begin = f"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:{uuid4()}{CANARY}\r\nSUMMARY:{CANARY}\r\nCATEGORIES:{CANARY}\r\n"
    begin += f'URL:{ADDRESS}\r\nATTACH:{ADDRESS}\r\nATTENDEE;DIR="{ADDRESS}":mailto:ada\r\n'
    end = "END:VTODO\r\nEND:VCALENDAR\r\n"
    alarm = f"BEGIN:VALARM\r\nTRIGGER:{CANARY}\r\nEND:VALARM\r\n"
    yield "ics", f"{begin}DUE;TZID={CANARY}:20270301T090000\r\nRRULE:FREQ={CANARY}\r\n{alarm}{end}".encode()
    yield (
        "ics",
        f"{begin}DUE:{CANARY}\r\nDTSTART:{CANARY}\r\nRELATED-TO:{CANARY}\r\nPRIORITY:{CANARY}\r\n{end}".encode(),
    )
    yield "ics", f"{begin}END:{CANARY}\r\n".encode()
    yield from (("vikunja", content) for content in archives())
    due = {"dateTime": CANARY, "timeZone": CANARY}
    lists = [{"displayName": new(), "tasks": [{**TITLED, "id": new()}, {**TITLED, "id": CANARY, "dueDateTime": due}]}]
    yield "microsoft", json.dumps(lists).encode()
    yield (
        "microsoft",
        json.dumps([{"displayName": CANARY, "tasks": [{"title": CANARY, "recurrence": CANARY}]}]).encode(),
    )
    yield "microsoft", f'[{{"displayName": "{CANARY}", "tasks": [{{"title": "{CANARY}"'.encode()


def archives() -> Iterator[bytes]:
    """Archives of Vikunja's: whole, cut short, and damaged inside."""
    file = BytesIO()
    tasks = [{"id": 1, "title": new(), "description": f"<p>{CANARY}<"}, {"id": 2, "title": CANARY, "due_date": CANARY}]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{CANARY}/data.json", json.dumps([{"id": 1, "title": new(), "tasks": tasks}]))
    whole = file.getvalue()
    yield whole
    yield whole[:-30] + CANARY.encode()
    place = whole.index(CANARY.encode(), 60) + 3
    yield whole[:place] + b"~" + whole[place + 1 :]


async def plant(client: httpx.AsyncClient) -> list[Reply]:
    """Send them all; gives the replies."""
    found = [await client.get(TASKS, params={"q": text}) for text in SEARCHES]
    found += [await client.get(TASKS, params={"filter": text, "sort": "-title"}) for text in FILTERS]
    found += [
        await client.get(TASKS, params={name: CANARY})
        for name in ("label", "sort", "priority", "due_before", "updated_since", "project_id", "filter_id", "cursor")
    ]
    return [*found, *await _in_bodies(client), *await _in_files(client), *await _in_paths(client)]


async def _in_bodies(client: httpx.AsyncClient) -> list[Reply]:
    task = await client.post(TASKS, json={**TITLED, **DUE, "labels": [CANARY], "recurrence": {"rule": "FREQ=DAILY"}})
    path = f"{TASKS}/{task.json().get('id', uuid4())}"
    return [
        task,
        *[await client.post(TASKS, json={**TITLED, **fields}) for fields in REFUSED_FIELDS],
        *[await client.patch(path, json=fields) for fields in REFUSED_FIELDS],
        await client.patch(f"{path}/complete", json={"due_date": CANARY}),
        await client.post(f"{path}/move", json={"after": CANARY, "project_id": CANARY}),
        await client.post(f"{TASKS}/quick", json={"text": f'{CANARY} tomorrow @{CANARY} #"{CANARY}" every {CANARY}'}),
        *[await client.post(f"{ME}/filters", json={"name": new(), "query": text}) for text in FILTERS],
        *[await client.post(f"{ME}/{what}", json={"name": new(), "color": CANARY}) for what in ("projects", "labels")],
        await client.post(f"{ME}/projects", json={"name": CANARY, "parent_id": CANARY}),
        *[await client.post(f"{ME}/{what}", json={"name": CANARY}) for what in ("projects", "labels", "feeds")],
        await client.post(f"{ME}/feeds", json={"name": ADDRESS}),
        await client.post("/api/v1/auth/tokens", json={"name": CANARY, "scopes": [CANARY]}),
    ]


async def _in_files(client: httpx.AsyncClient) -> list[Reply]:
    take_in = f"{ME}/import"
    boundary = {"Content-Type": f"multipart/form-data; boundary={CANARY}"}
    return [
        *[
            await client.post(take_in, params={"format": form}, files={"file": (f"{CANARY}.{form}", content)})
            for form, content in files()
        ],
        await client.post(take_in, params={"format": CANARY}, files={"file": (CANARY, b"x")}),
        await client.post(take_in, files={CANARY: (CANARY, b"x")}),
        await client.post(take_in, content=f"--{CANARY}".encode(), headers=boundary),
        await client.get(f"{TASKS}/export", params={"format": CANARY}),
    ]


async def _in_paths(client: httpx.AsyncClient) -> list[Reply]:
    ours = [f"{ME}/{what}/{CANARY}" for what in ("tasks", "projects", "labels", "filters", "feeds", "trash")]
    others = [f"/feeds/{CANARY}.ics", f"/feeds/dwf_{CANARY:x<43}.ics", f"{ME}/statistics?days={CANARY}"]
    return [await client.get(path) for path in [*ours, *others]]
