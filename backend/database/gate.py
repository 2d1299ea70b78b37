"""Admission to a pool of connections: first come, first served, bounded in number and in time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

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
    asyncpg.TransactionRollbackError,  # of two who waited for each other, the database has chosen one
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
        self.places = asyncio.Semaphore(size)
        self.capacity = size + queue_limit
        self.deadline = deadline
        self.admitted = 0

    def enter(self, deadline: float | None = None) -> "_Visit":
        """A context manager for the time that a caller is inside: `deadline` seconds, if the usual do not suffice."""
        return _Visit(self, self.deadline if deadline is None else deadline)


class _Visit:
    # A class, where a generator would read better and cost a request 4 µs more, of 115.
    __slots__ = ("_deadline", "_gate")

    def __init__(self, gate: Gate, deadline: float) -> None:
        self._gate = gate
        self._deadline = asyncio.timeout(deadline)

    async def __aenter__(self) -> None:
        gate = self._gate
        if gate.admitted >= gate.capacity:
            raise Overloaded
        gate.admitted += 1
        await self._deadline.__aenter__()
        try:
            await gate.places.acquire()
        except BaseException as error:
            await self._leave(error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._gate.places.release()
        await self._leave(error)

    async def _leave(self, error: BaseException | None) -> None:
        self._gate.admitted -= 1
        try:
            await self._deadline.__aexit__(None if error is None else type(error), error, None)
        except TimeoutError as late:
            raise Overloaded from late
        if isinstance(error, TimeoutError) or _is_outage(error):
            raise DatabaseUnavailable from error


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


def broken_constraint(error: DBAPIError) -> str | None:
    """The name of the constraint, or of the unique index, that a statement would have broken."""
    return getattr(driver_error(error), "constraint_name", None)


def _is_outage(error: BaseException | None) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _is_outage(driver_error(error))
    # What the driver calls a ValueError is one: an argument of ours that it cannot send.
    return isinstance(error, _OUTAGES) and not isinstance(error, ValueError)
