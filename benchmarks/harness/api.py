"""What is asked of a contestant: the operations, as the bytes of whole requests."""

import json
import random
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.harness import dataset

OPERATIONS = ("list", "read", "create", "change", "complete")
WRITES = ("create", "change", "complete")
LOAD_USERS = range(1_000)
"""Who lists, reads, changes and completes."""
CREATING_USERS = range(1_000, 2_000)
"""Who creates: others, so that the lists stay what they were."""
PLACE = "@" * 12
"""Becomes another number in each request; see load.lua."""
OPEN_TASKS = [index for index in range(dataset.TASKS_EACH) if not dataset.task(0, index)["completed"]]
"""The tasks of each user that are open at first. Each round completes another one, and so knows how it stands."""

PATH = "/api/v1/users/me/tasks"

token = lru_cache(maxsize=None)(dataset.token)
"""The token of a user: the same one in every request, as clients have it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one of the users asks."""

    method: str
    path: str
    token: str
    body: str = ""

    def encode(self) -> bytes:
        """The bytes on the wire."""
        body = self.body.encode()
        content = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
        return f"{head}{content}\r\n".encode() + body


def requests(operation: str, turn: int) -> list[Request]:
    """The requests of an operation in a turn (0 is the warm-up), in the order to ask them where order matters."""
    users = random.sample(LOAD_USERS, len(LOAD_USERS))
    if operation == "create":
        return [request(operation, user) for user in CREATING_USERS]
    if operation != "complete":
        return [request(operation, user, user % dataset.TASKS_EACH) for user in users]
    task = OPEN_TASKS[turn % len(OPEN_TASKS)]
    return [
        Request("PATCH", f"{PATH}/{dataset.task_id(user, task)}/complete", token(user), body)
        for body in COMPLETED
        for user in users
    ]


def request(operation: str, user: int, task: int = 0) -> Request:
    """What a user asks, and of which of their tasks; not for completing, which depends on how the task stands."""
    path = f"{PATH}/{dataset.task_id(user, task)}"
    match operation:
        case "list":
            return Request("GET", f"{PATH}?limit=20", token(user))
        case "read":
            return Request("GET", path, token(user))
        case "create":
            return Request("POST", PATH, token(user), CREATED)
        case _:
            return Request("PATCH", path, token(user), CHANGED)


CREATED = json.dumps({"title": f"Water the plants {PLACE}", "priority": "high", "due_date": "2027-03-01"})
CHANGED = json.dumps({"title": f"Water the plants again {PLACE}"})
COMPLETED = ('{"completed": true}', '{"completed":false}')
