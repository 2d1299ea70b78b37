"""What a worker does for a user once at a time, since it takes time or memory for as long as it lasts."""

from contextlib import ExitStack
from uuid import UUID

from backend.domain.errors import Overloaded, TooManyRequests

RETRY = 10
"""Seconds after which whoever has one running is asked to come again."""


class Turns:
    """Who has one running or waiting: one for a user, and for all of them `most`, if that is given."""

    def __init__(self, refusal: type[TooManyRequests], most: int | None = None) -> None:
        self._refusal = refusal
        self._most = most
        self._running: set[UUID] = set()

    def take(self, user_id: UUID) -> ExitStack:
        """A turn, until it is closed; to close it twice is nothing. Raises the refusal, or `Overloaded`."""
        if user_id in self._running:
            raise self._refusal(RETRY)
        if self._most is not None and len(self._running) >= self._most:
            raise Overloaded
        self._running.add(user_id)
        turn = ExitStack()
        turn.callback(self._running.remove, user_id)
        return turn
