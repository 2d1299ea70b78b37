"""Saved filters: the rules, for one owner."""

from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from backend.database.fast_lane import FastLane, Row
from backend.domain.errors import NotFound
from backend.domain.pagination import Page
from backend.domain.preconditions import Expected
from backend.models.filters import Filter
from backend.schemas.filters import FilterChanges, FilterCreate, FilterRead
from backend.schemas.moves import MoveAmong
from backend.schemas.pagination import OrderedPageQuery
from backend.services.moves import Moves, move
from backend.services.owned import OwnedRows, OwnedTable

log = structlog.get_logger()


class FilterNotFound(NotFound):
    code = "filter_not_found"
    title = "There is no such filter"


FILTERS = OwnedTable(Filter, FilterRead, missing=FilterNotFound)

_MOVES = Moves(FILTERS, "filters", thing="filter")


class FilterService:
    """One owner's saved filters."""

    def __init__(self, lane: FastLane, owner: UUID) -> None:
        self._lane = lane
        self._owner = owner
        self._filters = OwnedRows(FILTERS, lane, owner)

    async def list(self, query: OrderedPageQuery) -> Page:
        """A page of the filters."""
        return await self._filters.list(query)

    async def get(self, filter_id: UUID) -> Row:
        """The filter. Raises `FilterNotFound`."""
        return await self._filters.get(filter_id)

    async def create(self, new: FilterCreate) -> tuple[Row, bool]:
        """The filter, and whether this call made it. Raises `IdInTrash`."""
        fields = new.model_dump()
        row, created = await self._filters.insert(fields.pop("id", None) or uuid7(), fields)
        if created:
            log.info("filter.created", filter_id=str(row["id"]))
        return row, created

    async def change(self, filter_id: UUID, changes: FilterChanges, expected: Expected) -> Row:
        """The filter after the change. Raises `FilterNotFound` or `PreconditionFailed`."""
        fields = changes.model_dump()
        row, changed = await self._filters.change(filter_id, fields, expected)
        if changed:
            log.info("filter.updated", filter_id=str(filter_id), fields=sorted(fields))
        return row

    async def move(self, filter_id: UUID, asked: MoveAmong, expected: Expected) -> Row:
        """The filter at its new place. Raises `FilterNotFound`, `PreconditionFailed`, or `InvalidInput`."""
        row, moved = await move(_MOVES, self._lane, self._owner, filter_id, asked=asked.model_dump(), expected=expected)
        if moved:
            log.info("filter.moved", filter_id=str(filter_id))
        return row

    async def trash(self, filter_id: UUID, expected: Expected) -> None:
        """Delete the filter, for good. Raises `FilterNotFound` or `PreconditionFailed`."""
        await self._filters.trash(filter_id, expected)
        log.info("filter.deleted", filter_id=str(filter_id))
