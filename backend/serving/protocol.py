"""HTTP as uvicorn speaks it, except for what is none, and with bounds on what a client may send and how slowly."""

import asyncio
import re
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote
from weakref import WeakKeyDictionary

import structlog
from httptools import HttpParserError, HttpParserUpgrade
from starlette.requests import Request
from uuid_utils import uuid7
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from backend.api.problems import framework_problem
from backend.middleware.headers import AnswerHeaders
from backend.process import file_limit
from backend.serving.patience import Connection, Patience, Place, Stage
from backend.utils.logging import REQUEST_ID

log = structlog.get_logger()

LARGEST_HEAD = 32 * 1024
"""Bytes of a request line and its headers. No less is refused, and no more than a `_PIECE` above it is taken."""

MOST_CONNECTIONS = min(10_000, file_limit() - 100)
"""In one worker, which needs some files for other things."""

_PIECE = LARGEST_HEAD // 2
_MAPPED = "::ffff:"
_UPGRADE = re.compile(rb"(\r\n)upgrade:", re.IGNORECASE)

_watches: WeakKeyDictionary[ServerState, Patience] = WeakKeyDictionary()


class Protocol(HttpToolsProtocol):
    """HTTP, with what cannot be read, is too large or takes too long answered like everything else."""

    place: Place = (None, Stage.HEAD, 0)
    since = 0.0
    _whole: HTTPScope | None = None
    """The last request of which everything has come."""
    _head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or say that there are too many."""
        super().connection_made(transport)
        if self.client is not None and self.client[0].startswith(_MAPPED):
            # An IPv4 client of a socket that listens on IPv6: for all who look at addresses, it is one.
            self.client = (self.client[0].removeprefix(_MAPPED), self.client[1])
        watch = _watches.get(self.server_state)
        if watch is None:
            connections = cast("set[Connection]", self.connections)
            watch = _watches[self.server_state] = Patience(self.loop, connections, MOST_CONNECTIONS)
        if not watch.takes(self):
            self._refuse(503, "", uuid7().hex)

    def data_received(self, data: bytes) -> None:
        """Read on, in pieces small enough to see soon that a head has no end."""
        if len(data) > _PIECE:
            for begin in range(0, len(data), _PIECE):
                self.data_received(data[begin : begin + _PIECE])
        elif not self.transport.is_closing():
            self._feed(data)
            if self.scope is not self._whole and self._in_head():
                self._head_size += len(data)
                if self._head_size > LARGEST_HEAD:
                    self._turn_away(431)
            else:
                self._head_size = 0

    def _feed(self, data: bytes) -> None:
        if data.find(b"pgrade") >= 0 and self._stage() in (Stage.IDLE, Stage.HEAD):
            # To go on with HTTP/1.1 is an answer (RFC 9110 section 7.8). The parser would take a body for the other
            # protocol: Java's own client, which wishes for HTTP/2 with its first request, would have sent it in vain.
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _UPGRADE.sub(rb"\1x-upgrade:", head) + end + rest
        try:
            self.parser.feed_data(data)
        except HttpParserError as error:
            self.send_400_response(str(error))
        except HttpParserUpgrade:
            # A tunnel, or a wish that was not seen: what follows is no HTTP.
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Remember that nothing of this request is to come."""
        self._whole = self.scope
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with what has come meanwhile. uvicorn would set a timer each time, and here somebody looks anyway."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def where(self) -> Place:
        """Where this connection is."""
        untaken = self.transport.get_write_buffer_size()
        return (self.scope, Stage.TAKING if untaken else self._stage(), untaken)

    def _stage(self) -> Stage:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete and (not cycle.more_body or self.flow.read_paused):
            return Stage.ANSWER
        if self._in_head():
            return Stage.HEAD
        return Stage.IDLE if self.scope is self._whole else Stage.BODY

    def _in_head(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.scope is not self.scope

    def end(self, stage: Stage) -> None:
        """Say that it has taken too long, where that can be said."""
        cycle: RequestResponseCycle | None = self.cycle
        if self.transport.is_closing() or stage is Stage.TAKING:
            self.transport.abort()
        elif stage is Stage.HEAD and self.headers is not None:
            self._turn_away(408)
        elif stage is Stage.BODY and cycle is not None and not cycle.response_started:
            # The application has it, and answers as soon as it sees this (`backend/middleware/request_context.py`).
            cycle.scope["state"]["late"] = True
            cycle.message_event.set()
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the sentence is ours
        """Answer what cannot be parsed, and close the connection."""
        cycle: RequestResponseCycle | None = self.cycle
        if self.transport.is_closing():
            return
        if cycle is None or cycle.response_complete:
            self._turn_away(400)
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
            self._refuse(400, cycle.scope["path"], request_id)

    def _turn_away(self, status: int) -> None:
        """Answer a request of which the application knows nothing, and log it."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            # The request before it gets its own answer first, and the last one.
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        request_id = uuid7().hex
        self._refuse(status, unquote(self.url.partition(b"?")[0].decode("latin-1")), request_id)
        in_request = REQUEST_ID.set(request_id)
        log.info("request", method=None, route=None, status=status, duration_ms=0.0, user_id=None)
        REQUEST_ID.reset(in_request)

    def _refuse(self, status: int, path: str, request_id: str) -> None:
        scope = {"type": "http", "path": path, "headers": (), "state": {"request_id": request_id}}
        more = {"X-Request-ID": request_id, "Connection": "close"}
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            more["Retry-After"] = "1"
        answer = framework_problem(Request(scope), status, more)
        added: AnswerHeaders = self.app_state["answer_headers"]
        headers = [*self.server_state.default_headers, *answer.raw_headers, *added.beside(answer.raw_headers)]
        head = [STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in headers), b"\r\n"]
        self.transport.write(b"".join([*head, bytes(answer.body)]))
        self.transport.close()
