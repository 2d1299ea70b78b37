"""Identities: people with accounts and signed-in clients, as fixtures."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7

from backend.auth.jwt_handler import AccessTokens
from backend.auth.one_time_tokens import hash_of, new_token
from backend.auth.refresh_tokens import RefreshToken
from backend.models.one_time_tokens import OneTimeToken
from backend.models.users import Revision, User
from backend.services.one_time_tokens import LIFETIME
from backend.services.sessions import open_session
from tests.factories.applications import SECRET
from tests.factories.canaries import CANARY

type Person = Callable[[], Awaitable["Client"]]
type TokenClient = Callable[..., Awaitable["Client"]]

NAME = f"Ada {CANARY}"
PASSWORD = "correct horse battery"
# The argon2id hash of PASSWORD: hashing it anew for every person would be most of the suite's time.
PASSWORD_HASH = "$argon2id$v=19$m=19456,t=2,p=1$AVp/jU6Fmo5HfV1L+l9UPA$wBJ/ZnhhnwVrZx1GbGEZIZl3DH11oDCMx2Bkr3DgCAU"


class Client(httpx.AsyncClient):
    """An HTTP client of the application that knows who it is."""

    app: FastAPI
    user_id: UUID
    session_id: UUID
    mark: str
    email: str
    access_token: str
    refresh_token: str
    token_id: UUID
    reset_token: str
    verify_token: str
    change_token: str


def client_for(app: FastAPI) -> Client:
    """A client that is nobody yet, at an address of its own. Exceptions that leave the application fail the test."""
    address = f"10.{'.'.join(map(str, uuid4().bytes[:3]))}"
    transport = httpx.ASGITransport(app, client=(address, 50_000))
    client = Client(transport=transport, base_url="http://testserver", headers={"Cookie": f"session={CANARY}"})
    client.app = app
    return client


async def sign_up(app: FastAPI, client: Client) -> Client:
    """Give the client an account and a session, with a real token for it."""
    client.user_id, client.mark = uuid7(), uuid4().hex
    client.email = f"{CANARY}.{client.mark}@example.com"
    async with app.state.database.begin() as session:
        session.add(User(id=client.user_id, email=client.email, name=NAME, password_hash=PASSWORD_HASH))
        await session.flush()
        session.add(Revision(user_id=client.user_id))
        token = open_session(session, client.user_id, None)
        give_links(client, session)
    carry(client, token)
    return client


def give_links(client: Client, session: AsyncSession) -> None:
    """Let the client have a link for each purpose, mailed ten minutes ago."""
    client.reset_token, client.verify_token, client.change_token = new_token(), new_token(), new_token()
    links = (
        ("reset_password", client.reset_token, client.email),
        ("verify_email", client.verify_token, client.email),
        ("change_email", client.change_token, f"moved.{client.email}"),
    )
    then = datetime.now(UTC) - timedelta(minutes=10)
    for purpose, token, email in links:
        times = {"created_at": then, "expires_at": then + LIFETIME}
        session.add(
            OneTimeToken(user_id=client.user_id, purpose=purpose, token_hash=hash_of(token), email=email, **times)
        )


def carry(client: Client, token: RefreshToken) -> None:
    """Let the client act in the session that the token is of."""
    client.session_id, client.refresh_token = token.session_id, str(token)
    client.access_token = AccessTokens(SECRET).issue(client.user_id, client.session_id)
    client.headers["Authorization"] = f"Bearer {client.access_token}"


@pytest.fixture
async def person(app: FastAPI) -> AsyncIterator[Person]:
    """Makes people: each call is another one, signed in."""
    async with AsyncExitStack() as stack:

        async def make() -> Client:
            return await sign_up(app, await stack.enter_async_context(client_for(app)))

        yield make


@pytest.fixture
async def owner(person: Person) -> Client:
    """Somebody, signed in."""
    return await person()


@pytest.fixture
async def stranger(person: Person) -> Client:
    """Somebody else, signed in."""
    return await person()


@pytest.fixture
async def token_client(app: FastAPI, owner: Client) -> AsyncIterator[TokenClient]:
    """Makes clients that act with a personal access token of these scopes, for the owner if nobody else is named."""
    async with AsyncExitStack() as stack:

        async def make(*scopes: str, of: Client = owner) -> Client:
            reply = await of.post("/api/v1/auth/tokens", json={"name": f"Backup {CANARY}", "scopes": scopes})
            assert reply.status_code == 201, reply.text
            client = await stack.enter_async_context(client_for(app))
            client.user_id, client.email, client.session_id = of.user_id, of.email, of.session_id
            client.token_id, client.access_token = UUID(reply.json()["id"]), reply.json()["token"]
            client.headers["Authorization"] = f"Bearer {client.access_token}"
            return client

        yield make


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[Client]:
    """Nobody."""
    async with client_for(app) as client:
        yield client
