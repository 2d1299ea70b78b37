"""A way to the database that a test can shut, and make lead nowhere."""

import asyncio
from pathlib import Path
from urllib.parse import quote, urlsplit

from backend.database.url import translate

SOCKET = ".s.PGSQL.5432"


class Door:
    """A Unix socket before that of the database, which can be shut, and opened to nobody."""

    def __init__(self, directory: Path, url: str) -> None:
        self.url = urlsplit(url)._replace(query=f"host={quote(str(directory), safe='')}").geturl()
        self._path = directory / SOCKET
        self._behind = f"{translate(url).arguments['host'][0]}/{SOCKET}"
        self._passing = asyncio.Event()
        self._visits: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Let visitors in, and those who wait inside go on."""
        self._passing.set()
        if self._server is None:
            self._server = await asyncio.start_unix_server(self._visit, self._path)

    def hush(self) -> None:
        """Let visitors in, and leave them without an answer: like a network that drops every packet."""
        self._passing.clear()

    async def shut(self) -> None:
        """Turn everyone out and let nobody in."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._path.unlink(missing_ok=True)
        for visit in self._visits:
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.current_task()
        assert visit is not None
        self._visits.add(visit)
        try:
            inner_reader, inner_writer = await asyncio.open_unix_connection(self._behind)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._carry(reader, inner_writer))
                    group.create_task(self._carry(inner_reader, writer))
            finally:
                inner_writer.transport.abort()
        except* ConnectionError:
            pass
        finally:
            writer.transport.abort()
            self._visits.discard(visit)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._passing.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError
