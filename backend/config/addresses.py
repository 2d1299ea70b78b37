"""What settings name on the network, as annotated types: lists of origins, hosts and networks, and our own URL."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

type Network = IPv4Network | IPv6Network

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


def _parts(value: Any) -> Any:
    """The entries of a list that is written with commas or spaces."""
    return tuple(re.split(r"[,\s]+", value.strip(", \t\n"))) if isinstance(value, str) else value


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if origin == "*":
            raise ValueError("CORS_ORIGINS does not take *: what we answer is private; name each origin")
        if not _ORIGIN.fullmatch(origin):
            raise ValueError("write each origin as browsers send it, like https://app.example.com, with no path")
    return origins


def _hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    hosts = tuple(host.lower() for host in hosts)
    if not all(_HOST.fullmatch(host) for host in hosts):
        raise ValueError("write each host without a port, like api.example.com or *.example.com")
    return hosts


def _networks(value: Any) -> Any:
    try:
        return tuple(ip_network(part) for part in _parts(value))
    except ValueError as error:
        raise ValueError("write addresses or networks, like 10.0.0.7 or 10.0.0.0/8") from error


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("write the URL at which clients reach us, like https://api.example.com")
    if parts.query or parts.fragment:
        raise ValueError("write the URL without a query and a fragment")
    return url.rstrip("/")


Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts), AfterValidator(_origins)]
"""Origins of pages, exactly as browsers send them."""

Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts), AfterValidator(_hosts)]
"""Names that a Host header may have, in lower case; `*.example.com` is every name below example.com."""

Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
"""Addresses and networks."""

BaseUrl = Annotated[str, AfterValidator(_base)]
"""An http or https URL that others are built on: no slash at its end."""
