"""uvicorn, on a socket that listens already: in this process or in several workers.

Importing it is cheap: a process that only minds workers needs nothing of the application.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from multiprocessing import parent_process
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from backend.config.settings import Settings
from backend.process import HANGUP, SignalHandler

if TYPE_CHECKING:
    from fastapi import FastAPI

REQUESTS_LIMIT = 3
"""Seconds that requests in flight have to finish: the whole process has five."""


def application() -> "Callable[..., FastAPI]":
    """What makes the application, imported with all that serving it takes: the dearest part of a start."""
    # structlog would import it to print tracebacks, which we print another way: 8 % of the imports, 4 MB a process.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
    for name in ("backend.serving.protocol", "uvicorn.lifespan.on", "uvicorn.loops.auto"):
        import_module(name)
    from backend.main import create_app  # noqa: PLC0415 - not for who minds workers

    return create_app


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a second Ctrl-C for impatience: breaking off saves little of five seconds, and loses requests."""
        super().handle_exit(sig, frame)
        self.force_exit = False


def serve_alone(
    settings: Settings, listener: socket.socket, pass_signals_to: Callable[[SignalHandler], None], *, embedded: bool
) -> None:
    """Serve in this process until a signal comes, and finish the requests in flight."""
    server = _Server(_config(lambda: application()(settings, embedded=embedded)))
    pass_signals_to(server.handle_exit)
    server.run(sockets=[listener])


def serve_with_workers(
    settings: Settings, listener: socket.socket, pass_signals_to: Callable[[SignalHandler], None], *, embedded: bool
) -> None:
    """Serve in `web_concurrency` processes until a signal comes, and finish the requests in flight.

    A worker that dies is replaced. When one cannot start, this process exits with 1.
    """
    for name, secret in (("DATABASE_URL", settings.database_url), ("JWT_SECRET", settings.jwt_secret)):
        if secret is not None:
            os.environ[name] = secret.get_secret_value()
    config = _config(f"backend.serving:{'embedded_worker' if embedded else 'worker'}", workers=settings.web_concurrency)
    supervisor = Multiprocess(config, sockets=[listener])
    pass_signals_to(lambda *_: supervisor.signal_queue.append(signal.SIGTERM))
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(1)


def worker(*, embedded: bool = False) -> "FastAPI":
    """The application of a worker, which stops when the process that started it is gone."""
    # What comes from the terminal comes to the parent too, which then stops us in good order.
    for number in filter(None, (signal.SIGINT, HANGUP)):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    return application()(embedded=embedded)


def embedded_worker() -> "FastAPI":
    """The same, on a database that the server brought along."""
    return worker(embedded=True)


def _follow_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _config(make_app: "Callable[[], FastAPI] | str", **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        make_app,
        factory=True,  # so that the application is made where the event loop runs
        http="backend.serving.protocol:Protocol",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        # The application itself knows which proxies to believe.
        proxy_headers=False,
        timeout_graceful_shutdown=REQUESTS_LIMIT,
        **more,
    )
