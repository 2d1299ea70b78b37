"""Optimistic concurrency: acting only on the version that was seen (RFC 9110 section 13)."""

from collections.abc import Collection, Mapping
from typing import Any

from backend.domain.errors import PreconditionFailed

type Expected = Collection[int] | None
"""The versions a client is content to act on; None when it did not say."""


def require_version(current: Mapping[str, Any], expected: Expected) -> None:
    """Raises `PreconditionFailed`, carrying the current object, unless its version is an expected one."""
    if expected is not None and current["version"] not in expected:
        raise PreconditionFailed(current)
