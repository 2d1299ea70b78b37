"""Headers that every answer carries, so that a browser makes nothing of it but what it is.

They follow OWASP's REST Security Cheat Sheet. Those that matter to HTML alone are on the reference pages
(`backend/api/reference.py`), which also have a content policy of their own.
"""

from collections.abc import Sequence

type Header = tuple[bytes, bytes]

_ALWAYS: Sequence[Header] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

# A year, the least that ASVS 5 (3.4.1) takes.
_STAY_ON_HTTPS: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

_POLICY: Header = (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
# Nor is an answer kept by a browser. A client that remembers an ETag itself is answered 304 all the same.
_NOT_KEPT: Header = (b"cache-control", b"no-store")


class AnswerHeaders:
    """What is added to the headers of an answer."""

    def __init__(self, *, https: bool = False) -> None:
        self._rest = [*_ALWAYS, _STAY_ON_HTTPS] if https else list(_ALWAYS)
        self.all = [_NOT_KEPT, _POLICY, *self._rest]

    def beside(self, headers: Sequence[Header]) -> Sequence[Header]:
        """All of them, but for a content policy or a caching rule that the answer has already."""
        names = [name for name, _ in headers]
        if b"cache-control" in names or b"content-security-policy" in names:
            return [header for header in self.all if header[0] not in names]
        return self.all
