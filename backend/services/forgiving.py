"""What follows a commit, and may fail: what was done is done, and is answered so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger()

LIMIT = 1.0
"""Seconds for which an answer waits for it."""


@asynccontextmanager
async def forgiving() -> AsyncIterator[None]:
    """Around what the throttle writes when somebody was right. If that fails, or takes longer than `LIMIT`, they wait
    longer after a next mistake, and the log says so.

    Not within a turn: what has been committed is then answered as late, though its time is over.
    """
    try:
        async with asyncio.timeout(LIMIT):
            yield
    except Exception as error:  # noqa: BLE001  whatever it is, no success may become a failure by it
        cause = error if isinstance(error, TimeoutError) else error.__cause__ or error
        log.warning("throttle.failed", cause=type(cause).__name__)
