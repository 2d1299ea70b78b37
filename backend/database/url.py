"""From a libpq URL, as hosting services give it, to what asyncpg is called with. Nothing else reads such a URL.

The standard is libpq of PostgreSQL 18 (its manual page "libpq-connect"): parameters, PG… variables and URL syntax.
What asyncpg cannot do is refused where leaving it out would weaken the connection or change its meaning, and is
otherwise left out with a note. No error and no note shows a value: any part of a URL may be a piece of a password.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from backend.database.tls import MODES, TLS_DETAILS, is_local, tls_arguments

APPLICATION_NAME = "donewell"

DEFAULT_PORT = 5432
MAXIMUM_PORT = 65_535
SUPABASE_POOLER_PORT = 6543

RENAMED = {
    "user": "user",
    "password": "password",
    "passfile": "passfile",
    "dbname": "database",
    "krbsrvname": "krbsrvname",
    "gsslib": "gsslib",
    "target_session_attrs": "target_session_attrs",
}
"""libpq's parameters that asyncpg takes as they are, under its own name."""

CHOICES: Mapping[str, Sequence[str]] = {
    "sslmode": MODES,
    "sslnegotiation": ("postgres", "direct"),
    "channel_binding": ("disable", "prefer", "require"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    # libpq's other versions of TLS are withdrawn (RFC 8996).
    "ssl_min_protocol_version": ("TLSv1.2", "TLSv1.3"),
    "ssl_max_protocol_version": ("TLSv1.2", "TLSv1.3"),
    "pgbouncer": ("true", "false"),
    # From here on: the values that ask for no more than asyncpg does.
    "gssencmode": ("disable", "prefer"),
    "gssdelegation": ("0",),
    "sslcertmode": ("allow",),
    "sslsni": ("1",),
    "min_protocol_version": ("3.0",),
    "max_protocol_version": ("3.0", "3.2", "latest"),
    **dict.fromkeys(("service", "require_auth", "requirepeer"), ()),
}
"""The values that can be had; any other is refused."""

LEFT_OUT = (
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
    *("load_balance_hosts", "sslcompression", "client_encoding"),
)
"""Parameters of the client's own that neither protect nor change what a query means."""

READ = ("host", "hostaddr", "port", "connect_timeout", "options", "application_name", "fallback_application_name")

PARAMETERS = frozenset({*RENAMED, *TLS_DETAILS, *CHOICES, *LEFT_OUT, *READ})
"""What may stand in a query: libpq's parameters as far as they are supported, and Prisma's mark for a pooler."""

ENVIRONMENT: Mapping[str, str] = {
    name: "PG" + name.replace("_", "").upper()
    for name in PARAMETERS - {*LEFT_OUT, "pgbouncer", "fallback_application_name", "sslpassword"}
} | {"dbname": "PGDATABASE", "application_name": "PGAPPNAME", "connect_timeout": "PGCONNECT_TIMEOUT"}
"""Where libpq looks for a parameter that the URL does not have."""

# libpq's reading, not RFC 3986's: the first "@" before any "/" ends the password, which may hold "?" and "#".
URL = re.compile(
    r"(?:postgres|postgresql|postgresql\+asyncpg)://"
    r"(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<hosts>[^/?]*)(?:/(?P<dbname>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
HOST = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Connect:
    """How to reach the database: `arguments` for `asyncpg.connect` and `asyncpg.create_pool`; they hold the password.

    `pooled` says that a transaction pooler stands in between, so that no session state may be relied on.
    `notes` are sentences for the log about what became of the URL; they hold no secret.
    """

    arguments: dict[str, Any] = field(repr=False)
    pooled: bool
    notes: tuple[str, ...]


def translate(url: str, environment: Mapping[str, str] = os.environ) -> Connect:
    """Read a libpq URL and the `PG…` variables that libpq would complete it from. Reads the certificates it names.

    A URL that names a Unix socket is completed only with what asyncpg itself looks up: user, password and database.

    TLS is never weaker than libpq would make it. Raises `ValueError`, one sentence without a secret, for a URL that
    libpq refuses, or that asks for a protection or a meaning that asyncpg cannot give.
    """
    said = _parse(url)
    # What the environment says of a server elsewhere, as Neon has it exported, must not keep us from our own.
    wanted = said if is_local(said.get("host", "").split(",")) else _defaults(environment) | said
    _check_choices(wanted)
    hosts, ports = _addresses(wanted)
    pooled = _is_pooled(wanted, hosts, ports)
    tls, notes = tls_arguments(wanted, hosts)
    renamed = {ours: wanted[theirs] for theirs, ours in RENAMED.items() if wanted.get(theirs)}
    arguments = {
        # asyncpg asks the environment, less strictly than libpq, for what it is not told.
        "target_session_attrs": "any",
        **renamed,
        **({"host": hosts, "port": ports} if hosts else {"port": ports[0]}),
        **tls,
        **_timeout(wanted),
        "server_settings": _server_settings(wanted),
        **({"statement_cache_size": 0} if pooled else {}),
    }
    return Connect(arguments, pooled, (*notes, *_notes(wanted, hosts, pooled=pooled)))


def _defaults(environment: Mapping[str, str]) -> dict[str, str]:
    found = {name: environment[variable] for name, variable in ENVIRONMENT.items() if environment.get(variable)}
    # Deprecated for twenty years and still read by libpq.
    required = {"sslmode": "require"} if environment.get("PGREQUIRESSL", "").startswith("1") else {}
    return required | found


def _parse(url: str) -> dict[str, str]:
    """What the URL itself says, by libpq's names; hosts and ports are lists with commas, as in libpq."""
    parts = URL.fullmatch(url)
    if parts is None:
        raise ValueError("The database URL must have the form postgresql://user:password@host:port/database")
    hosts, ports = _split(parts["hosts"])
    located = parts.groupdict() | {"host": hosts, "port": ports}
    del located["hosts"], located["query"]
    return {name: _decode(text) for name, text in located.items() if text} | _parse_query(parts["query"] or "")


def _split(netloc: str) -> tuple[str, str]:
    hosts, ports = [], []
    for spec in netloc.split(","):
        parts = HOST.fullmatch(spec)
        if parts is None:
            raise ValueError("The database URL has a host that cannot be read: of an IPv6 address, give [address]:port")
        hosts.append(parts["ipv6"] or parts["name"])
        ports.append(parts["port"] or "")
    # One host without a port leaves the port to the query and the environment; of several, 5432 is meant.
    return ",".join(hosts), ",".join(ports)


def _parse_query(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, equals, value = (_decode(text) for text in pair.partition("="))
        if name == "ssl":  # JDBC's `ssl=true`, which libpq knows too, and SQLAlchemy's `ssl=require`
            name, value = "sslmode", "require" if value == "true" else value
        if not equals or name not in PARAMETERS:
            # After an unescaped "/" or "?" in a password, what looks like a parameter is a piece of it.
            shown = "" if not equals or "@" in query else f": {name}"
            raise ValueError(
                f"The database URL has a query parameter that is unknown or not supported{shown};"
                " special characters in a password must be percent-encoded"
            )
        found[name] = value
    return found


def _decode(text: str) -> str:
    # As libpq: spaces around are no part of it, spaces within are an error, and a plus stays a plus.
    text = text.strip(" ")
    if not re.search(r"%(?![0-9A-Fa-f]{2})|%00| ", text):
        try:
            return unquote(text, errors="strict")
        except UnicodeDecodeError:
            pass
    raise ValueError(
        "The database URL is not properly percent-encoded: write % as %25, a space as %20, others in UTF-8"
    )


def _label(name: str) -> str:
    return f"The database URL's {name}" + (f" (or {ENVIRONMENT[name]})" if name in ENVIRONMENT else "")


def _check_choices(wanted: Mapping[str, str]) -> None:
    for name, choices in CHOICES.items():
        if name in wanted and wanted[name] not in choices:
            outcome = f"must be one of: {', '.join(choices)}" if choices else "is not supported and must be left out"
            raise ValueError(f"{_label(name)} {outcome}")


def _addresses(wanted: Mapping[str, str]) -> tuple[list[str], list[int]]:
    """As many ports as hosts; no hosts and one port where asyncpg should look in its usual places."""
    if wanted.get("host") and wanted.get("hostaddr"):
        raise ValueError("The database URL has both host and hostaddr: asyncpg connects to the host it verifies")
    hosts = (wanted.get("host") or wanted.get("hostaddr") or "").split(",")
    ports = [_port(text) for text in wanted.get("port", "").split(",")]
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts):
        raise ValueError(f"The database URL has {len(hosts)} hosts and {len(ports)} ports: give one port, or one each")
    if "" in hosts and len(hosts) > 1:
        raise ValueError("The database URL has an empty host among several")
    return (hosts if hosts != [""] else []), ports


def _port(text: str) -> int:
    if not text:
        return DEFAULT_PORT
    if re.fullmatch(r"[0-9]{1,5}", text) is None or not 1 <= int(text) <= MAXIMUM_PORT:
        raise ValueError(
            "The database URL has a port that is not a number from 1 to 65535;"
            " special characters in a password must be percent-encoded"
        )
    return int(text)


def _is_pooled(wanted: Mapping[str, str], hosts: Sequence[str], ports: Sequence[int]) -> bool:
    """Neon names its poolers so; Supabase's transaction mode is a port; `pgbouncer=true` is for all others."""
    return wanted.get("pgbouncer") == "true" or any(
        "-pooler" in host or (".supabase.co" in host and port == SUPABASE_POOLER_PORT)
        for host, port in zip(hosts, ports, strict=False)
    )


def _timeout(wanted: Mapping[str, str]) -> dict[str, int | None]:
    text = wanted.get("connect_timeout", "").strip()
    if not text:
        return {}
    if re.fullmatch(r"[+-]?[0-9]{1,9}", text) is None:
        raise ValueError(f"{_label('connect_timeout')} must be a whole number of seconds")
    # libpq: zero and less wait for ever.
    return {"timeout": int(text) if int(text) > 0 else None}


def _server_settings(wanted: Mapping[str, str]) -> dict[str, str]:
    name = wanted.get("application_name") or wanted.get("fallback_application_name") or APPLICATION_NAME
    options = wanted.get("options")
    return {"application_name": name} | ({"options": options} if options else {})


def _notes(wanted: Mapping[str, str], hosts: Sequence[str], *, pooled: bool) -> Iterator[str]:
    if left_out := [name for name in LEFT_OUT if name in wanted]:
        yield f"Left out, because asyncpg has no such setting: {', '.join(left_out)}."
    if "timeout" in _timeout(wanted) and len(hosts) > 1:
        yield "connect_timeout holds for all hosts together, not for each."
    if pooled:
        yield "There is a transaction pooler in between: no statement stays prepared."
    if pooled and wanted.get("options"):
        # Dropping them would be worse than a refused connection: think of search_path.
        yield "options are passed on; a transaction pooler refuses the connection over a setting it does not track."
