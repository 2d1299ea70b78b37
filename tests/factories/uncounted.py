"""Tests whose lines are not counted."""

from collections.abc import Iterator

import pytest
from coverage import Coverage


@pytest.fixture
def uncounted() -> Iterator[None]:
    """Counts no lines meanwhile: for tests that take twice as long by it, on lines where others have been.

    In a worker of the tests two are counting: pytest-cov, and what counts in every process that is started. The mark
    `no_cover` stops the first alone.
    """
    stopped = []
    while (counting := Coverage.current()) is not None:
        counting.stop()
        stopped.append(counting)
    yield
    for counting in reversed(stopped):
        counting.start()
