"""A server that was given no secret makes one, once, and keeps it to itself."""

from pathlib import Path

import pytest

from backend.config.secret import kept_secret
from backend.config.settings import Settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jwt-secret"


def test_a_secret_is_made_once_and_strong_enough_for_the_settings(path: Path) -> None:
    secret = kept_secret(path)

    assert kept_secret(path) == secret
    assert Settings(_env_file=None, jwt_secret=secret).jwt_secret is not None


def test_no_two_servers_make_the_same(tmp_path: Path) -> None:
    assert kept_secret(tmp_path / "one") != kept_secret(tmp_path / "other")


def test_a_secret_is_its_owners_alone_and_nothing_else_is_left_there(path: Path) -> None:
    kept_secret(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_secret_that_is_there_stays(path: Path) -> None:
    path.write_text(" 3f9b2c71e8a04d5f96b1c0d7e2a8453f\n")

    assert kept_secret(path) == "3f9b2c71e8a04d5f96b1c0d7e2a8453f"


def test_what_a_start_that_was_cut_short_left_is_no_obstacle(path: Path) -> None:
    path.with_suffix(".new").write_text("half")

    assert len(kept_secret(path)) >= 32
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "\n", "secret"])
def test_what_is_no_secret_is_neither_used_nor_replaced(path: Path, text: str) -> None:
    path.write_text(text)

    with pytest.raises(ValueError, match="too short"):
        kept_secret(path)
    assert path.read_text() == text


def test_a_folder_that_is_not_there_is_not_made(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kept_secret(path / "secret")
