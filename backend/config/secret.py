"""The secret of a server that was given none: made once and kept in a file."""

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def kept_secret(path: Path) -> str:
    """The secret in `path`, which the first call makes, readable by its owner alone.

    Raises `OSError` when it can be neither read nor made, and `ValueError` when what is there is none.
    """
    if not path.exists():
        _make(path)
    secret = path.read_text().strip()
    if len(secret) < SECRET_BYTES:
        raise ValueError("too short to be the secret that was made")
    return secret


def _make(path: Path) -> None:
    """Under another name until it is whole: a start that is cut short leaves no secret, not half of one."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
