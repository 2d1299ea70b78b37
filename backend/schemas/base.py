"""What requests and responses have in common."""

from pydantic import BaseModel, ConfigDict


class RequestModel(BaseModel):
    """Input. A field we do not know is refused: silence would look like success."""

    model_config = ConfigDict(extra="forbid")


class ResponseModel(BaseModel):
    """Output. Its fields are the columns that are read, in the order in which they are sent."""

    # What has a default is sent too, and the schema promises it.
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)
