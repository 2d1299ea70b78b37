"""Query budgets: how many statements a request really sends, over both lanes."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from asyncpg import Connection
from asyncpg.prepared_stmt import PreparedStatement

from backend.database.migrate import APPLIED
from backend.services.mail_sender import TASK
from backend.services.revocations import PURGE, RECENT

type CountQueries = Callable[[], AbstractContextManager[list[str]]]

_BIND_EXECUTE = "_PreparedStatement__bind_execute"
# Transaction control costs a round trip, but is no query; the pool's liveness check is sent before a request's first.
# What has been revoked is asked for every two seconds, whoever makes a request then, and so is what is long forgotten.
# Whether the database is ready is asked once a second at most.
_NOT_COUNTED = ("BEGIN", "COMMIT", "ROLLBACK", ";", RECENT.sql, PURGE.sql, APPLIED)


@pytest.fixture
def count_queries(monkeypatch: pytest.MonkeyPatch) -> CountQueries:
    """`with count_queries() as queries:` collects the SQL sent meanwhile. It watches the driver and fakes nothing."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        queries: list[str] = []
        with monkeypatch.context() as patch:
            _watch(patch, Connection, "_execute", lambda _, query: query, queries)
            _watch(patch, PreparedStatement, _BIND_EXECUTE, lambda statement, _: statement.get_query(), queries)
            yield queries

    return counting


def _is_of_the_mail_sender() -> bool:
    """Whether it is sent meanwhile, but not by the request."""
    task = asyncio.current_task()
    return task is not None and task.get_name() == TASK


def _watch(
    patch: pytest.MonkeyPatch, owner: type, name: str, sql: Callable[[Any, Any], str], queries: list[str]
) -> None:
    original = getattr(owner, name)

    async def watched(self: Any, first: Any, *others: Any, **named: Any) -> Any:
        query = sql(self, first)
        if not query.startswith(_NOT_COUNTED) and not _is_of_the_mail_sender():
            queries.append(query)
        return await original(self, first, *others, **named)

    patch.setattr(owner, name, watched)
