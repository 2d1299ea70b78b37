"""Every setting, from the environment: its unit, its default and why that default."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from backend.config.addresses import BaseUrl, Hosts, Networks, Origins
from backend.config.issuers import BetterAuthUrl, TrustedIssuer, TrustedIssuers, better_auth
from backend.config.mail import SmtpServer, sender
from backend.config.rates import Rate

MINIMUM_SECRET_BYTES = 32
"""RFC 7518 section 3.2: an HS256 key is at least as long as the hash, 256 bits."""

MINIMUM_DISTINCT_CHARACTERS = 10
"""32 random hexadecimal digits fall below this about once in a million; "aaaa…" and "changeme…" do not reach it."""

LONGEST_TIMEOUT = 60
"""Seconds. With many more, other processes could miss an end of a session that was so slow to be written: they read
again what was written in the last 90 seconds (`backend/services/revocations.py`)."""


class SecretFiles(EnvSettingsSource):
    """Reads `NAME_FILE` for a secret `NAME`: the way containers are handed their secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = self.env_vars.get(f"{field_name}_file") if _is_secret(field) else None
        if path is None:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except OSError as error:
            raise ValueError(f"{field_name.upper()}_FILE cannot be read: {error.strerror} ({path})") from error


class Settings(BaseSettings):
    """What an operator may decide. `docs/settings.md` documents each; a test holds the two together."""

    # A value that is refused may be a secret.
    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr | None = None
    """A libpq URL, as Neon gives it. Without one, the server runs its own PostgreSQL in `data_dir`."""

    database_url_unpooled: SecretStr | None = None
    """The same database without a transaction pooler in between, for migrations. Neon's own name for it."""

    database_pool_size: PositiveInt = 5
    """Connections per lane and worker. More raise the cost of each request and the tail of the slowest (measured)."""

    database_queue_limit: PositiveInt = 2_000
    """Requests per lane and worker that may wait for a connection; the next one is answered 503."""

    database_timeout: float = Field(default=5.0, gt=0, le=LONGEST_TIMEOUT)
    """Seconds that waiting for a connection and running a statement may take together."""

    data_dir: Path = Path("donewell-data")
    """Where the embedded database and the generated secret live."""

    host: str = "127.0.0.1"
    """The address to listen on: this machine only, until an operator decides otherwise."""

    port: int = Field(default=8000, ge=1, le=65_535)
    """The TCP port to listen on."""

    web_concurrency: PositiveInt = 1
    """Worker processes; one per core is right for a machine that does nothing else."""

    public_url: BaseUrl | None = None
    """The URL at which clients reach us. Links in mail are built from it; on https, browsers are told to stay there."""

    app_url: BaseUrl | None = None
    """The URL of the frontend, whose pages links in mail open, if it is another than `public_url`."""

    smtp_url: SecretStr | None = None
    """The mail server. Without one, the embedded default prints links to the log, and others refuse what needs mail."""

    mail_from: Annotated[str, AfterValidator(sender)] | None = None
    """Whom mail is from."""

    trusted_hosts: Hosts | None = None
    """Names that the Host header may have. Any, until an operator names some: nothing we answer is built from it."""

    trusted_proxies: Networks | None = None
    """Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: nobody's, as anyone may send them."""

    cors_origins: Origins | None = None
    """Origins whose pages may call us from a browser: none but our own."""

    docs: bool = True
    """Whether `/docs`, `/redoc` and `/openapi.json` are there."""

    jwt_secret: SecretStr | None = None
    """The HS256 key that signs access tokens, at least 32 bytes. Generated once on the embedded database."""

    jwt_private_key: SecretStr | None = None
    """An Ed25519 key in PEM that signs access tokens (EdDSA) in place of the secret."""

    jwt_previous_keys: SecretStr | None = None
    """Keys that no longer sign and whose tokens are still good, separated by commas: secrets, or keys in PEM."""

    rate_limit: str = "1000/minute"
    """Requests per user, or per address of whoever is not signed in: `N/period` or `off`. Each worker counts alone."""

    auth_rate_limit: str = "100/minute"
    """Sign-ups, sign-ins, resets and current passwords per address: `N/period` or `off`. All workers count together."""

    redis_url: SecretStr | None = None
    """Where attempts to sign in are counted: `redis://`, `rediss://` or `redis+unix://`. Without it, in PostgreSQL."""

    better_auth_url: BetterAuthUrl | None = None
    """The base URL of a Better Auth server whose tokens are taken: their issuer and audience, its keys below it."""

    better_auth_secret: SecretStr | None = None
    """The key of HS256 tokens that a frontend makes in the name of `better_auth_url`, at least 32 bytes."""

    trusted_issuers: TrustedIssuers | None = None
    """Others whose tokens are taken: each with its name, the URL of its keys and the audience that it names for us."""

    trash_retention: int = Field(default=30, ge=1, le=3_650)
    """Days after which what is in the trash is removed for good."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe level that is logged."""

    log_format: Literal["auto", "json", "pretty"] = "auto"
    """`auto` is pretty on a terminal and JSON otherwise."""

    @field_validator("rate_limit", "auth_rate_limit")
    @classmethod
    def _rate(cls, text: str) -> str:
        Rate.parse(text)
        return text

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        if not url.get_secret_value().startswith(("redis://", "rediss://", "redis+unix://")):
            raise ValueError("must be a Redis URL: redis://user:password@host:port/0")
        if find_spec("redis") is None:
            raise ValueError("needs the Redis client, which is not installed: pip install 'donewell[redis]'")
        return url

    @property
    def issuers(self) -> tuple[TrustedIssuer, ...]:
        """All whose tokens are taken besides ours."""
        return (*([better_auth(self.better_auth_url)] if self.better_auth_url else ()), *(self.trusted_issuers or ()))

    @field_validator("jwt_secret", "better_auth_secret")
    @classmethod
    def _strong(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if secret is not None and _is_weak(secret.get_secret_value()):
            raise ValueError(
                f"{str(info.field_name).upper()} is too weak: give at least {MINIMUM_SECRET_BYTES} random bytes,"
                " for example the output of `openssl rand -hex 32`"
            )
        return secret

    @field_validator("jwt_previous_keys")
    @classmethod
    def _each_strong(cls, keys: SecretStr | None) -> SecretStr | None:
        # What an old secret signs is as good as what the new one does.
        if any(_is_weak(key) for key in _separated(keys) if "-----" not in key):
            raise ValueError(
                "JWT_PREVIOUS_KEYS has a secret that is too weak: leave it out; its tokens are forged easily"
            )
        return keys

    @field_validator("jwt_private_key")
    @classmethod
    def _private(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and "PRIVATE KEY-----" not in key.get_secret_value():
            raise ValueError(
                "JWT_PRIVATE_KEY is no private key in PEM: give the output of `openssl genpkey -algorithm ed25519`"
            )
        return key

    def named_keys(self) -> dict[str, list[str]]:
        """The keys of access tokens by the setting that has them, the one that signs first.

        A private key takes the place of the secret, whose tokens are no longer good unless it is a previous key.
        """
        name, key = "JWT_SECRET", self.jwt_secret
        if self.jwt_private_key is not None:
            name, key = "JWT_PRIVATE_KEY", self.jwt_private_key
        current = [] if key is None else [key.get_secret_value()]
        return {name: current, "JWT_PREVIOUS_KEYS": _separated(self.jwt_previous_keys)}

    def signing_keys(self) -> list[str]:
        """The keys of access tokens, the one that signs first; empty when there is none to sign with."""
        current, previous = self.named_keys().values()
        return [*current, *previous] if current else []

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            SmtpServer.parse(url.get_secret_value())
        return url

    @property
    def link_base(self) -> str | None:
        """What links in mail begin with."""
        return self.app_url or self.public_url

    def missing_for_mail(self) -> list[str]:
        """The settings that `SMTP_URL` needs and that are not there."""
        needed = {"MAIL_FROM": self.mail_from, "PUBLIC_URL": self.link_base}
        return [name for name, value in needed.items() if value is None] if self.smtp_url is not None else []

    @model_validator(mode="after")
    def _each_issuer_for_itself(self) -> Self:
        if self.better_auth_secret is not None:
            if self.better_auth_url is None:
                raise ValueError("BETTER_AUTH_SECRET needs BETTER_AUTH_URL, which its tokens must name: set both")
            ours = [self.jwt_secret and self.jwt_secret.get_secret_value(), *_separated(self.jwt_previous_keys)]
            if self.better_auth_secret.get_secret_value() in ours:
                raise ValueError("BETTER_AUTH_SECRET must not be JWT_SECRET: who has one could be anybody")
        if self.better_auth_url in {issuer.issuer for issuer in self.trusted_issuers or ()}:
            raise ValueError("TRUSTED_ISSUERS names BETTER_AUTH_URL again: leave one of them out")
        return self

    @field_validator("database_url", "database_url_unpooled")
    @classmethod
    def _postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(
            ("postgresql://", "postgres://", "postgresql+asyncpg://")
        ):
            raise ValueError("must be a PostgreSQL URL: postgresql://user:password@host/database")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the base class names it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings


def _is_weak(secret: str) -> bool:
    return len(secret.encode()) < MINIMUM_SECRET_BYTES or len(set(secret)) < MINIMUM_DISTINCT_CHARACTERS


def _separated(keys: SecretStr | None) -> list[str]:
    return [key.strip() for key in keys.get_secret_value().split(",") if key.strip()] if keys else []


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)
