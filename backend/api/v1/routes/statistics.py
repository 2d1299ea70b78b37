"""How things stand, and what was done."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from backend.api.dependencies import owned
from backend.api.openapi import problems
from backend.api.responses import plain
from backend.api.scopes import scoped
from backend.schemas.statistics import StatisticsQuery, StatisticsRead
from backend.services.statistics import StatisticsService

Statistics = Annotated[StatisticsService, Depends(owned(StatisticsService))]

router = APIRouter(
    prefix="/api/v1/users/{user_id}/statistics", tags=["Statistics"], dependencies=[Depends(scoped("tasks"))]
)


@router.get("", response_model=StatisticsRead, responses=problems(400, 401, 403))
async def get_statistics(statistics: Statistics, query: Annotated[StatisticsQuery, Query()]) -> Response:
    """Count your tasks by state, and what was completed on each day. Days are those of your time zone."""
    return plain(await statistics.get(query.days))
