"""What follows a commit, and may fail: what was done is done, and is answered so."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()


@contextmanager
def forgiving() -> Iterator[None]:
    """Around what the throttle writes when somebody was right. If that fails, they wait longer after a next mistake,
    and the log says so.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever it is, no success may become a failure by it
        log.warning("throttle.failed", cause=type(error.__cause__ or error).__name__)
