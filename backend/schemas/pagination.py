"""What every list takes in its query string."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from backend.domain.pagination import Place, Position, decode_cursor, decode_place
from backend.schemas.base import RequestModel
from backend.utils.validators import PlainNumber

DEFAULT_PAGE = 50
LARGEST_PAGE = 200

IN_ORDER = "p"
"""What the cursors of lists by `position` begin with."""


class PageQuery(RequestModel):
    """Which page of a list: how many rows, and where they begin. Resources add their filters to it."""

    model_config = ConfigDict(frozen=True)

    limit: Annotated[int, PlainNumber] = Field(DEFAULT_PAGE, ge=1, le=LARGEST_PAGE, description="How many at most")
    cursor: str | None = Field(None, max_length=200, description="From the Link header of the page before")

    def position(self) -> Position | None:
        """Where the page begins. Raises `InvalidInput` for a cursor that is not ours."""
        return None if self.cursor is None else decode_cursor(self.cursor)

    def filters(self) -> dict[str, object]:
        """What else was asked for: the fields that rows must equal."""
        return self.model_dump(exclude={"limit", "cursor"}, exclude_none=True)


class OrderedPageQuery(PageQuery):
    """Which page of a list whose rows have an order of their own."""

    sort: Literal["position"] | None = Field(None, description="In the order of `position`; absent, the newest first")

    def place(self) -> Place | None:
        """Where the page begins, in the rows' own order. Raises `InvalidInput` for a cursor that is not of it."""
        return None if self.cursor is None else decode_place(self.cursor, IN_ORDER, str)

    def filters(self) -> dict[str, object]:
        return self.model_dump(exclude={"limit", "cursor", "sort"}, exclude_none=True)
