"""JSON of other programs: decoded by its outline first, and each object when it is its turn. Pure."""

from typing import Any

import msgspec

from backend.formats.items import Broken

Object = dict[str, Any]

_decode = msgspec.json.Decoder(Object).decode


def decoded(content: bytes, outline: Any, name: str) -> Any:
    """The outline of a document. Raises `Broken` where the content is none."""
    try:
        return msgspec.json.decode(content, type=outline)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Broken("malformed_json", f"This is no export of {name}: {error}") from error


def whole(raw: msgspec.Raw) -> Object | None:
    """The object, or nothing if it is none."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
