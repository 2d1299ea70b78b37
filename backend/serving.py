"""uvicorn, on a socket that listens already: in this process or in several workers. Importing it imports everything."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from types import FrameType
from typing import Any
from urllib.parse import unquote

import structlog
import uvicorn
import uvicorn.lifespan.on
import uvicorn.loops.auto
from fastapi import FastAPI
from starlette.requests import Request
from uuid_utils import uuid7
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.supervisors import Multiprocess

from backend.api.problems import framework_problem
from backend.config.settings import Settings
from backend.main import create_app
from backend.process import HANGUP, SignalHandler
from backend.utils.logging import REQUEST_ID

REQUESTS_LIMIT = 3
"""Seconds that requests in flight have to finish: the whole process has five."""


log = structlog.get_logger()


class _Protocol(HttpToolsProtocol):
    """HTTP, with what is none answered like everything else that the application cannot read."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the sentence is ours
        """Answer what cannot be parsed, and close the connection."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            request_id = uuid7().hex
            self._refuse(unquote(self.url.partition(b"?")[0].decode("latin-1")), request_id)
            in_request = REQUEST_ID.set(request_id)
            log.info("request", method=None, route=None, status=400, duration_ms=0.0, user_id=None)
            REQUEST_ID.reset(in_request)
        elif not cycle.more_body:
            # It comes after a request that is whole, which gets its own answer first, and the last one.
            cycle.keep_alive = False
        elif cycle.response_started:
            # A second answer in the middle of the first would be taken for a part of it.
            self.transport.close()
        else:
            # It is the body of a request that the application has already, or is about to have, and will log.
            known: str | None = cycle.scope["state"].get("request_id")
            request_id = known or uuid7().hex
            if not known:
                self.headers.insert(0, (b"x-request-id", request_id.encode()))
            self._refuse(cycle.scope["path"], request_id)

    def _refuse(self, path: str, request_id: str) -> None:
        scope = {"type": "http", "path": path, "state": {"request_id": request_id}}
        answer = framework_problem(Request(scope), 400, {"X-Request-ID": request_id, "Connection": "close"})
        headers = [*self.server_state.default_headers, *answer.raw_headers]
        head = [STATUS_LINE[400], *(b"%s: %s\r\n" % header for header in headers), b"\r\n"]
        self.transport.write(b"".join([*head, bytes(answer.body)]))
        self.transport.close()


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a second Ctrl-C for impatience: breaking off saves little of five seconds, and loses requests."""
        super().handle_exit(sig, frame)
        self.force_exit = False


def serve_alone(settings: Settings, listener: socket.socket, pass_signals_to: Callable[[SignalHandler], None]) -> None:
    """Serve in this process until a signal comes, and finish the requests in flight."""
    server = _Server(_config(lambda: create_app(settings)))
    pass_signals_to(server.handle_exit)
    server.run(sockets=[listener])


def serve_with_workers(
    settings: Settings, listener: socket.socket, pass_signals_to: Callable[[SignalHandler], None]
) -> None:
    """Serve in `web_concurrency` processes until a signal comes, and finish the requests in flight.

    A worker that dies is replaced. When one cannot start, this process exits with 1.
    """
    for name, secret in (("DATABASE_URL", settings.database_url), ("JWT_SECRET", settings.jwt_secret)):
        if secret is not None:
            os.environ[name] = secret.get_secret_value()
    config = _config("backend.serving:worker", workers=settings.web_concurrency)
    supervisor = Multiprocess(config, sockets=[listener])
    pass_signals_to(lambda *_: supervisor.signal_queue.append(signal.SIGTERM))
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(1)


def worker() -> FastAPI:
    """The application of a worker, which stops when the process that started it is gone."""
    # What comes from the terminal comes to the parent too, which then stops us in good order.
    for number in filter(None, (signal.SIGINT, HANGUP)):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    return create_app()


def _follow_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _config(make_app: Callable[[], FastAPI] | str, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        make_app,
        factory=True,  # so that the application is made where the event loop runs
        http=_Protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=REQUESTS_LIMIT,
        **more,
    )
