"""How much one user may ask, or one address without a user: counted by each worker for itself, in memory.

It is on the way of every request, where a count in a database would cost more than what it protects.
"""

from collections import OrderedDict
from time import monotonic

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.problems import domain_problem
from backend.auth.principal import ForeignSubject, Principal
from backend.config.rates import Rate
from backend.domain.errors import RateLimited
from backend.domain.throttling import network_of

MOST_COUNTED = 100_000
"""How many are remembered at once; of more, those who have asked least recently are forgotten."""

_EXEMPT = ("/health", "/health/live", "/health/ready")


class Buckets:
    """The generic cell rate algorithm: what was taken comes back evenly, so nobody waits for a window to end."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.period = float(rate.seconds)
        self.interval = rate.seconds / rate.requests
        # A thousand intervals, added up, are not exactly the period.
        self._most = self.period + self.interval / 1_000
        # When each will have the whole allowance again. Who has it is forgotten; the least recently seen come first.
        self._whole_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._whole_at)

    def take(self, who: str, now: float) -> tuple[float, float]:
        """Take a request, if there is one left: the seconds until the whole allowance is back, and until there is one
        more, if this one was too many.
        """
        known = self._whole_at
        whole_at = known.get(who, now)
        spent = whole_at - now if whole_at > now else 0.0
        if spent + self.interval > self._most:
            return spent, spent + self.interval - self.period
        spent += self.interval
        known[who] = now + spent
        known.move_to_end(who)
        oldest = next(iter(known))
        if known[oldest] <= now or len(known) > MOST_COUNTED:
            del known[oldest]
        return spent, 0.0


class RateLimits:
    """Refuses what is too much with 429; each answer tells what is left (draft-ietf-httpapi-ratelimit-headers-10)."""

    def __init__(self, app: ASGIApp, buckets: Buckets) -> None:
        self._app = app
        self._buckets = buckets
        self._kinds = {
            kind: ((b"ratelimit-policy", b'"%b";q=%d;w=%d' % (kind, *buckets.rate)), b'"%b";r=%%d;t=%%d' % kind)
            for kind in (b"user", b"address")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _EXEMPT:
            await self._app(scope, receive, send)
            return
        kind, who = _who(scope)
        buckets = self._buckets
        spent, wait = buckets.take(who, monotonic())
        policy, state = self._kinds[kind]
        left = (b"ratelimit", state % ((buckets.period - spent) / buckets.interval + 0.001, spent + 0.999))

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += policy, left
            await send(message)

        if wait:
            await (await domain_problem(Request(scope), RateLimited(wait)))(scope, receive, send_with_limits)
        else:
            await self._app(scope, receive, send_with_limits)


def _who(scope: Scope) -> tuple[bytes, str]:
    identity = scope["state"].get("identity")
    if isinstance(identity, Principal):
        return b"user", identity.subject
    if isinstance(identity, ForeignSubject):
        return b"user", f"{identity.issuer} {identity.subject}"  # no issuer has a space in it
    # A token that names nobody yet is no reason to count anew: anyone can make up another one.
    client = scope.get("client")
    return b"address", network_of(client[0]) if client else ""
