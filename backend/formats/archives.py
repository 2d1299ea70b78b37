"""Zip archives, read within bounds: a small one may unpack to anything. Pure."""

import zipfile
from collections.abc import Iterator
from contextlib import closing
from typing import IO, BinaryIO

from backend.formats.items import Broken

MOST_FILES = 1_000
LARGEST = 64 * 1024 * 1024
"""Bytes that all files which are read may unpack to together."""


def members(file: BinaryIO, ending: str) -> Iterator[tuple[str, IO[bytes]]]:
    """The files whose names end so, with their names, each open until the next. Raises `Broken`."""
    try:
        with zipfile.ZipFile(file) as archive:
            found = [info for info in archive.infolist() if info.filename.endswith(ending) and not info.is_dir()]
            # The module holds each file to the size that is announced.
            if len(found) > MOST_FILES or sum(info.file_size for info in found) > LARGEST:
                raise Broken("archive_too_large", "The archive unpacks to more than is taken")
            if not found:
                raise Broken("nothing_found", f"The archive has no file that ends in {ending}")
            for info in sorted(found, key=lambda info: info.filename):
                with closing(archive.open(info)) as member:
                    yield info.filename, member
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise Broken("malformed_zip", f"The archive cannot be read: {error}") from error
