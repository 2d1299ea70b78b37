"""A real Redis: Debian's redis-server, one a worker, which keeps nothing."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def redis_server(port: int, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Redis at work on a port, until the block ends."""
    program = shutil.which("redis-server")
    assert program, "These tests need Redis: apt-get install -y redis-server"
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


async def answering(url: str) -> None:
    """Returns when Redis does."""
    async with Redis.from_url(url) as client:
        for _ in range(500):
            with suppress(RedisError, OSError):
                await client.ping()
                return
            await asyncio.sleep(0.02)
    raise TimeoutError("Redis does not answer")


@pytest.fixture(scope="session")
async def redis_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """This worker's Redis, shared by its tests."""
    port = free_port()
    with redis_server(port, tmp_path_factory.mktemp("redis")):
        url = f"redis://127.0.0.1:{port}/0"
        await answering(url)
        yield url
