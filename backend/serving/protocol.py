"""HTTP as uvicorn speaks it, except for what is none."""

from urllib.parse import unquote

import structlog
from starlette.requests import Request
from uuid_utils import uuid7
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from backend.api.problems import framework_problem
from backend.middleware.headers import AnswerHeaders
from backend.utils.logging import REQUEST_ID

log = structlog.get_logger()


class Protocol(HttpToolsProtocol):
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
        added: AnswerHeaders = self.app_state["answer_headers"]
        headers = [*self.server_state.default_headers, *answer.raw_headers, *added.beside(answer.raw_headers)]
        head = [STATUS_LINE[400], *(b"%s: %s\r\n" % header for header in headers), b"\r\n"]
        self.transport.write(b"".join([*head, bytes(answer.body)]))
        self.transport.close()
