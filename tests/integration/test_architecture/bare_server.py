"""A server at its barest: hands an ASGI application one request."""

import asyncio
from typing import Any

from starlette.types import ASGIApp


async def asked(app: ASGIApp, path: str, *, body: bytes = b"", headers: Any = (), **scope: Any) -> int:
    """The status of an answer, to a server whose client sends nothing after the body and stays."""
    statuses: list[int] = []
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return messages.pop(0) if messages else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    kind: dict[str, Any] = {
        "type": "http",
        "method": "POST" if body else "GET",
        "path": path,
        "query_string": b"",
        "state": {},
    }
    async with asyncio.timeout(5):
        await app({**kind, "root_path": "", "headers": list(headers), **scope}, receive, send)
    return statuses[0]
