"""Exports and imports: tasks as files."""

from collections.abc import AsyncIterator
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, Query
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from backend.api.dependencies import Owner
from backend.api.openapi import problems
from backend.api.responses import plain
from backend.api.scopes import scoped
from backend.domain.errors import Fault, InvalidInput
from backend.formats import FORMATS
from backend.schemas.transfer import ExportQuery, ImportQuery, ImportReport
from backend.services.transfer import TransferInProgress, Transfers

_MULTIPART = {
    "description": "A file",
    "type": "object",
    "required": ["file"],
    "examples": [{"file": '{"format": "donewell", "version": 1, "tasks": [{"title": "Water the plants"}]}'}],
    "properties": {"file": {"type": "string", "format": "binary", "description": "At most 32 MiB"}},
}

_FILES = {
    form.media_type: {"schema": {"type": "string", "examples": [f"a file of type {form.media_type}"]}}
    for form in FORMATS.values()
    if form.writer is not None
} | {"application/json": {"schema": {"type": "object", "examples": [{"format": "donewell", "version": 1}]}}}


async def _service(request: Request) -> Transfers:
    service: Transfers = request.app.state.transfers
    return service


Service = Annotated[Transfers, Depends(_service)]


async def _export(
    transfers: Service, owner: Owner, query: Annotated[ExportQuery, Query()]
) -> AsyncIterator[AsyncIterator[bytes]]:
    async with transfers.export(owner, query.format) as pieces:
        yield pieces


async def _uploaded(request: Request, _: Owner) -> AsyncIterator[BinaryIO]:
    """The file, on disk where it is large. It is read here, so that nobody uploads who may not."""
    if not request.headers.get("Content-Type", "").startswith("multipart/form-data"):
        raise HTTPException(415)
    async with request.form(max_files=1, max_fields=0) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidInput([Fault("file", "file_required", "Send the file as the field `file`")])
        yield file.file


# It is over when the answer has been sent, or its reader has gone: not when the route returns.
Pieces = Annotated[AsyncIterator[bytes], Depends(_export, scope="request")]
Uploaded = Annotated[BinaryIO, Depends(_uploaded)]

router = APIRouter(prefix="/api/v1/users/{user_id}", tags=["Tasks"], dependencies=[Depends(scoped("transfer"))])


@router.get(
    "/tasks/export",
    response_class=Response,
    responses={
        200: {
            "description": "The file",
            "content": _FILES,
        },
        **problems(400, 401, 403, 429, TransferInProgress),
    },
)
async def export_tasks(pieces: Pieces, query: Annotated[ExportQuery, Query()]) -> Response:
    """Read all of one's tasks as a file, with their projects, labels and filters. The trash is not in it."""
    return StreamingResponse(
        pieces,
        media_type=FORMATS[query.format].media_type,
        headers={"Content-Disposition": f'attachment; filename="tasks.{query.format}"'},
    )


@router.post(
    "/import",
    response_model=ImportReport,
    responses=problems(400, 401, 403, 429, TransferInProgress),
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _MULTIPART}}}},
)
async def import_tasks(
    transfers: Service, owner: Owner, file: Uploaded, query: Annotated[ImportQuery, Query()]
) -> Response:
    """Take a file of tasks in, or tell what would become of it. The same file again adds nothing."""
    return plain(await transfers.take_in(owner, query.format, file, dry_run=query.dry_run))
