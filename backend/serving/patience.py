"""How long a client may take, and how many may come: one look a second at all connections, no timer for any."""

import asyncio
from collections.abc import Mapping
from enum import Enum
from typing import Protocol as Interface

import structlog

log = structlog.get_logger()

LOOK_EVERY = 1.0


class Stage(Enum):
    """What a connection is about."""

    IDLE = "between requests"
    HEAD = "a request line and headers are to come"
    BODY = "a body is to come"
    ANSWER = "it is our turn"
    TAKING = "an answer waits for the client to take it"


PATIENCE: Mapping[Stage, float] = {
    # Longer than proxies keep a connection to us (60 s, mostly), or one that they take for open would be closed under a
    # request.
    Stage.IDLE: 75.0,
    Stage.HEAD: 10.0,
    Stage.BODY: 30.0,
    Stage.TAKING: 30.0,
}
"""Seconds that a connection may stay at one stage of one request; of an answer, without taking any of it."""

CROWDED = 0.75
IMPATIENCE: Mapping[Stage, float] = {**PATIENCE, Stage.IDLE: 5.0}
"""The same when three quarters of the connections that there may be are there."""

type Place = tuple[object, Stage, int]
"""The request, the stage, and how many bytes wait to be taken."""


class Connection(Interface):
    """What is looked at."""

    place: Place
    since: float

    def where(self) -> Place:
        """Where it is now."""

    def end(self, stage: Stage) -> None:
        """End it, or the request: the client has had its time."""


class Patience:
    """Watches over a server's connections from the first on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connections: set[Connection], most: int) -> None:
        self._loop = loop
        self._connections = connections
        self._most = most
        self._refused = 0
        self._next: asyncio.TimerHandle | None = None

    def takes(self, connection: Connection) -> bool:
        """Whether there is room for a new connection, which is watched from now on."""
        connection.since = self._loop.time()
        if self._next is None:
            self._next = self._loop.call_later(LOOK_EVERY, self._look)
        if len(self._connections) <= self._most:
            return True
        self._refused += 1
        return False

    def _look(self) -> None:
        now = self._loop.time()
        limits = IMPATIENCE if len(self._connections) > CROWDED * self._most else PATIENCE
        for connection in tuple(self._connections):
            place, before = connection.where(), connection.place
            if place[0] is not before[0] or place[1:] != before[1:]:
                connection.place, connection.since = place, now
            elif now - connection.since > limits.get(place[1], float("inf")):
                connection.end(place[1])
        if self._refused:
            log.warning("connections.refused", count=self._refused)
            self._refused = 0
        # With nobody to watch over, nothing keeps the loop awake.
        self._next = self._loop.call_later(LOOK_EVERY, self._look) if self._connections else None
