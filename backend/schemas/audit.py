"""The audit log as its owner sees it."""

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field
from pydantic.config import JsonDict

from backend.schemas.base import ResponseModel

_EXAMPLE: JsonDict = {
    "id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e04",
    "event": "session.opened",
    "grant_id": "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e03",
    "address": "203.0.113.7",
    "device": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "request_id": "0192f3c1b2a47d108000",
    "details": {},
    "created_at": "2027-02-26T08:00:00.000000Z",
}


class AuditEntryRead(ResponseModel):
    """Something that matters to the safety of an account."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    event: str = Field(description="What happened, such as `session.opened`")
    grant_id: UUID | None = Field(description="The session or other grant that it is about")
    address: str | None = Field(description="The client's IP address")
    device: str | None = Field(description="What the client said it is: its User-Agent")
    request_id: str | None
    details: dict[str, Any]
    created_at: AwareDatetime
