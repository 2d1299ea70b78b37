"""Two users do whatever the API lets them, in any order, with each other's ids: neither sees or changes the other's.

An ordinary run tries the same calls each time. `uv run pytest -n0 --hypothesis-profile=thorough
tests/integration/test_architecture/test_two_users.py` tries others, fifty times as many.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.factories.clients import client_for
from tests.factories.rows import everything_of_each, ids_in
from tests.integration.test_architecture.actors import WITH_A_LINK, Actor
from tests.integration.test_architecture.calls import ANYTHING, OWN, THEIRS, Call, Drawn, Sent, calls, takes_ids
from tests.integration.test_architecture.operations import OPERATIONS

GAMES = 4
"""Each deals its part of the calls to two new users, in any order."""


class TwoUsers(RuleBasedStateMachine):
    """Runs in a thread of its own, for hypothesis waits; what it asks for is done in the event loop of the tests."""

    def __init__(
        self, app: FastAPI, loop: asyncio.AbstractEventLoop, dealt: Sequence[Call], made: set[tuple[Call, bool]]
    ) -> None:
        super().__init__()
        self._app = app
        self._loop = loop
        self._actors: list[Actor] = []
        self._left = list(dealt)
        self._made = made

    def _await[Result](self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)

    @initialize()
    def sign_up(self) -> None:
        self._actors = [self._await(Actor.new(self._app, client_for(self._app))) for _ in range(2)]

    def teardown(self) -> None:
        for actor in self._actors:
            self._await(actor.client.aclose())

    @rule(data=st.data(), number=st.sampled_from((0, 1)))
    def call(self, data: st.DataObject, number: int) -> None:
        """One of them makes one of the calls that are left."""
        call = self._left.pop(data.draw(st.integers(0, len(self._left) - 1), "which call"))
        me, other = self._actors[number], self._actors[1 - number]
        drawn = Drawn(data, me, other, lambda actor, kind: self._await(actor.make(kind)))
        if call.whose == OWN and call.operation.name in WITH_A_LINK:
            self._await(me.get_links())
        succeeded = self._send(call, number, drawn.sent(call, anew=False))
        if call.whose == OWN and not succeeded:
            # What was done to one's objects before may be in the way of it, but not of it with new ones.
            self._send(call, number, drawn.sent(call, anew=True))

    def _send(self, call: Call, number: int, sent: Sent) -> bool:
        operation, me = call.operation, self._actors[number]
        path = operation.path.format(**sent.ids)
        reply = self._await(me.client.request(operation.method, path, headers=sent.headers, **sent.request))
        note(f"{call}: {operation.method} {path} with {sent.request}: {reply.status_code} {reply.text[:200]}")
        self._await(self._check(number, call, sent, reply))
        self._made.add((call, reply.is_success))
        return reply.is_success

    async def _check(self, number: int, call: Call, sent: Sent, reply: httpx.Response) -> None:
        operation, me, other = call.operation, self._actors[number], self._actors[1 - number]
        assert reply.status_code < 500, reply.text
        rows = await everything_of_each(self._app, me.client.user_id, other.client.user_id)
        assert rows[other.client.user_id] == other.rows, "the other's rows have changed"
        # Whoever has the address of a feed is shown its owner's, and nothing of anybody else's.
        shown, hidden = (other, me) if sent.ids.get("secret") in other.ids["secret"] else (me, other)
        self._saw_nothing_of(hidden, shown, reply)
        had, me.rows = me.has(), rows[me.client.user_id]
        if reply.is_success:
            if operation.protected:
                assert sent.ids.get("user_id") in (None, "me", str(me.client.user_id))
                assert {sent.ids[name] for name in operation.objects} <= had
            me.keep(operation, reply)
            await me.expect(operation, sent.ids, sent.request.get("json"), reply)
        await me.look(let_in=not operation.protected or reply.status_code != 401)

    def _saw_nothing_of(self, hidden: Actor, shown: Actor, reply: httpx.Response) -> None:
        told = reply.text + str(reply.headers)
        assert [secret for secret in hidden.secrets() if secret in told] == []
        # A path is quoted in a refusal, and an id that somebody else has taken is free.
        sent = ids_in(str(reply.request.url) + reply.request.read().decode())
        assert ids_in(told) & (hidden.has() - shown.has() - sent) == set()


@pytest.mark.usefixtures("uncounted")
@pytest.mark.timeout(3600)
async def test_two_users_never_see_or_change_what_is_the_others(app: FastAPI) -> None:
    profile = settings()
    every = list(calls())
    made = set[tuple[Call, bool]]()

    # Nothing is to happen to anybody but what is called.
    await app.state.mail.stop()
    try:
        for game in range(GAMES):
            dealt = every[game::GAMES]
            tried = settings(
                profile,
                # Of what is tried of a function: each example here is many requests.
                max_examples=max(profile.max_examples // 33, 1),
                # To begin is a step too.
                stateful_step_count=len(dealt) + 1,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.shrink],
            )
            machine: Any = partial(TwoUsers, app, asyncio.get_running_loop(), dealt, made)
            await asyncio.to_thread(run_state_machine_as_test, machine, settings=tried)
    finally:
        app.state.mail.start()

    done = {call.operation for call, succeeded in made if succeeded and call.whose == OWN}
    met = {call.operation for call, _ in made if call.whose == THEIRS}
    assert [str(operation) for operation in OPERATIONS if operation not in done] == [], "never succeeded"
    assert [str(operation) for operation in OPERATIONS if takes_ids(operation) and operation not in met] == []
    assert {call for call, _ in made if call.whose == ANYTHING} == {call for call in every if call.whose == ANYTHING}
