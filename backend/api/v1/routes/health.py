"""Health, for load balancers and orchestrators."""

from typing import Literal

from fastapi import APIRouter
from pydantic import ConfigDict
from starlette.requests import Request

from backend.api.openapi import problems
from backend.schemas.base import ResponseModel

router = APIRouter(prefix="/health", tags=["Health"])


class Health(ResponseModel):
    """The server answers, and what was asked about it is well."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"] = "ok"


@router.get("/live", name="get_liveness")
async def live() -> Health:
    """Tell whether the process answers. Says nothing of the database: restarting us would not mend that."""
    return Health()


@router.get("/ready", name="get_readiness", responses=problems())
@router.get("", name="get_health", responses=problems())
async def ready(request: Request) -> Health:
    """Tell whether requests can be served: the database is reachable and migrated."""
    await request.app.state.database.check_ready()
    return Health()
