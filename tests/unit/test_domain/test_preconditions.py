"""A change is made only to a version that was seen, and a refusal shows the one that is there."""

from typing import Any

import pytest

from backend.domain.errors import PreconditionFailed
from backend.domain.preconditions import Expected, require_version

CURRENT: dict[str, Any] = {"id": "x", "version": 7}


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(None, id="did not say"),
        pytest.param((7,), id="the one"),
        pytest.param((6, 7), id="one of several"),
        pytest.param({7}, id="any collection"),
    ],
)
def test_a_version_that_is_expected_passes(expected: Expected) -> None:
    require_version(CURRENT, expected)


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param((6,), id="older"),
        pytest.param((8,), id="newer"),
        pytest.param((6, 8), id="none of several"),
        pytest.param((), id="only weak tags, which never match"),
    ],
)
def test_another_version_is_refused_with_the_current_object(expected: Expected) -> None:
    with pytest.raises(PreconditionFailed) as refusal:
        require_version(CURRENT, expected)

    assert refusal.value.current == CURRENT
