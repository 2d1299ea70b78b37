"""Whose tokens are taken besides our own: what an operator says of an issuer, as annotated types."""

import json
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

type Algorithm = Literal["EdDSA", "ES256", "RS256"]

BETTER_AUTH_KEYS = "/api/auth/jwks"
"""Where Better Auth's JWT plugin publishes its keys, unless told otherwise."""


def _secure(url: str) -> str:
    """An https URL; http only to this machine, for development: whoever can change the answer can be anybody."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("must be a URL, like https://app.example.com") from error
    if not host or parts.scheme not in ("https", "http") or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("must be a URL, like https://app.example.com")
    if parts.username is not None or parts.fragment:
        raise ValueError("must be a URL without a user and without a fragment")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ValueError("must be an https URL; http is for this machine alone (localhost, 127.0.0.1, [::1])")
    return url


def _origin(url: str) -> str:
    """The URL as Better Auth names itself: nothing after the host and the port."""
    parts = urlsplit(_secure(url))
    if parts.path.strip("/") or parts.query:
        raise ValueError("must be a base URL without a path, like https://app.example.com")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class TrustedIssuer(BaseModel):
    """An issuer, where its public keys are, and the audience that its tokens for us name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    issuer: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
    jwks_url: Annotated[str, AfterValidator(_secure)]
    audience: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("EdDSA", "ES256", "RS256")


def better_auth(base_url: str) -> TrustedIssuer:
    """A Better Auth server with its JWT plugin as it comes: issuer and audience are the base URL."""
    return TrustedIssuer(issuer=base_url, jwks_url=base_url + BETTER_AUTH_KEYS, audience=base_url)


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise ValueError("must be a JSON list of objects with issuer, jwks_url and audience") from error


def _told_apart(issuers: tuple[TrustedIssuer, ...]) -> tuple[TrustedIssuer, ...]:
    if len({issuer.issuer for issuer in issuers}) < len(issuers):
        raise ValueError("names an issuer twice")
    return issuers


BetterAuthUrl = Annotated[str, AfterValidator(_origin)]
"""The base URL of a Better Auth server: an origin."""

TrustedIssuers = Annotated[tuple[TrustedIssuer, ...], NoDecode, BeforeValidator(_parsed), AfterValidator(_told_apart)]
"""Issuers, written as a JSON list."""
