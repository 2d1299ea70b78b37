"""Hash counts: how often argon2 is really at work, and at what cost."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from argon2 import extract_parameters
from argon2.low_level import hash_secret, verify_secret

type Hash = tuple[str, int, int, int]
type CountHashes = Callable[[], AbstractContextManager[list[Hash]]]


@pytest.fixture
def count_hashes(monkeypatch: pytest.MonkeyPatch) -> CountHashes:
    """`with count_hashes() as hashes:` collects what argon2 does meanwhile, as (what, KiB, passes, lanes).

    It watches the functions of argon2's C library and fakes nothing.
    """

    @contextmanager
    def counting() -> Iterator[list[Hash]]:
        hashes: list[Hash] = []

        def verify(encoded: bytes, *others: Any, **named: Any) -> Any:
            hashes.append(_hash("verify", encoded))
            return verify_secret(encoded, *others, **named)

        def hash_it(*arguments: Any, **named: Any) -> Any:
            encoded = hash_secret(*arguments, **named)
            hashes.append(_hash("hash", encoded))
            return encoded

        with monkeypatch.context() as patch:
            patch.setattr("argon2._password_hasher.verify_secret", verify)
            patch.setattr("argon2._password_hasher.hash_secret", hash_it)
            yield hashes

    return counting


def _hash(what: str, encoded: bytes) -> Hash:
    cost = extract_parameters(encoded.decode())
    return what, cost.memory_cost, cost.time_cost, cost.parallelism
