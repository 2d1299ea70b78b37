"""Where mail is handed in, and whom it is from: what `SMTP_URL` and `MAIL_FROM` say."""

import re
from dataclasses import dataclass, field
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

type Tls = Literal["implicit", "starttls", "off"]

_PORTS = {"smtp": 587, "smtps": 465}  # submission, RFC 8314 section 3.3
_ADDRESS = re.compile(r"[!#-'*+/-9=?A-Z^-~.-]+@[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE | re.ASCII)
_FORM = "write it like smtp://user:password@smtp.example.com:587, or smtps://…"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server to hand mail to. Without TLS only on this machine, or where the operator says so."""

    host: str
    port: int
    tls: Tls
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> "SmtpServer":
        """`smtp://` is upgraded by STARTTLS or not used, `smtps://` is TLS from the start; `?tls=` says otherwise.

        Raises `ValueError`, which quotes nothing of the URL.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            asked = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        except ValueError:
            raise ValueError(_FORM) from None
        if parts.scheme not in _PORTS or not host or parts.path.strip("/") or parts.fragment:
            raise ValueError(_FORM)
        tls = _tls(parts.scheme, host, asked)
        if tls == "off" and parts.password is not None and not _is_loopback(host):
            raise ValueError("a password is not sent without TLS: leave out tls=off, or the password")
        username, password = (unquote(part) if part else None for part in (parts.username, parts.password))
        return cls(host, port or _PORTS[parts.scheme], tls, username, password)


def _tls(scheme: str, host: str, asked: dict[str, str]) -> Tls:
    match scheme, asked:
        case "smtps", {**rest} if not rest:
            return "implicit"
        case "smtp", {**rest} if not rest:
            return "off" if _is_loopback(host) else "starttls"
        case "smtp", {"tls": "off" | "starttls" as tls, **rest} if not rest:
            return "off" if tls == "off" else "starttls"
    raise ValueError("the only parameters are tls=starttls and tls=off, both for smtp://")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def sender(text: str) -> str:
    """Whom mail is from, as it may stand in a header. Raises `ValueError`."""
    if not text.isprintable() or not _ADDRESS.fullmatch(parseaddr(text)[1]):
        raise ValueError("write whom mail is from, like no-reply@example.com or Tasks <no-reply@example.com>")
    return text
