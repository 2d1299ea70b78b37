"""Proxies in front of us: who the client is when those we trust say so."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.config.addresses import Network

type Address = IPv4Address | IPv6Address


class TrustedProxies:
    """Puts the client's address and scheme in the place of a trusted proxy's.

    Each proxy appends whom it saw, so the list is read from its end: the first address that is no proxy of ours is the
    client, and whatever stands before it may be invented. Not uvicorn's, which takes an entry that is no address
    (`unknown`, which some proxies write) for one.
    """

    def __init__(self, app: ASGIApp, networks: Sequence[Network]) -> None:
        self._app = app
        self._networks = networks
        self._trusts = lru_cache(maxsize=1024)(self._is_proxy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as the client sent it."""
        client = scope.get("client")
        if scope["type"] == "http" and client is not None and self._trusts(client[0]):
            scope = {**scope, "client": self._client(scope), "scheme": _scheme(scope)}
        await self._app(scope, receive, send)

    def _client(self, scope: Scope) -> tuple[str, int]:
        found: tuple[str, int] = scope["client"]
        lists = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        for entry in reversed(",".join(lists).split(",")):
            address = _address(entry)
            if address is None:
                break
            found = (str(address), 0)
            if not self._trusts(found[0]):
                break
        return found

    def _is_proxy(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._networks)


def _address(entry: str) -> Address | None:
    """The address in an entry, which may have a port: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    text = entry.strip().partition("%")[0]  # the zone of an IPv6 address may be any text
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # An IPv4 client of a socket that listens on IPv6.
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _scheme(scope: Scope) -> str:
    # The last: the proxy next to us wrote it.
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-proto"]
    said = values[-1].decode("latin-1").rpartition(",")[2].strip().lower() if values else ""
    scheme: str = said if said in ("http", "https") else scope["scheme"]
    return scheme
