"""What may be asked of a task's tree."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import Field

from backend.domain.pagination import Place, decode_place, encode_place
from backend.schemas.pagination import PageQuery

_IN_TREE = "t"
_BETWEEN = "/"
"""In no key."""


class TreeQuery(PageQuery):
    """Which page of a tree: how many tasks, and behind which place they begin."""

    # As long as the way to a task: its key, and those of all that it stands in.
    cursor: str | None = Field(None, max_length=2_000, description="From the Link header of the page before")

    def way(self) -> Sequence[str] | None:
        """The keys on the way down from the root to the last task of the page before.

        Raises `InvalidInput` for a cursor that is not of a tree.
        """
        if self.cursor is None:
            return None
        key = decode_place(self.cursor, _IN_TREE, str).key
        return str(key).split(_BETWEEN) if key else []


def encode_way(way: Sequence[str], task_id: UUID) -> str:
    """The cursor of what follows on a task."""
    return encode_place(_IN_TREE, Place(_BETWEEN.join(way), task_id))
