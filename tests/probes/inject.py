"""sqlmap over everything that a running server reads from a request: paths, queries, headers, bodies.

    uv run --with sqlmap python -m tests.probes.inject http://127.0.0.1:8000

Start that server with its limits off: sqlmap asks a thousand times a minute. It makes people and tasks, so give it a
database of its own. What is sent comes from the OpenAPI document, with a mark behind each value; what each operation
got as answers is told, for a probe that is refused at the door proves little.
"""

import argparse
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import quote

import httpx

MARK = "*"
PASSWORD = "a long enough pass phrase 7"
FORMATS = {"uuid": "0192f3c1-9a70-7c44-8000-5e8f0a6b7c02", "date": "2027-03-01", "date-time": "2027-03-01T08:00:00Z"}
FILE = {
    "format": "donewell",
    "version": 1,
    "projects": [{"name": "Probe"}],
    "tasks": [{"title": "Probe", "labels": ["x"]}],
}
BOUNDARY = "0192f3c19a707c44"
TYPES = {"integer": 1, "number": 1, "boolean": True}
# What makes the others meaningless when it is there: these are tried in a request of their own.
ALONE = {"id", "cursor", "after", "before", "If-Match", "If-None-Match"}
OPTIONS = ["--batch", "--dbms=PostgreSQL", "--technique=BEUST", "--time-sec=3", "--timeout=10", "--retries=1"]
OPTIONS += ["--flush-session", "--disable-coloring", "--ignore-code=*", "--skip-waf", "-v1"]

# What would leave nothing to try the rest on: asked for with the wrong password.
LAST = {"deleteMe"}


@dataclass(frozen=True)
class Field:
    """One value of a request: where it stands, its name, an example that is accepted, and whether it must be there."""

    place: str
    name: str
    example: Any
    required: bool


@dataclass
class Finding:
    """What became of one request: its marks, how many were tried, what sqlmap and the server said."""

    name: str
    unmarked_status: int
    marks: int
    tried: int = 0
    requests: int = 0
    injectable: list[str] = field(default_factory=list)
    withdrawn: int = 0
    statuses: dict[str, int] = field(default_factory=dict)


class Document:
    """The OpenAPI document of the server, and examples that follow it."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema itself, where there was a reference."""
        while "$ref" in schema:
            target: Any = self.content
            for key in schema["$ref"].split("/")[1:]:
                target = target[key]
            schema = target
        return schema

    def example(self, schema: dict[str, Any]) -> Any:
        """Something that the schema accepts."""
        schema = self.resolved(schema)
        choices = schema.get("anyOf", schema.get("oneOf", []))
        given = [*schema.get("examples", []), *schema.get("enum", [])]
        given += [schema[key] for key in ("example", "const", "default") if schema.get(key) is not None]
        given += [self.example(each) for each in choices if self.resolved(each).get("type") != "null"][:1]
        if given:
            return given[0]
        if "properties" in schema:
            return {name: self.example(each) for name, each in schema["properties"].items()}
        if schema.get("type") == "array":
            return [self.example(schema["items"])]
        return FORMATS.get(schema.get("format", ""), TYPES.get(schema.get("type", ""), "text"))

    def fields(self, operation: dict[str, Any]) -> list[Field]:
        """Every value that the operation reads."""
        found = []
        for each in operation.get("parameters", []):
            parameter = self.resolved(each)
            example = parameter.get("example") or self.example(parameter["schema"])
            found.append(Field(parameter["in"], parameter["name"], example, parameter.get("required", False)))
        for media, content in self.resolved(operation.get("requestBody", {})).get("content", {}).items():
            schema = self.resolved(content["schema"])
            place = {"application/json": "json", "multipart/form-data": "file"}.get(media, "form")
            for name, each in schema.get("properties", {}).items():
                found.append(Field(place, name, self.example(each), name in schema.get("required", [])))
        return found


def account(server: httpx.Client) -> dict[str, Any]:
    """Somebody new who has something of everything: values that are only true of somebody, by the fields' names."""
    person = {"email": f"probe{secrets.token_hex(8)}@example.com", "name": "Probe", "password": PASSWORD}
    server.headers.pop("Authorization", None)
    registered = server.post("/api/v1/auth/register", json=person).raise_for_status().json()
    server.headers["Authorization"] = f"Bearer {registered['access_token']}"

    def made(resource: str, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = server.post(resource, json=body).raise_for_status().json()
        return answer

    mine = "/api/v1/users/me"
    project = made(f"{mine}/projects", name="Probe")
    label, other_label = (made(f"{mine}/labels", name=name) for name in ("probe", "probes"))
    task = made(f"{mine}/tasks", title="Probe", project_id=project["id"], labels=["probe"])
    neighbours = [made(f"{mine}/tasks", title="Probe", project_id=project["id"]) for _ in range(2)]
    recurring = made(f"{mine}/tasks", title="Probe", due_date="2027-03-01", recurrence={"rule": "FREQ=DAILY"})
    server.patch(f"{mine}/tasks/{recurring['id']}/complete").raise_for_status()
    trashed = made(f"{mine}/tasks", title="Probe")
    server.delete(f"{mine}/tasks/{trashed['id']}").raise_for_status()
    feed = made(f"{mine}/feeds", name="Probe")
    page = server.get(f"{mine}/tasks?limit=1").raise_for_status()
    token = made("/api/v1/auth/tokens", name="Probe", scopes=["tasks:read"])
    server.post("/api/v1/auth/login", json={key: person[key] for key in ("email", "password")}).raise_for_status()
    sessions = server.get("/api/v1/auth/sessions").raise_for_status().json()
    return {
        "If-Match": '"1"',
        "user_id": registered["user"]["id"],
        "task_id": task["id"],
        "project_id": project["id"],
        "parent_id": neighbours[0]["id"],
        "label_id": label["id"],
        "into": other_label["id"],
        "label": "probe",
        "labels": ["probe"],
        "filter_id": made(f"{mine}/filters", name="Probe", query="overdue")["id"],
        "beside tasks": neighbours[1]["id"],
        "beside projects": made(f"{mine}/projects", name="Probe")["id"],
        "beside labels": other_label["id"],
        "beside filters": made(f"{mine}/filters", name="Probe", query="overdue")["id"],
        "due_time": "08:30",
        "time_zone": "Europe/Berlin",
        "text": "Probe tomorrow 8:30 @probe !high",
        "filter": "overdue",
        "query": 'title ~ "probe" & due < 2027-03-01',
        "feed_id": feed["id"],
        "secret": feed["path"].removeprefix("/feeds/").removesuffix(".ics"),
        "trashed_id": trashed["id"],
        "recurring_task_id": recurring["id"],
        "token_id": token["id"],
        "cursor": httpx.URL(page.links["next"]["url"]).params["cursor"],
        "session_id": next(each["id"] for each in sessions if not each["current"]),
        "username": person["email"],
        "current_password": PASSWORD,
        "new_password": f"{PASSWORD} and 8",
        "password": PASSWORD,
        "email": person["email"],
        "refresh_token": registered["refresh_token"],
        "grant_type": "password",
        "access_token": registered["access_token"],
    }


def in_json(value: Any, mark: str) -> str:
    """The value as JSON, with the mark behind every value within."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{name}": {in_json(each, mark)}' for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(in_json(each, mark) for each in value) + "]"
    return json.dumps(value + mark) if isinstance(value, str) else json.dumps(value) + mark


def at(path: str, person: dict[str, Any]) -> dict[str, Any]:
    """The values, with those that depend on which resource the path is about."""
    resource = next((each for each in ("filters", "labels", "projects") if f"/{each}" in path), "tasks")
    beside = person[f"beside {resource}"]
    parent = {"parent_id": beside} if resource == "projects" else {}
    return {**person, "after": beside, "before": beside, **parent}


def written(method: str, path: str, fields: list[Field], person: dict[str, Any], *, host: str, mark: str) -> str:
    """The request as text, with the mark behind every value."""

    person = at(path, person)

    def plain(each: Field) -> str:
        value = person.get(each.name, each.example)
        return value if isinstance(value, str) else json.dumps(value)

    query = []
    headers = [f"Host: {host}", f"User-Agent: probe{mark}", f"X-Request-ID: probe-0001{mark}"]
    body = {}
    form = []
    for each in fields:
        if each.place == "path":
            path = path.replace("{" + each.name + "}", f"{plain(each)}{mark}")
        elif each.place == "query":
            query.append(f"{each.name}={quote(plain(each))}{mark}")
        elif each.place == "header":
            headers.append(f"{each.name}: {plain(each)}{mark}")
        elif each.place == "json":
            body[each.name] = person.get(each.name, each.example)
        elif each.place == "form":
            form.append(f"{each.name}={plain(each)}{mark}")
    headers.append(f"Authorization: Bearer {person['access_token']}{mark}")
    content = in_json(body, mark) if body else "&".join(form)
    if content:
        headers.append(f"Content-Type: application/{'json' if body else 'x-www-form-urlencoded'}")
    elif any(each.place == "file" for each in fields):
        headers.append(f"Content-Type: multipart/form-data; boundary={BOUNDARY}")
        part = f'Content-Disposition: form-data; name="file"; filename="probe{mark}.json"'
        content = "\r\n".join([f"--{BOUNDARY}", part, "", in_json(FILE, mark), f"--{BOUNDARY}--", ""])
    target = path + ("?" + "&".join(query) if query else "")
    return "\r\n".join([f"{method.upper()} {target} HTTP/1.1", *headers, "", content])


def status(server: httpx.Client, text: str) -> int:
    """What the server answers to a request that is written out."""
    head, _, content = text.partition("\r\n\r\n")
    line, *headers = head.split("\r\n")
    method, target, _ = line.split(" ")
    sent = dict(header.split(": ", 1) for header in headers)
    return server.request(method, target, headers=sent, content=content.encode()).status_code


def probe(text: str, name: str, directory: Path, arguments: argparse.Namespace, finding: Finding) -> Finding:
    """Let sqlmap at it."""
    request = directory / f"{name}.txt"
    request.write_text(text)
    limits = [f"--level={arguments.level}", f"--risk={arguments.risk}", f"--time-limit={arguments.seconds}"]
    traffic = directory / f"{name}.traffic"
    command = [
        "sqlmap",
        "-r",
        str(request),
        *OPTIONS,
        *limits,
        "--output-dir",
        str(directory / name),
        "-t",
        str(traffic),
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    (directory / f"{name}.log").write_text(said)
    finding.tried = len(re.findall(r"does not seem to be injectable|is vulnerable", said))
    finding.injectable = re.findall(r"^Parameter: (.*)$", said, re.MULTILINE)
    finding.withdrawn = len(re.findall(r"false positive or unexploitable", said))
    answers = re.findall(r"^HTTP response \[#\d+\] \((\d+)", traffic.read_text(errors="replace"), re.MULTILINE)
    finding.requests = len(answers)
    finding.statuses = {code: answers.count(code) for code in sorted(set(answers))}
    traffic.unlink()
    print(json.dumps(vars(finding)), flush=True)  # noqa: T201 - it is what this command is for
    return finding


def attempt(method: str, path: str, variant: str, fields: list[Field], arguments: argparse.Namespace) -> Finding:
    """One request, plain and then with marks, by somebody new each time: tokens end after 15 minutes."""
    with httpx.Client(base_url=arguments.url, timeout=30) as server:
        host = arguments.url.removeprefix("http://")
        plain = written(method, path, fields, account(server), host=host, mark="")
        answered = status(server, plain)
        person = account(server)
    if variant in LAST:
        person["password"] = "no pass phrase of mine"
    marked = written(method, path, fields, person, host=host, mark=MARK)
    finding = Finding(variant, answered, marked.count(MARK) - plain.count(MARK))
    return probe(marked, variant, arguments.directory, arguments, finding)


def variants(document: Document, only: str) -> Iterator[tuple[str, str, str, list[Field]]]:
    """Method, path, name and fields of each request: all fields together, and some in a request of their own."""
    for path, methods in document.content["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"]
            if not re.search(only, name):
                continue
            fields = document.fields(operation)
            needed = [each for each in fields if each.required and each.name not in ALONE]
            together = [each for each in fields if each.name not in ALONE]
            yield method, path, name, together
            for each in fields:
                if each.name in ALONE:
                    yield method, path, f"{name}-{each.name}", [*(together if each.place == "header" else needed), each]


def main() -> int:
    """Try every operation; 1 when something can be injected, or answered 5xx."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of a server on this machine")
    parser.add_argument("--level", type=int, default=2)
    parser.add_argument("--risk", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=240, help="at most, for a request and its marks")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--only", default="", help="operations whose name matches")
    arguments = parser.parse_args()
    assert re.match(r"http://(127\.0\.0\.1|localhost)(:\d+)?$", arguments.url), "only servers on this machine"
    arguments.directory = Path(mkdtemp(prefix="probe-"))
    document = Document(httpx.get(f"{arguments.url}/openapi.json").json())
    with ThreadPoolExecutor(arguments.at_once) as pool:
        waiting = [pool.submit(attempt, *each, arguments) for each in variants(document, arguments.only)]
        findings = [each.result() for each in waiting]
    bad = [each for each in findings if each.injectable or any(code.startswith("5") for code in each.statuses)]
    total = {
        "operations": len({each.name.split("-")[0] for each in findings}),
        "requests": sum(each.requests for each in findings),
        "marks": sum(each.marks for each in findings),
        "tried": sum(each.tried for each in findings),
        "bad": [each.name for each in bad],
        "in": str(arguments.directory),
    }
    print(json.dumps(total))  # noqa: T201 - as above
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
