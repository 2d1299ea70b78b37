"""What can go wrong, as values of the domain: a stable code and a sentence each, no HTTP.

`api/problems.py` alone knows which status each family answers with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the input: which field, a stable code, and a sentence for people."""

    field: str
    code: str
    message: str


class DonewellError(Exception):
    """A refusal with a stable `code` that clients may rely on; `title` never varies, `detail` may."""

    code: ClassVar[str]
    title: ClassVar[str]
    extensions: ClassVar[Mapping[str, str]] = {}
    """What else the answer says, always the same."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail


class InvalidInput(DonewellError):
    """The request cannot be understood or breaks a rule; `faults` names every field at fault."""

    code = "invalid_input"
    title = "The input is not valid"

    def __init__(self, faults: Sequence[Fault] = (), detail: str | None = None) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class Unauthenticated(DonewellError):
    """Nobody, or nobody we can recognise, is asking."""


class Forbidden(DonewellError):
    """We know who is asking, and this is not theirs to ask."""


class NotFound(DonewellError):
    """There is no such thing, or none that the owner may see: the two answers are the same."""


class Conflict(DonewellError):
    """The request contradicts what is already there."""


class PreconditionFailed(DonewellError):
    """`If-Match` names a version that is no longer the current one, which is given in `current`."""

    code = "version_mismatch"
    title = "The object has changed since the version you named"

    def __init__(self, current: Mapping[str, Any]) -> None:
        super().__init__()
        self.current = current


class TooManyRequests(DonewellError):
    """Not so soon: try again after `retry_after` seconds, at least one. Nothing was done."""

    def __init__(self, retry_after: float = 1) -> None:
        super().__init__()
        self.retry_after = max(1, ceil(retry_after))


class RateLimited(TooManyRequests):
    code = "rate_limited"
    title = "You have sent more requests than you may in this time"


class TooManyAttempts(TooManyRequests):
    code = "too_many_attempts"
    title = "There were too many attempts to sign in; wait before the next one"


class Unavailable(DonewellError):
    """Not now: try again after `retry_after` seconds. Nothing was changed, as far as we can know."""

    retry_after: ClassVar[int] = 1


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    title = "The database cannot be reached"
    retry_after = 2


class Overloaded(Unavailable):
    code = "overloaded"
    title = "The server has more to do than it can; try again shortly"
