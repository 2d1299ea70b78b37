"""The application on a real socket, for what cannot be handed an ASGI application: browsers and black-box tools."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import uvicorn
from fastapi import FastAPI


class SignalFree(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the tests."""
        yield


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The application on a port of its own; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # asyncio does not set it on what this socket accepts, and each answer then waits 40 ms for the client's ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, server_header=False)
        server = SignalFree(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await task


@pytest.fixture(scope="session")
async def live_server(app: FastAPI) -> AsyncIterator[str]:
    """This worker's application on a port of its own; gives its URL. Tests must not block the event loop meanwhile."""
    async with serving(app) as url:
        yield url
