"""Two users do whatever the API lets them, in any order, with each other's ids: neither sees or changes the other's.

An ordinary run tries the same calls each time. `uv run pytest -n0 --hypothesis-profile=thorough
tests/integration/test_architecture/test_two_users.py` tries others, fifty times as many.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.factories.clients import client_for
from tests.factories.rows import everything_of, ids_in
from tests.integration.test_architecture.actors import Actor
from tests.integration.test_architecture.operations import NAMED, OPERATIONS, Operation, request_of
from tests.integration.test_architecture.places import Place, Request, places_of_ids, with_id, with_mark

CALLS = 30
"""In a row, with the same two users."""

MALFORMED = (
    "nope",
    "1",
    "' OR true --",
    "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e0",
    "{0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01}",
)
HEADERS: tuple[Mapping[str, str], ...] = ({}, {}, {"If-Match": '"1"'}, {"If-Match": "*"}, {"If-None-Match": "*"})
KINDS = ("own", "own", "theirs", "theirs", "of anything of theirs", "nobody's", "malformed")


BY_NAME = {str(operation): operation for operation in OPERATIONS}


class TwoUsers(RuleBasedStateMachine):
    """Runs in a thread of its own, for hypothesis waits; what it asks for is done in the event loop of the tests."""

    def __init__(self, app: FastAPI, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._app = app
        self._loop = loop
        self._actors: list[Actor] = []

    def _await[Result](self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)

    @initialize()
    def sign_up(self) -> None:
        self._actors = [self._await(Actor.new(self._app, client_for(self._app))) for _ in range(2)]

    def teardown(self) -> None:
        for actor in self._actors:
            self._await(actor.client.aclose())

    @rule(data=st.data(), number=st.sampled_from((0, 1)), called=st.sampled_from(sorted(BY_NAME)))
    def call(self, data: st.DataObject, number: int, called: str) -> None:
        """One of them sends any request there is, with any ids."""
        operation = BY_NAME[called]
        me, other = self._actors[number], self._actors[1 - number]
        named = {name: me.ids[name.removeprefix("another ")][0] for name in NAMED.get(operation.name, {}).values()}
        request: Request = with_mark(operation, dict(request_of(operation, me.client, named)), me.client.mark)
        ids: dict[str, str] = {}
        for place in places_of_ids(operation):
            value = _draw_id(data, place, me, other)
            if place.where == "path":
                ids[place.way[0]] = value
            elif data.draw(st.booleans(), f"whether there is an id in {place}"):
                request = with_id(operation, request, place, value)
        user_id = "me"
        if "user_id" in operation.parameters:
            users = ("me", "me", "me", str(me.client.user_id), str(other.client.user_id), str(uuid4()), "nope")
            user_id = data.draw(st.sampled_from(range(len(users))).map(users.__getitem__), "user_id")
        headers = data.draw(st.sampled_from(HEADERS), "headers")
        ids["user_id"] = user_id
        path = operation.path.format(**ids)
        reply = self._await(me.client.request(operation.method, path, headers=headers, **request))
        note(f"{operation.method} {path} with {request}: {reply.status_code} {reply.text[:200]}")
        self._await(self._check(number, operation, ids, request.get("json"), reply))

    async def _check(
        self, number: int, operation: Operation, ids: Mapping[str, str], sent: Any, reply: httpx.Response
    ) -> None:
        me, other = self._actors[number], self._actors[1 - number]
        self._saw_nothing_of(other, me, reply)
        assert reply.status_code < 500, reply.text
        assert await everything_of(self._app, other.client.user_id) == other.rows, "the other's rows have changed"
        if reply.is_success:
            if operation.protected:
                assert ids["user_id"] in ("me", str(me.client.user_id))
                assert {ids[name] for name in operation.objects} <= me.has()
            me.keep(operation, reply)
            if not me.expect(operation, ids, sent, reply):
                await me.settle(self._app)
        await me.look(self._app, let_in=not operation.protected or reply.status_code != 401)

    def _saw_nothing_of(self, other: Actor, me: Actor, reply: httpx.Response) -> None:
        told = reply.text + str(reply.headers)
        assert [secret for secret in other.secrets() if secret in told] == []
        # A path is quoted in a refusal, and an id that somebody else has taken is free.
        sent = ids_in(str(reply.request.url) + reply.request.read().decode())
        assert ids_in(told) & (other.has() - me.has() - sent) == set()


def _draw_id(data: st.DataObject, place: Place, me: Actor, other: Actor) -> str:
    kind = data.draw(st.sampled_from(KINDS), f"whose id in {place}")
    which = data.draw(st.integers(0, 9), "which one")
    name = place.way[-1] if place.where == "path" else data.draw(st.sampled_from(sorted(me.ids)), "of what")
    pools: Mapping[str, Callable[[], Sequence[str]]] = {
        "own": lambda: me.ids.get(name) or sorted(me.has()),
        "theirs": lambda: other.ids.get(name) or sorted(other.has()),
        "of anything of theirs": lambda: sorted(other.has()),
        "nobody's": lambda: [str(uuid4())],
        "malformed": lambda: MALFORMED,
    }
    pool = pools[kind]()
    return pool[which % len(pool)]


@pytest.mark.timeout(3600)
async def test_two_users_never_see_or_change_what_is_the_others(app: FastAPI) -> None:
    profile = settings()
    tried = settings(
        profile,
        # A quarter of what is tried of a function: each example here is many requests.
        max_examples=max(profile.max_examples // 4, 1),
        stateful_step_count=CALLS,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    machine: Any = partial(TwoUsers, app, asyncio.get_running_loop())

    # Nothing is to happen to anybody but what is called.
    await app.state.mail.stop()
    try:
        await asyncio.to_thread(run_state_machine_as_test, machine, settings=tried)
    finally:
        app.state.mail.start()
