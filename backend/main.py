"""Wires the application together: `create_app(settings)`, and nothing else."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr

from backend.api import openapi, problems, reference, scopes
from backend.api.bodies import CheckedBodies
from backend.api.fast_path import FastPath
from backend.api.v1 import routers
from backend.auth.issuers import Issuers
from backend.auth.jwt_handler import AccessTokens
from backend.auth.password import Passwords
from backend.auth.personal_tokens import PersonalTokens
from backend.config.mail import SmtpServer
from backend.config.rates import Rate
from backend.config.settings import Settings
from backend.database.session import Database
from backend.middleware.auth_middleware import AuthMiddleware
from backend.middleware.cors import Cors
from backend.middleware.headers import AnswerHeaders
from backend.middleware.hosts import TrustedHosts
from backend.middleware.proxies import TrustedProxies
from backend.middleware.rate_limit import Buckets, RateLimits
from backend.middleware.request_context import RequestContext
from backend.services.access_tokens import AccessTokenService
from backend.services.accounts import AccountService
from backend.services.current_password import CurrentPassword
from backend.services.email_addresses import EmailAddressService
from backend.services.feed_readings import FeedReadings
from backend.services.identities import Identities
from backend.services.letters import Letters
from backend.services.mail_sender import MailSender, Send, by_smtp, to_log
from backend.services.maintenance import Maintenance, PeriodicMaintenance
from backend.services.outbox import Outbox
from backend.services.passwords import PasswordService
from backend.services.revocations import Revocations
from backend.services.sessions import SessionService
from backend.services.throttle import Throttle
from backend.services.transfer import Transfers
from backend.utils.logging import configure_logging

DESCRIPTION = """
The task backend that any to-do app can be built on.

Every error is `application/problem+json` (RFC 9457) with a stable `code`. Updates change what is sent and nothing
else. Objects carry a `version` and an `ETag`; lists are paged with a cursor in the `Link` header.
"""


def create_app(settings: Settings | None = None, *, embedded: bool = False) -> FastAPI:
    """The application. Without settings it reads the environment.

    On the embedded default, which is somebody's own machine, links that nobody can mail are logged.

    Raises `ValueError` when there is no `DATABASE_URL` or no `JWT_SECRET`: `donewell serve` supplies both; when a key
    is none; and when mail is to be sent and something is missing for it.
    """
    settings = settings or Settings()
    keys = settings.signing_keys()
    if settings.database_url is None or not keys:
        raise ValueError("Set DATABASE_URL and JWT_SECRET, or start with `donewell serve`, which brings its own")
    configure_logging(settings.log_level, settings.log_format)
    tokens = AccessTokens(*keys)
    database = Database(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        queue_limit=settings.database_queue_limit,
        timeout=settings.database_timeout,
    )
    headers = AnswerHeaders(https=(settings.public_url or "").startswith("https:"))
    personal = PersonalTokens()
    base = settings.link_base or f"http://{settings.host}:{settings.port}"
    send = _send(settings, embedded=embedded)
    secret = settings.better_auth_secret
    issuers = Issuers(
        settings.issuers,
        {settings.better_auth_url: secret.get_secret_value()} if settings.better_auth_url and secret else {},
    )
    app = _application(
        database,
        tokens,
        personal,
        issuers,
        headers,
        letters=Letters(base),
        send=send,
        docs=settings.docs,
        retention=timedelta(days=settings.trash_retention),
    )
    app.state.throttle = Throttle(
        database.fast,
        keys[0].encode(),
        Rate.parse(settings.auth_rate_limit),
        settings.redis_url.get_secret_value() if settings.redis_url else None,
    )
    _add_layers(app, settings, headers, tokens=tokens, personal=personal, issuers=issuers)
    return app


def describe() -> FastAPI:
    """The application without a database: good for its OpenAPI document, not for requests."""
    return create_app(
        # Not read from the environment, and a socket, so that no PG… variable completes it either.
        Settings.model_construct(
            database_url=SecretStr("postgresql:///donewell?host=/nowhere"),
            jwt_secret=SecretStr("only the document is asked for, no token is issued"),
        )
    )


def _add_layers(
    app: FastAPI,
    settings: Settings,
    headers: AnswerHeaders,
    *,
    tokens: AccessTokens,
    personal: PersonalTokens,
    issuers: Issuers,
) -> None:
    """Each is around those before it: a request meets the last one first."""
    app.add_middleware(CheckedBodies)
    app.add_middleware(FastPath, application=app)
    rate = Rate.parse(settings.rate_limit)
    buckets = Buckets(rate) if rate is not None else None
    if buckets is not None:
        app.add_middleware(RateLimits, buckets=buckets)
    app.add_middleware(AuthMiddleware, tokens=tokens, personal=personal, issuers=issuers if settings.issuers else None)
    app.add_middleware(
        RequestContext,
        headers=headers,
        hosts=TrustedHosts(settings.trusted_hosts) if settings.trusted_hosts else None,
        cors=Cors(settings.cors_origins) if settings.cors_origins else None,
        buckets=buckets,
    )
    if settings.trusted_proxies:
        app.add_middleware(TrustedProxies, networks=settings.trusted_proxies)


def _send(settings: Settings, *, embedded: bool) -> Send | None:
    """How letters are sent, if they can be."""
    if missing := settings.missing_for_mail():
        raise ValueError(f"Set {' and '.join(missing)} with SMTP_URL")
    if settings.smtp_url is not None and settings.mail_from is not None:
        return by_smtp(SmtpServer.parse(settings.smtp_url.get_secret_value()), settings.mail_from)
    return to_log if embedded else None


def _application(
    database: Database,
    tokens: AccessTokens,
    personal: PersonalTokens,
    issuers: Issuers,
    headers: AnswerHeaders,
    *,
    letters: Letters,
    send: Send | None,
    docs: bool,
    retention: timedelta,
) -> FastAPI:
    app = FastAPI(
        title="Donewell",
        version=version("donewell"),
        summary="A multi-user task API",
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=openapi.TAGS,
        generate_unique_id_function=openapi.operation_id,
        openapi_url="/openapi.json" if docs else None,
        docs_url=None,
        redoc_url=None,
        form_limits={"max_fields": 20, "max_files": 0, "max_part_size": 16_384},
        redirect_slashes=False,
        # Nobody is told, and to find that out takes longer than to tell a route from another.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=_lifespan(personal, issuers, headers, letters=letters, send=send, retention=retention),
    )
    app.state.database = database
    app.state.tokens = tokens
    problems.install(app)
    for router in routers():
        app.include_router(router)
    if docs:
        reference.install(app)
    app.openapi = openapi.document_of(app)  # type: ignore[method-assign]
    return app


def _lifespan(
    personal: PersonalTokens,
    issuers: Issuers,
    headers: AnswerHeaders,
    *,
    letters: Letters,
    send: Send | None,
    retention: timedelta,
) -> Callable[[FastAPI], AbstractAsyncContextManager[dict[str, Any]]]:
    """What is opened before the first request and closed after the last."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        passwords, outbox = Passwords(), Outbox(configured=send is not None)
        database = app.state.database
        await database.open()
        _add_services(app, personal, passwords, outbox)
        maintenance = PeriodicMaintenance(Maintenance(database.fast, retention), app.state.revocations)
        maintenance.start()
        app.state.mail = mail = MailSender(database, outbox, letters, send) if send else None
        if mail is not None:
            mail.start()
        # What is loaded by now stays: the collector need not look at it again (p95 -14 % at 1,000 clients, measured).
        gc.freeze()
        # For the server, which itself answers what is no HTTP.
        yield {"answer_headers": headers}
        await maintenance.stop()
        if mail is not None:
            await mail.stop()
        passwords.close()
        await app.state.throttle.close()
        await issuers.close()
        await database.close()

    return lifespan


def _add_services(app: FastAPI, personal: PersonalTokens, passwords: Passwords, outbox: Outbox) -> None:
    """Make what the routes and the middleware ask for."""
    database, tokens, throttle = app.state.database, app.state.tokens, app.state.throttle
    app.state.revocations = revocations = Revocations(database.fast)
    app.state.access_tokens = AccessTokenService(database, personal, revocations, scopes.offered(app))
    app.state.identities = Identities(database, revocations)
    current = CurrentPassword(database, passwords, throttle)
    app.state.accounts = AccountService(database, revocations, current)
    app.state.sessions = SessionService(database, passwords, tokens, revocations, throttle=throttle, outbox=outbox)
    app.state.passwords = PasswordService(database, passwords, revocations, current, throttle=throttle, outbox=outbox)
    app.state.email_addresses = EmailAddressService(database, current, throttle, outbox)
    app.state.transfers = Transfers(database)
    app.state.feed_readings = FeedReadings(database.fast)
