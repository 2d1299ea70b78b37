"""Errors as clients see them: RFC 9457 problem details."""

from typing import Any

from pydantic import ConfigDict, Field

from backend.schemas.base import ResponseModel


class FaultRead(ResponseModel):
    """One thing wrong with the input."""

    field: str = Field(description="The field at fault, with dots and numbers for what is nested", examples=["title"])
    code: str = Field(examples=["string_too_short"])
    message: str = Field(examples=["String should have at least 1 character"])


class Problem(ResponseModel):
    """What went wrong (RFC 9457). `code` is stable: build on it, and show `detail` or `title` to people."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A URI reference for the kind of problem")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str = Field(description="The path that was asked for")
    code: str
    request_id: str = Field(description="The same as in the X-Request-ID header and in the server's log")


class InputProblem(Problem):
    """The input is at fault."""

    errors: list[FaultRead]


class VersionProblem(Problem):
    """The object has changed meanwhile."""

    current: dict[str, Any] = Field(description="The object as it is now")
