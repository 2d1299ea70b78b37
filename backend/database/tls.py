"""The TLS half of a libpq URL: what `sslmode` and its kin become for asyncpg. Never weaker than libpq would make it."""

import os
import ssl
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""`sslmode`, weakest first."""

SYSTEM = "system"
"""The `sslrootcert` that means the roots the operating system trusts."""

TLS_DETAILS = (
    *("sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslcrldir"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
)
"""What only a connection that insists on TLS makes use of."""


def is_local(hosts: Sequence[str]) -> bool:
    return all(host.startswith("/") for host in hosts)


def tls_arguments(wanted: Mapping[str, str], hosts: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """asyncpg's arguments for TLS, and notes. Unix sockets have none, whatever `sslmode` says."""
    mode = _mode(wanted)
    bound = wanted.get("channel_binding") == "require"
    if bound and (mode == "disable" or any(is_local([host]) for host in hosts)):
        raise ValueError("The database URL's channel_binding (or PGCHANNELBINDING) is require, which takes TLS")
    if hosts and is_local(hosts):
        return {"ssl": False, "direct_tls": False}, []
    notes = []
    if bound:
        mode = "verify-full"
        notes.append("asyncpg has no channel binding: channel_binding=require became sslmode=verify-full.")
    direct_tls = wanted.get("sslnegotiation") == "direct"
    if MODES.index(mode) >= MODES.index("require"):
        context, about_roots = _context(mode, wanted)
        return {"ssl": context, "direct_tls": direct_tls}, [*notes, *about_roots]
    if unused := [name for name in TLS_DETAILS if wanted.get(name)]:
        notes.append(f"Without effect below sslmode=require: {', '.join(unused)}.")
    # asyncpg's own "allow" and "prefer" are the only ones that try again without TLS.
    return {"ssl": False if mode == "disable" else mode, "direct_tls": False}, notes


def _mode(wanted: Mapping[str, str]) -> str:
    system = wanted.get("sslrootcert") == SYSTEM
    mode = wanted.get("sslmode", "verify-full" if system else "prefer")
    if system and mode != "verify-full":
        raise ValueError(
            "The database URL's sslrootcert=system takes sslmode=verify-full: anyone can have a public certificate"
        )
    if wanted.get("sslnegotiation") == "direct" and MODES.index(mode) < MODES.index("require"):
        raise ValueError("The database URL's sslnegotiation=direct takes sslmode=require, verify-ca or verify-full")
    return mode


def _context(mode: str, wanted: Mapping[str, str]) -> tuple[ssl.SSLContext, list[str]]:
    """Always encrypts, and verifies as `mode` says; `require` verifies, as in libpq, if a root certificate is there."""
    notes = []
    roots = wanted.get("sslrootcert") or _home("root.crt")
    if roots is None and mode != "require":
        # libpq gives up here. Public roots vouch for anyone, hence never without the host name, even for verify-ca.
        roots = SYSTEM
        notes.append("No root certificate is named: the server must prove its host name to the system's roots.")
    context = _system_context() if roots == SYSTEM else _private_context(mode, roots)
    _load_revocations(context, roots, wanted)
    _load_identity(context, wanted)
    context.minimum_version = _version(wanted.get("ssl_min_protocol_version", "TLSv1.2"))
    context.maximum_version = _version(wanted.get("ssl_max_protocol_version", "TLSv1.3"))
    # PostgreSQL 17 and later insist on it for direct TLS.
    context.set_alpn_protocols(["postgresql"])
    return context, notes


def _system_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and ssl.get_default_verify_paths().capath is None:
        raise ValueError("The system has no root certificates: install ca-certificates, or name a file in sslrootcert")
    return context


def _private_context(mode: str, roots: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify-full"
    if roots is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        with _naming("sslrootcert"):
            context.load_verify_locations(roots)
    return context


def _load_revocations(context: ssl.SSLContext, roots: str | None, wanted: Mapping[str, str]) -> None:
    file, folder = wanted.get("sslcrl"), wanted.get("sslcrldir")
    if not file and not folder and roots != SYSTEM:
        file = _home("root.crl")
    if (file or folder) and context.verify_mode != ssl.CERT_NONE:
        with _naming("sslcrl"):
            context.load_verify_locations(file or None, folder or None)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def _load_identity(context: ssl.SSLContext, wanted: Mapping[str, str]) -> None:
    certificate = wanted.get("sslcert") or _home("postgresql.crt")
    if certificate:
        with _naming("sslcert and sslkey"):
            # Without a password of ours OpenSSL would ask for one at the terminal.
            key = wanted.get("sslkey") or _home("postgresql.key")
            context.load_cert_chain(certificate, key, password=wanted.get("sslpassword", ""))


def _version(name: str) -> ssl.TLSVersion:
    return ssl.TLSVersion[name.replace(".", "_")]


def _home(name: str) -> str | None:
    """A file where libpq looks for it by default; nothing if it is not there, or not for us to see."""
    folder = Path(os.environ.get("APPDATA", ""), "postgresql") if sys.platform == "win32" else Path("~/.postgresql")
    try:
        path = folder.expanduser() / name
        return str(path) if path.exists() else None
    except (OSError, RuntimeError):
        return None


@contextmanager
def _naming(name: str) -> Generator[None]:
    """Turn a refusal of the file system or of OpenSSL into a sentence that shows no path."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"The database URL's {name} cannot be used: {error.strerror}") from None
