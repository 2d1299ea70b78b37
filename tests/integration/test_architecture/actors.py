"""A user as the state machine of two users drives them: their client, what they have, and the tasks they must see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
from fastapi import FastAPI
from sqlalchemy import delete
from sqlmodel import col

from backend.auth.refresh_tokens import RefreshToken
from backend.models.one_time_tokens import OneTimeToken
from backend.services.sessions import open_session
from tests.factories.clients import Client, carry, give_links, sign_up
from tests.factories.rows import Rows, everything_of, ids_in
from tests.integration.test_architecture.operations import OPERATIONS, PARAMETERS, Operation
from tests.integration.test_architecture.places import is_below

TASKS = "/api/v1/users/me/tasks"
NEW_TASK = {"description": None, "completed": False, "priority": "none", "due_date": None}
KNOWN = ("id", "title", *NEW_TASK)
"""What the model knows of a task."""

OF_TASKS = ("/tasks", "/trash", "/projects", "/labels", "/import")
"""Where tasks are changed."""

WITH_A_LINK = ("reset_password", "verify_email")
"""What takes a link that was mailed, and is good once."""

type Ids = Mapping[str, str]


@dataclass(slots=True)
class Actor:
    """`ids` are those of objects by the path parameter that names them; `tasks` is the model, the newest last."""

    app: FastAPI
    client: Client
    ids: dict[str, list[str]] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    async def new(cls, app: FastAPI, client: Client) -> Self:
        """Somebody with an account, a session, and an object of every kind."""
        actor = cls(app, client)
        await actor._begin()
        return actor

    async def _begin(self) -> None:
        await sign_up(self.app, self.client)
        self.ids = {name: [await make(self.client)] for name, make in PARAMETERS.items() if " " not in name}
        await self._take_what_others_have_too()
        await self.settle()

    async def _take_what_others_have_too(self) -> None:
        """A label by a name that everybody's has, on a task and on one in the trash."""
        for _ in range(2):
            task = (await self.client.post(TASKS, json={"title": "Comb the cat", "labels": ["pets"]})).json()
        assert (await self.client.delete(f"{TASKS}/{task['id']}")).status_code == 204
        labels = (await self.client.get("/api/v1/users/me/labels")).json()
        self.ids["label_id"] = [label["id"] for label in labels if label["name"] == "pets"]

    async def settle(self) -> None:
        """Take what is there now for what has to be there."""
        self.tasks = {task["id"]: task for task in reversed(await self._listed() or [])}
        self.rows = await everything_of(self.app, self.client.user_id)

    async def make(self, kind: str) -> str:
        """A new object, by the path parameter that names such; gives its id."""
        made = await PARAMETERS[kind](self.client)
        self.ids[kind].append(made)
        await self.settle()
        return made

    async def get_links(self) -> None:
        """Be mailed new links."""
        async with self.app.state.database.begin() as session:
            await session.exec(delete(OneTimeToken).where(col(OneTimeToken.user_id) == self.client.user_id))
            give_links(self.client, session)
        self.rows = await everything_of(self.app, self.client.user_id)

    def own(self, kind: str) -> list[str]:
        """The ids that one knows of a kind, of what is still there; what rows do not show is taken for it."""
        has = self.has()
        return [known for known in self.ids[kind] if known in has or kind in ("secret", "path")]

    async def look(self, *, let_in: bool) -> None:
        """See that one's tasks are as the model says; once the account is closed, as somebody else from now on.

        Whoever has just not been let in has no session any more: no other reason is one.
        """
        if "users" not in self.rows:
            await self._begin()
            return
        listed = await self._listed()
        assert let_in or listed is None, "refused, but not for want of a session"
        if listed is None:
            await self._sign_in_again()
            listed = await self._listed()
        assert listed == [*reversed(self.tasks.values())]

    async def _sign_in_again(self) -> None:
        async with self.app.state.database.begin() as session:
            token = open_session(session, self.client.user_id, None)
        carry(self.client, token)
        self.rows = await everything_of(self.app, self.client.user_id)

    async def _listed(self) -> list[dict[str, Any]] | None:
        """The tasks that the API lists, reduced to what the model knows of them; none once the session has ended."""
        reply = await self.client.get(TASKS, params={"limit": 200})
        if reply.status_code == 401:
            return None
        assert reply.status_code == 200, reply.text
        return [{name: task[name] for name in KNOWN} for task in reply.json()]

    def has(self) -> set[str]:
        """Every id in the rows that are theirs."""
        return ids_in(str(self.rows))

    def secrets(self) -> set[str]:
        """What nobody else may see in any answer, their ids aside."""
        return {self.client.mark, self.client.access_token, self.client.refresh_token}

    def keep(self, operation: Operation, reply: httpx.Response) -> None:
        """Remember new tokens, and the id of a new object, by the name that paths have for it."""
        told = reply.json() if reply.headers.get("content-type") == "application/json" else None
        if not isinstance(told, dict):
            return
        if "refresh_token" in told:
            token = RefreshToken.parse(told["refresh_token"])
            if token.user_id == self.client.user_id:
                carry(self.client, token)
        if operation.name == "create_feed":
            self.ids["secret"].append(told["path"].removeprefix("/feeds/").removesuffix(".ics"))
        for name in [below.objects[-1] for below in OPERATIONS if is_below(operation, below)]:
            if "id" in told and name in self.ids:
                self.ids[name].append(told["id"])

    async def expect(self, operation: Operation, ids: Ids, sent: Any, reply: httpx.Response) -> None:
        """Let the model do what the API has answered to have done."""
        body = {name: value for name, value in (sent or {}).items() if name in KNOWN}
        if operation.name == "create_task":
            task = reply.json()
            assert reply.status_code == (200 if task["id"] in self.tasks else 201)
            self.tasks.setdefault(task["id"], {**NEW_TASK, **body, "id": task["id"]})
        elif operation.name in ("put_task", "update_task"):
            self.tasks[ids["task_id"].lower()].update(body)
        elif operation.method != "GET" and any(part in operation.path for part in OF_TASKS):
            # What else is done to one task is done to others too: to those below it, or to all with a label.
            await self.settle()
