"""Settings come from the environment, are refused when they cannot be right, and never show a secret."""

import ast
import inspect
import json
import os
import re
import traceback
from collections.abc import Callable
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretStr, ValidationError

from backend.cli.databases import settings_of_environment
from backend.config.settings import Settings
from backend.process import Refusal

STRONG = "3f9b2c71e8a04d5f96b1c0d7e2a8453f"
OTHER = "a81c5e0b7d2f4936e1c8a05b7f3d9264"
URL = "postgresql://ada:hunter2hunter2@db.example.com/tasks"
REDIS = "redis://ada:hunter2hunter2@redis.example.com/0"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIA==\\n-----END PRIVATE KEY-----"
SMTP = "smtp://ada:hunter2hunter2@mail.example.com:2525"
BETTER_AUTH = "7d0b94c2e6a13f58c9e2471ab06d53f8"
VALUES = {
    "smtp_url": SMTP,
    "jwt_secret": STRONG,
    "jwt_private_key": PRIVATE_KEY,
    "jwt_previous_keys": f"{OTHER}, {PRIVATE_KEY}",
    "better_auth_secret": BETTER_AUTH,
    "database_url": URL,
    "database_url_unpooled": URL,
    "redis_url": REDIS,
}
OTHERS = {
    "smtp_url": SMTP + "2",
    "jwt_secret": OTHER,
    "jwt_private_key": PRIVATE_KEY + "2",
    "jwt_previous_keys": OTHER,
    "better_auth_secret": OTHER,
    "database_url": URL + "2",
    "database_url_unpooled": URL + "2",
    "redis_url": REDIS + "2",
}
NEEDS = {"better_auth_secret": {"better_auth_url": "https://app.example.com"}}
"""What else has to be set with a secret."""
SECRETS = sorted(VALUES)

type Set = Callable[..., None]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Set:
    """An empty environment in an empty folder, and a way to set variables in it."""
    for name in list(os.environ):
        if name.lower().removesuffix("_file") in Settings.model_fields:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def put(**variables: object) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name.upper(), str(value))

    return put


def revealed(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def file(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("weak", ["short", "a" * 64, f"{STRONG}, changeme"])
def test_a_previous_key_is_as_strong_as_one_that_signs(environment: Set, weak: str) -> None:
    environment(jwt_previous_keys=weak)

    with pytest.raises(ValidationError, match="JWT_PREVIOUS_KEYS has a secret that is too weak"):
        Settings()


def test_a_private_key_takes_the_place_of_the_secret(environment: Set) -> None:
    environment(jwt_secret=STRONG, jwt_private_key=PRIVATE_KEY)
    assert Settings().signing_keys() == [PRIVATE_KEY]

    environment(jwt_previous_keys=f"{STRONG},{OTHER}")
    assert Settings().signing_keys() == [PRIVATE_KEY, STRONG, OTHER]


def test_the_secret_of_a_frontend_is_none_of_ours(environment: Set) -> None:
    environment(
        jwt_secret=STRONG,
        jwt_previous_keys=OTHER,
        better_auth_url="https://app.example.com",
        better_auth_secret=OTHER,
    )

    with pytest.raises(ValidationError, match="BETTER_AUTH_SECRET must not be JWT_SECRET"):
        Settings()


def test_without_any_setting_there_is_a_server_for_this_machine_alone() -> None:
    settings = Settings()

    assert (settings.host, settings.port, settings.web_concurrency) == ("127.0.0.1", 8000, 1)
    assert (settings.database_url, settings.jwt_secret) == (None, None)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("database_url", URL, URL),
        ("database_url", "postgres://db/tasks", "postgres://db/tasks"),
        ("database_url_unpooled", URL, URL),
        ("database_pool_size", "7", 7),
        ("database_queue_limit", "9", 9),
        ("database_timeout", "0.25", 0.25),
        ("database_timeout", "60", 60.0),
        ("data_dir", "/var/lib/donewell", Path("/var/lib/donewell")),
        ("host", "::", "::"),
        ("port", "1", 1),
        ("port", "65535", 65_535),
        ("web_concurrency", "2", 2),
        ("public_url", "https://api.example.com/", "https://api.example.com"),
        ("public_url", "http://127.0.0.1:8000/tasks", "http://127.0.0.1:8000/tasks"),
        ("trusted_hosts", "api.example.com", ("api.example.com",)),
        ("trusted_hosts", "API.example.com *.example.org,[::1]", ("api.example.com", "*.example.org", "[::1]")),
        ("trusted_proxies", "10.0.0.7, 10.1.0.0/16", (ip_network("10.0.0.7"), ip_network("10.1.0.0/16"))),
        ("trusted_proxies", "2001:db8::/32", (ip_network("2001:db8::/32"),)),
        ("cors_origins", "https://app.example.com", ("https://app.example.com",)),
        (
            "cors_origins",
            " http://a:3000,\thttp://[::1]:80 , app://x ",
            ("http://a:3000", "http://[::1]:80", "app://x"),
        ),
        ("docs", "off", False),
        ("docs", "true", True),
        ("jwt_secret", STRONG, STRONG),
        ("better_auth_url", "https://App.example.com/", "https://app.example.com"),
        ("better_auth_url", "http://localhost:3000", "http://localhost:3000"),
        ("better_auth_url", "http://[::1]:3000", "http://[::1]:3000"),
        ("trusted_issuers", "[]", ()),
        ("log_level", "warning", "warning"),
        ("log_format", "pretty", "pretty"),
    ],
)
def test_a_setting_is_read_from_the_environment(environment: Set, name: str, text: str, value: object) -> None:
    environment(**{name: text})

    assert revealed(getattr(Settings(), name)) == value


@pytest.mark.parametrize("name", ["port", "database_url", "jwt_secret"])
def test_an_empty_variable_is_one_that_is_not_set(environment: Set, name: str) -> None:
    unset = getattr(Settings(), name)
    environment(**{name: ""})

    assert getattr(Settings(), name) == unset


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "0"),
        ("port", "65536"),
        ("port", "-1"),
        ("port", "http"),
        ("database_pool_size", "0"),
        ("database_pool_size", "many"),
        ("database_queue_limit", "-1"),
        ("database_timeout", "0"),
        ("database_timeout", "soon"),
        ("database_timeout", "nan"),
        ("database_timeout", "60.1"),
        ("web_concurrency", "0"),
        *(
            ("public_url", url)
            for url in ("api.example.com", "ftp://a", "https://", "https://a?b", "https://a:b@c", "//a")
        ),
        *(("trusted_hosts", hosts) for hosts in ("*", "https://a", "a:8000", "a.*.example", "*a.example", "a/b", ",")),
        *(
            ("trusted_proxies", networks)
            for networks in ("*", "proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.7:80")
        ),
        *(
            ("cors_origins", origins)
            for origins in ("*", "null,", "app.example.com", "https://a/", "https://A", "https://a,*")
        ),
        *(("cors_origins", origins) for origins in ("https://*.example.com", "https://a@b", "https://a b")),
        ("docs", "maybe"),
        ("web_concurrency", "1.5"),
        ("trusted_issuers", "[1]"),
        ("trusted_issuers", '[{"a": 1}]'),
        ("trusted_issuers", '[{"issuer": 1, "jwks_url": "https://a", "audience": "", "algorithms": ["none"]}]'),
        ("trusted_issuers", '[{"issuer": "a", "jwks_url": "https://a", "audience": "a", "algorithms": []}]'),
        ("better_auth_url", "app.example.com"),
        ("better_auth_url", "ftp://app.example.com"),
        ("better_auth_url", "http://app.example.com"),
        ("better_auth_url", "http://127.0.0.1.example.com"),
        ("better_auth_url", "http://localhost.example.com"),
        ("better_auth_url", "https://ada@app.example.com"),
        ("better_auth_url", "https://app.example.com/auth"),
        ("better_auth_url", "https://app.example.com?x"),
        ("better_auth_url", "https://app.example.com#x"),
        ("better_auth_url", "https://app.example.com:port"),
        ("better_auth_url", "https://app example.com"),
        ("better_auth_url", "https://"),
        ("trusted_issuers", "https://login.example.com"),
        ("trusted_issuers", "{}"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("database_url", "mysql://db/tasks"),
        ("database_url", "sqlite:///tasks.db"),
        ("database_url", "db.example.com/tasks"),
        ("database_url", "host=db dbname=tasks"),
        ("database_url_unpooled", "http://db/tasks"),
    ],
)
def test_a_setting_that_cannot_be_right_is_refused_by_name(environment: Set, name: str, text: str) -> None:
    environment(**{name: text})

    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert {fault["loc"][0] for fault in refusal.value.errors()} == {name}
    with pytest.raises(Refusal, match=f"^{name.upper()} ") as told:
        settings_of_environment()
    assert not re.search(r"Input|Field|String|Tuple|parse|valid [a-z]", str(told.value)), "these are pydantic's words"


ISSUER = {
    "issuer": "https://login.example.com/realms/x",
    "jwks_url": "https://login.example.com/realms/x/keys?v=1",
    "audience": "tasks",
}


def test_an_issuer_is_trusted_for_what_is_said_of_it(environment: Set) -> None:
    other = {**ISSUER, "issuer": "other", "jwks_url": "http://127.0.0.1:8080/keys", "algorithms": ["RS256"]}
    environment(trusted_issuers=json.dumps([ISSUER, other]), better_auth_url="https://app.example.com")

    first, second, third = Settings().issuers
    assert first.model_dump() == {
        "issuer": "https://app.example.com",
        "jwks_url": "https://app.example.com/api/auth/jwks",
        "audience": "https://app.example.com",
        "algorithms": ("EdDSA", "ES256", "RS256"),
    }
    assert second.model_dump() == {**ISSUER, "algorithms": ("EdDSA", "ES256", "RS256")}
    assert third.model_dump() == {**other, "algorithms": ("RS256",)}


SHARED = {"better_auth_url": "https://app.example.com", "better_auth_secret": STRONG}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"better_auth_secret": STRONG},
            "BETTER_AUTH_SECRET needs BETTER_AUTH_URL, which its tokens must name: set both",
        ),
        (
            {**SHARED, "jwt_secret": STRONG},
            "BETTER_AUTH_SECRET must not be JWT_SECRET: who has one could be anybody",
        ),
        (
            {**SHARED, "jwt_previous_keys": STRONG},
            "BETTER_AUTH_SECRET must not be JWT_SECRET: who has one could be anybody",
        ),
        (
            {**SHARED, "trusted_issuers": json.dumps([{**ISSUER, "issuer": "https://app.example.com"}])},
            "TRUSTED_ISSUERS names BETTER_AUTH_URL again: leave one of them out",
        ),
    ],
    ids=["no URL", "the secret", "a previous key", "named twice"],
)
def test_settings_that_cannot_be_together_are_refused_in_one_sentence(
    environment: Set, settings: dict[str, str], told: str
) -> None:
    environment(**settings)

    with pytest.raises(Refusal) as refusal:
        settings_of_environment()
    assert str(refusal.value) == told


@pytest.mark.parametrize(
    ("issuers", "fault"),
    [
        ([{**ISSUER, "jwks_url": "http://login.example.com/keys"}], "must be an https URL"),
        ([{**ISSUER, "jwks_url": "file:///etc/passwd"}], "must be a URL"),
        ([{**ISSUER, "jwks_url": "http://[::1"}], "must be a URL"),
        ([{**ISSUER, "jwks_url": "https://login.example.com/ä"}], "must be a URL"),
        ([{**ISSUER, "issuer": ""}], "at least 1 character"),
        ([{**ISSUER, "audience": "with space"}], "should match pattern"),
        ([{**ISSUER, "algorithms": ["HS256"]}], "'EdDSA', 'ES256' or 'RS256'"),
        ([{**ISSUER, "algorithms": ["none"]}], "'EdDSA', 'ES256' or 'RS256'"),
        ([{**ISSUER, "algorithms": []}], "at least 1 item"),
        ([{**ISSUER, "secret": "x"}], "not permitted"),
        ([{"issuer": "x"}], "Field required"),
        ([ISSUER, ISSUER], "names an issuer twice"),
        ([{**ISSUER, "issuer": "https://app.example.com"}], "names BETTER_AUTH_URL again"),
        ([7], "valid dictionary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_issuer_that_cannot_be_trusted_is_refused(environment: Set, issuers: Any, fault: str) -> None:
    environment(trusted_issuers=json.dumps(issuers), better_auth_url="https://app.example.com")

    with pytest.raises(ValidationError, match=re.escape(fault)):
        Settings()


def test_the_secret_shared_with_a_frontend_is_for_one_issuer_and_not_ours(environment: Set) -> None:
    environment(better_auth_secret=STRONG)
    with pytest.raises(ValidationError, match="BETTER_AUTH_SECRET needs BETTER_AUTH_URL"):
        Settings()

    environment(better_auth_url="https://app.example.com", jwt_secret=STRONG)
    with pytest.raises(ValidationError, match="BETTER_AUTH_SECRET must not be JWT_SECRET"):
        Settings()

    environment(better_auth_secret="secret")
    with pytest.raises(ValidationError, match="BETTER_AUTH_SECRET is too weak"):
        Settings()


@pytest.mark.parametrize(
    ("secret", "strong"),
    [
        pytest.param("secret", False, id="a word"),
        pytest.param(STRONG[:31], False, id="31 bytes"),
        pytest.param("a" * 64, False, id="one character over and over"),
        pytest.param("changeme" * 8, False, id="a word over and over"),
        pytest.param("0123456789"[:9] * 8, False, id="nine characters over and over"),
        pytest.param(STRONG, True, id="32 random hexadecimal digits"),
        pytest.param(STRONG + OTHER, True, id="64 random hexadecimal digits"),
        pytest.param("correct horse battery staple, as they say", True, id="a long sentence"),
        pytest.param(
            "\u00e4\u00f6\u00fc\u00df\u00e9\u00e8\u00ea\u00e0\u00e2\u00e7\u00f1\u00f8\u00e5\u00e6\u00ee\u00ef",
            True,
            id="32 bytes in 16 characters",
        ),
    ],
)
def test_a_weak_secret_is_refused_with_what_to_do(environment: Set, secret: str, strong: bool) -> None:
    environment(jwt_secret=secret)

    if strong:
        assert revealed(Settings().jwt_secret) == secret
        return
    with pytest.raises(ValidationError, match=r"JWT_SECRET is too weak.*openssl rand -hex 32"):
        Settings()


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("around", ["", "\n", "\r\n", "  \n\n"])
def test_a_secret_is_read_from_the_file_that_is_named(environment: Set, tmp_path: Path, name: str, around: str) -> None:
    environment(**{f"{name}_file": file(tmp_path, VALUES[name] + around)}, **NEEDS.get(name, {}))

    assert revealed(getattr(Settings(), name)) == VALUES[name]


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - set(SECRETS)))
def test_what_is_no_secret_is_not_read_from_a_file(environment: Set, tmp_path: Path, name: str) -> None:
    environment(**{f"{name}_file": file(tmp_path, "7")})

    assert getattr(Settings(), name) == Settings.model_fields[name].default


def test_a_weak_secret_in_a_file_is_refused(environment: Set, tmp_path: Path) -> None:
    environment(jwt_secret_file=file(tmp_path, "secret"))

    with pytest.raises(ValidationError, match="too weak"):
        Settings()


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_that_cannot_be_read_is_refused_by_name(environment: Set, tmp_path: Path, name: str) -> None:
    environment(**{f"{name}_file": tmp_path / "missing"})

    with pytest.raises(ValueError, match=name) as refusal:
        Settings()
    assert str(refusal.value.__cause__).startswith(f"{name.upper()}_FILE cannot be read: No such file")


@pytest.mark.parametrize("name", SECRETS)
def test_a_variable_goes_before_a_file_and_a_file_before_dotenv(environment: Set, tmp_path: Path, name: str) -> None:
    environment(**NEEDS.get(name, {}))
    (tmp_path / ".env").write_text(f"{name.upper()}={VALUES[name]}3")
    assert revealed(getattr(Settings(), name)) == VALUES[name] + "3"

    environment(**{f"{name}_file": file(tmp_path, OTHERS[name])})
    assert revealed(getattr(Settings(), name)) == OTHERS[name]

    environment(**{name: VALUES[name]})
    assert revealed(getattr(Settings(), name)) == VALUES[name]

    assert revealed(getattr(Settings.model_validate({name: OTHERS[name]}), name)) == OTHERS[name]


def test_what_others_have_in_the_environment_is_none_of_our_business(environment: Set, tmp_path: Path) -> None:
    environment(pythonpath="/somewhere", donewell_colour="blue")
    (tmp_path / ".env").write_text("FRONTEND_PORT=3000\nPORT=8080\n")

    assert Settings().port == 8080


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 80  # type: ignore[misc]


def shown(settings: Settings) -> str:
    """Whatever a log, a debugger or a careless print might show."""
    return " ".join([str(settings), repr(settings), f"{settings.model_dump()}", settings.model_dump_json()])


def test_no_secret_is_shown(environment: Set) -> None:
    environment(**VALUES, **NEEDS["better_auth_secret"])

    assert not any(secret in shown(Settings()) for secret in (STRONG, BETTER_AUTH, URL, "hunter2"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("jwt_secret", "hunter2"),
        ("better_auth_secret", "hunter2"),
        ("database_url", "mysql://ada:hunter2@db.example.com/tasks"),
        ("database_url_unpooled", "ada:hunter2@db.example.com/tasks"),
    ],
)
@pytest.mark.parametrize("source", ["variable", "file", "argument"])
def test_no_refusal_shows_the_secret(environment: Set, tmp_path: Path, name: str, text: str, source: str) -> None:
    arguments: dict[str, Any] = {name: text} if source == "argument" else {}
    if source == "variable":
        environment(**{name: text})
    elif source == "file":
        environment(**{f"{name}_file": file(tmp_path, text)})

    with pytest.raises(ValidationError) as refusal:
        Settings(**arguments)
    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))
    assert name in str(refusal.value)


def _documented() -> set[str]:
    """The fields of the class that a docstring follows."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(Settings)).body if isinstance(node, ast.ClassDef))
    return {
        field.target.id
        for field, after in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and str(after.value.value).strip()
    }


def test_every_setting_says_what_it_is_for() -> None:
    assert _documented() == set(Settings.model_fields)


def test_what_is_tested_here_as_a_secret_is_every_secret() -> None:
    fields = Settings.model_fields.items()

    assert {name for name, field in fields if SecretStr in get_args(field.annotation)} == set(VALUES)
    assert {name for name, _ in fields if re.search("secret|password|key|token|database_url", name)} <= set(VALUES)


def test_what_mail_lacks_is_named(environment: Set) -> None:
    assert Settings().missing_for_mail() == []

    environment(smtp_url=SMTP)
    assert Settings().missing_for_mail() == ["MAIL_FROM", "PUBLIC_URL"]

    environment(mail_from="no-reply@example.com", app_url="https://app.example.com/")
    assert Settings().missing_for_mail() == []
    assert Settings().link_base == "https://app.example.com"
