"""JSON within bounds: decoded by its outline first, and each object when it is its turn. Pure."""

from codecs import getincrementaldecoder
from typing import Any

import msgspec

from backend.formats.items import Broken

Object = dict[str, Any]

MOST_VALUES = 2_000_000
"""In a file. 50,000 tasks with forty each have as many; in memory each takes up to a hundred bytes."""

_PIECE = 1024 * 1024

MALFORMED = (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""What comes of taking an object apart that is not as its format has it."""

whole = msgspec.json.Decoder(Object).decode
"""The object. Raises one of `MALFORMED` if it is none."""


def decoded(content: bytes, outline: Any, name: str) -> Any:
    """The outline of a document. Raises `Broken` where the content is none."""
    if sum(map(content.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise Broken("too_many_values", f"A file may have {MOST_VALUES:,} values")
    try:
        _require_utf_8(content)
        return msgspec.json.decode(content, type=outline)
    except UnicodeDecodeError as error:
        raise Broken("malformed_json", f"This is no export of {name}: it is not in UTF-8") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Broken("malformed_json", f"This is no export of {name}: {error}") from error


def _require_utf_8(content: bytes) -> None:
    """Raises `UnicodeDecodeError`: msgspec would only tell of the objects, one by one, that are none."""
    decode = getincrementaldecoder("utf-8")().decode
    for begin in range(0, len(content), _PIECE):  # as a whole, its text would take up to four times the memory
        decode(content[begin : begin + _PIECE])
    decode(b"", final=True)
