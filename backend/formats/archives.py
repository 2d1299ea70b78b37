"""Zip archives, read within bounds: a small one may unpack to anything. Pure."""

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from backend.formats.items import Broken

MOST_FILES = 1_000
LARGEST = 32 * 1024 * 1024
"""Bytes that all files which are read may unpack to together: as many as a file may have that is in no archive."""

_LARGEST_DIRECTORY = 1024 * 1024
_END = struct.Struct("<4s4H2LH")
_LONGEST_COMMENT = 0xFFFF


def members(file: BinaryIO, ending: str) -> Iterator[tuple[str, bytes]]:
    """The files whose names end so: their names, and what is in them. Raises `Broken`."""
    try:
        _check_directory(file)
        with zipfile.ZipFile(file) as archive:
            found = [info for info in archive.infolist() if info.filename.endswith(ending) and not info.is_dir()]
            # The module holds each file to the size that is announced.
            if len(found) > MOST_FILES or sum(info.file_size for info in found) > LARGEST:
                raise Broken("archive_too_large", "The archive unpacks to more than is taken")
            if not found:
                raise Broken("nothing_found", f"The archive has no file that ends in {ending}")
            for info in sorted(found, key=lambda info: info.filename):
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    # To unpack others takes as much memory as they ask for.
                    raise Broken("malformed_zip", "The archive is packed in a way that is not read")
                yield info.filename, archive.read(info)
    except (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, ValueError, EOFError, OSError) as error:
        raise Broken("malformed_zip", f"The archive cannot be read: {error}") from error


def _check_directory(file: BinaryIO) -> None:
    """The module reads the whole list of files at once, of whatever size its end says that it is. Raises `Broken`."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END.size - _LONGEST_COMMENT))
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0:
        raise Broken("malformed_zip", "The archive has no end")
    length = _END.unpack_from(tail, place)[5]
    # Of very large archives the list is elsewhere: what is taken here is never one.
    is_large = tail[max(0, place - 20) : place].startswith(b"PK\6\7")
    if is_large or length > _LARGEST_DIRECTORY:
        raise Broken("archive_too_large", "The archive has more files than are taken")
    file.seek(0)
