"""JSON as it may arrive: one encoding, no name twice, and bounds on what nobody needs and parsers disagree about.

What the bounds are follows I-JSON (RFC 7493), which is what every language reads alike.
"""

import re
from json import JSONDecodeError, JSONDecoder
from math import isinf
from typing import Any, NoReturn

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.domain.errors import Fault

DEEPEST = 32
"""Levels of arrays and objects within each other."""

LARGEST_INTEGER = 2**53 - 1
"""Beyond it, a reader that has doubles alone takes another number for it (RFC 7493 section 2.2)."""

# Forms in parts would be decoded with whatever codec is named: some take quadratic time, some make lone surrogates.
_NOT_UTF_8 = re.compile(r";\s*charset\s*=(?!\s*\"?utf-8\"?\s*(;|$))", re.IGNORECASE)

_BOM = b"\xef\xbb\xbf"
# A string that does not end goes on to the end, so that none of its quotes is tried as the beginning of another one.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")


class UnacceptableBody(HTTPException):
    """The body is at fault as a whole, before any field of it. FastAPI lets this pass where it reads a body."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(400)
        self.fault = Fault("body", code, message)


def parsed(raw: bytes) -> Any:
    """The value of a JSON text. Raises `UnacceptableBody`."""
    try:
        text = raw.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        raise _no_json("it is not UTF-8", error.start) from error
    # That many brackets are seldom, and seldom nested.
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _is_deep(raw):
        raise UnacceptableBody("nested_too_deep", f"The body has more than {DEEPEST} levels")
    try:
        return _decode(text)
    except JSONDecodeError as error:
        raise _no_json(error.msg, error.pos) from error


def _no_json(why: str, position: int) -> UnacceptableBody:
    return UnacceptableBody("malformed_json", f"The body is not JSON: {why} (position {position})")


def _is_deep(raw: bytes) -> bool:
    brackets = _STRING.sub(b"", raw).translate(_AS_SQUARE, _ALL_BUT_BRACKETS)
    for _ in range(DEEPEST):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # Which of the two counts, every parser decides for itself.
        raise UnacceptableBody("duplicate_name", "An object in the body has two fields of the same name")
    return found


def _integer(digits: str) -> int:
    # As text first: Python refuses thousands of digits, and takes quadratic time for fewer.
    if len(digits) > len(str(-LARGEST_INTEGER)) or abs(number := int(digits)) > LARGEST_INTEGER:
        raise _too_large()
    return number


def _fraction(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise _too_large()
    return number


def _too_large() -> UnacceptableBody:
    return UnacceptableBody("number_range", "A number in the body is larger than can be kept exactly")


def _no_number(name: str) -> NoReturn:
    raise _no_json(f"{name} is no number of its own", 0)


_decode = JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_no_number
).decode


def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON."""
    main, _, sub = content_type.partition(";")[0].strip().lower().partition("/")
    return main == "application" and (sub == "json" or sub.endswith("+json"))


class CheckedBodies:
    """Stands before FastAPI, whose own reading of JSON has no bounds. The fast path reads with `parsed` itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a body that is refused where the application has read it to its end."""
        await self._app(scope, _checked(scope, receive) if scope["type"] == "http" else receive, send)


def _checked(scope: Scope, receive: Receive) -> Receive:
    content_type = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), "")
    if _NOT_UTF_8.search(content_type):
        return _refused
    return _Checked(receive) if is_json(content_type) else receive


async def _refused() -> Message:
    raise HTTPException(415)


class _Checked:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._parts: list[bytes] = []

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False) and (raw := b"".join(self._parts)):
                parsed(raw)
        return message
