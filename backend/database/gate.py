"""Admission to a pool of connections: first come, first served, bounded in number and in time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

from backend.domain.errors import DatabaseUnavailable, Overloaded

GRACE = 0.5
"""Seconds beyond a deadline in which the database may still be told to stop, and a connection be given back.

Without them, what has been refused could yet be written: a backend that waits for a lock does not notice its client go.
"""

_OUTAGES = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # The server is there and the database is not for us, or not there at all: nothing that a request could mend.
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,  # a failover has made it a standby
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class Gate:
    """Lets `size` callers in at a time and `queue_limit` wait; each has `deadline` seconds for both together.

    What they hold they must give back within `GRACE`.
    A pool hands connections to whoever asks luckily; behind this gate, waiters are served in the order they came.
    Raises `Overloaded` for a full queue or a passed deadline, `DatabaseUnavailable` when the database went away.
    """

    def __init__(self, size: int, queue_limit: int, deadline: float) -> None:
        self._places = asyncio.Semaphore(size)
        self._capacity = size + queue_limit
        self._deadline = deadline
        self.admitted = 0

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        if self.admitted >= self._capacity:
            raise Overloaded
        self.admitted += 1
        try:
            async with asyncio.timeout(self._deadline) as deadline, self._places:
                yield
        except TimeoutError as error:
            if deadline.expired():
                raise Overloaded from error
            raise DatabaseUnavailable from error
        except (*_OUTAGES, DBAPIError) as error:
            if _is_outage(error):
                raise DatabaseUnavailable from error
            raise
        finally:
            self.admitted -= 1


@contextmanager
def connecting() -> Iterator[None]:
    """Around making a connection: the one place where the network's errors reach us as what they are.

    A connection that breaks later is an error of the driver's, so that an `OSError` elsewhere is a fault of our own.
    """
    try:
        yield
    except OSError as error:
        raise DatabaseUnavailable from error


def driver_error(error: DBAPIError) -> BaseException | None:
    """asyncpg's own exception: SQLAlchemy shows one of its own, made of an adapter's, whose cause it is."""
    return error.orig.__cause__ if error.orig else None


def _is_outage(error: BaseException | None) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _is_outage(driver_error(error))
    # What the driver calls a ValueError is one: an argument of ours that it cannot send.
    return isinstance(error, _OUTAGES) and not isinstance(error, ValueError)
