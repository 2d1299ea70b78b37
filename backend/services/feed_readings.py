"""Reading calendar feeds: by whoever has the address, as often as they like, and at the expense of nobody else."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from time import perf_counter

from backend.database.fast_lane import FastLane, Row
from backend.domain.errors import Overloaded, TooManyRequests
from backend.formats import calendar_feed
from backend.services.feeds import due_tasks
from backend.services.turns import Turns

AT_ONCE = 10
"""Feeds that a worker reads at once: of each, 50 tasks are in memory, 3.2 MiB of the widest."""

IN_ALL = 100
"""With those that wait: many programs look again at the full hour, and what they read takes milliseconds."""

LONGEST_WAIT = 5.0
"""Seconds."""

STRETCH = 0.002
"""Seconds for which events are written in one go; then for as long none are. Of the threads of a process one runs at a
time and gives way after 5 ms, which others would wait for several times a request. With a lower priority it would keep
them waiting longer.
"""


class FeedInProgress(TooManyRequests):
    code = "feed_in_progress"
    title = "A feed of the same user is being read; wait for it, or break it off"


class FeedReadings:
    """Reads feeds: of a user one at a time, and all of them taking turns at the writing."""

    def __init__(self, lane: FastLane) -> None:
        self._lane = lane
        self._turns = Turns(FeedInProgress, IN_ALL)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._pen = asyncio.Lock()

    @asynccontextmanager
    async def read(self, feed: Row) -> AsyncIterator[AsyncIterator[bytes]]:
        """The calendar, in pieces, until the block ends. Raises `FeedInProgress`, or `Overloaded`.

        What can go wrong with it does so here, and not once the answer has begun.
        """
        with self._turns.take(feed["user_id"]) as turn:
            await self._enter(turn)
            async with aclosing(self._pieces(feed, ended=turn.close)) as pieces:
                yield _with(await anext(pieces), pieces)

    async def _enter(self, turn: ExitStack) -> None:
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await self._places.acquire()
        except TimeoutError as late:
            raise Overloaded from late
        turn.callback(self._places.release)

    async def _pieces(self, feed: Row, ended: Callable[[], object]) -> AsyncGenerator[bytes]:
        piece = calendar_feed.beginning(feed["name"])
        told: set[str] = set()
        async with aclosing(due_tasks(self._lane, feed)) as pages:
            async for rows in pages:
                events = calendar_feed.events(rows, told)
                while some := await self._write(events):
                    yield piece + some
                    piece = b""
        # Before the last piece goes out: whoever has read it may come again at once.
        ended()
        yield piece + calendar_feed.END

    async def _write(self, events: Iterator[bytes]) -> bytes:
        async with self._pen:
            began = perf_counter()
            some = await asyncio.to_thread(_some, events)
            await asyncio.sleep(perf_counter() - began)
        return some


def _some(events: Iterator[bytes]) -> bytes:
    """As many as are written in a stretch, and at least one if there is one."""
    written: list[bytes] = []
    end = perf_counter() + STRETCH
    for event in events:
        written.append(event)
        if perf_counter() > end:
            break
    return b"".join(written)


async def _with(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in others:
        yield piece
