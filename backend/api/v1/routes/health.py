"""Health, for load balancers and orchestrators."""

from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request

from backend.api.openapi import problems
from backend.schemas.base import ResponseModel

router = APIRouter(prefix="/health", tags=["Health"])


class Health(ResponseModel):
    """The server answers, and what was asked about it is well."""

    status: Literal["ok"] = "ok"


@router.get("/live", name="get_liveness")
async def live() -> Health:
    """Whether the process answers. Says nothing of the database: restarting us would not mend that."""
    return Health()


@router.get("/ready", name="get_readiness", responses=problems(503))
@router.get("", name="get_health", responses=problems(503))
async def ready(request: Request) -> Health:
    """Whether requests can be served: the database is reachable and migrated."""
    await request.app.state.database.check_ready()
    return Health()
