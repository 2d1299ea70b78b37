"""Forwarded headers: believed from the proxies that are named, up to the first address that is none of them."""

from ipaddress import ip_network

import pytest
from starlette.types import Message, Receive, Scope, Send

from backend.middleware.proxies import TrustedProxies

PROXY = "10.0.0.7"
TRUSTED = ("10.0.0.0/8", "192.0.2.9/32", "2001:db8::/48")


async def seen(peer: str | None, *headers: tuple[str, str], trusted: tuple[str, ...] = TRUSTED) -> tuple[str, str]:
    """The address of the client and the scheme, as the application sees them."""
    found: list[Scope] = []

    async def application(scope: Scope, _: Receive, __: Send) -> None:
        found.append(scope)

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        raise NotImplementedError

    scope = {
        "type": "http",
        "scheme": "http",
        "client": (peer, 4711) if peer else None,
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
    }
    await TrustedProxies(application, [ip_network(network) for network in trusted])(scope, receive, send)
    client = found[0]["client"]
    return client[0] if client else "", found[0]["scheme"]


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.5", "203.0.113.5"),
        (" 203.0.113.5 ", "203.0.113.5"),
        ("203.0.113.5:4711", "203.0.113.5"),
        ("2001:db8:1::5", "2001:db8:1::5"),
        ("2001:0DB8:1:0::5", "2001:db8:1::5"),
        ("[2001:db8:1::5]", "2001:db8:1::5"),
        ("[2001:db8:1::5]:4711", "2001:db8:1::5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        # What the client wrote itself stands before what the proxies saw.
        ("198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("127.0.0.1, 10.0.0.1, 203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5, 10.0.0.1", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5, 2001:db8::1, 192.0.2.9, 10.0.0.1", "203.0.113.5"),
        ("198.51.100.1,203.0.113.5,10.0.0.1", "203.0.113.5"),
        # Nobody but proxies: the one that is farthest away asks.
        ("10.0.0.2, 10.0.0.1", "10.0.0.2"),
        # What is no address ends the list.
        ("", PROXY),
        (",", PROXY),
        ("unknown", PROXY),
        ("203.0.113.5, unknown", PROXY),
        ("203.0.113.5, unknown, 10.0.0.1", "10.0.0.1"),
        ("203.0.113.5, _hidden", PROXY),
        ("<script>", PROXY),
        ("203.0.113.5, 999.1.1.1", PROXY),
        ("[2001:db8:1::5", "2001:db8:1::5"),
        ("\xff", PROXY),
        ("fe80::1%eth0<script>", "fe80::1"),
    ],
)
async def test_a_trusted_proxy_names_the_client(forwarded: str, client: str) -> None:
    assert await seen(PROXY, ("X-Forwarded-For", forwarded)) == (client, "http")


async def test_several_headers_are_one_list() -> None:
    headers = (("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.5, 10.0.0.1"))

    assert await seen(PROXY, *headers) == ("203.0.113.5", "http")


@pytest.mark.parametrize("peer", ["203.0.113.9", "11.0.0.1", "::1", "2001:db8:1::1", "testclient", "", None])
async def test_nobody_else_is_believed(peer: str | None) -> None:
    headers = (("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "https"))

    assert await seen(peer, *headers) == (peer or "", "http")


@pytest.mark.parametrize("peer", ["::ffff:10.0.0.7", "2001:db8::7", "192.0.2.9"])
async def test_a_proxy_is_known_in_whatever_form_it_comes(peer: str) -> None:
    assert await seen(peer, ("X-Forwarded-For", "203.0.113.5")) == ("203.0.113.5", "http")


@pytest.mark.parametrize(
    ("said", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        ("http, https", "https"),
        ("https, http", "http"),
        ("ftp", "http"),
        ("", "http"),
    ],
)
async def test_a_trusted_proxy_names_the_scheme(said: str, scheme: str) -> None:
    assert await seen(PROXY, ("X-Forwarded-Proto", said)) == (PROXY, scheme)


async def test_other_headers_of_the_kind_mean_nothing() -> None:
    headers = (("Forwarded", "for=203.0.113.5"), ("X-Real-IP", "203.0.113.5"), ("X-Forwarded-Host", "evil.example"))

    assert await seen(PROXY, *headers) == (PROXY, "http")
