"""What requests and responses have in common."""

from pydantic import BaseModel, ConfigDict


class RequestModel(BaseModel):
    """Input. A field we do not know is refused: silence would look like success."""

    model_config = ConfigDict(extra="forbid")


class ResponseModel(BaseModel):
    """Output. Its fields are the columns that are read, in the order in which they are sent."""

    model_config = ConfigDict(frozen=True)
