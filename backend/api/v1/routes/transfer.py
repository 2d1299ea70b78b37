"""Exports and imports: tasks as files."""

from collections.abc import AsyncIterator
from typing import Annotated, BinaryIO, NamedTuple

from fastapi import APIRouter, Depends, Query
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from backend.api.dependencies import CallerDep, Identity, Owner
from backend.api.openapi import problems
from backend.api.responses import nothing, plain
from backend.api.scopes import scoped
from backend.auth.principal import Caller, Principal
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


class _By(NamedTuple):
    """Who asks, and from where: for the audit log."""

    who: Principal
    caller: Caller


async def _by(who: Identity, caller: CallerDep) -> _By:
    return _By(who, caller)


Service = Annotated[Transfers, Depends(_service)]
By = Annotated[_By, Depends(_by)]


async def _export(
    request: Request, transfers: Service, owner: Owner, by: By, query: Annotated[ExportQuery, Query()]
) -> AsyncIterator[AsyncIterator[bytes]]:
    if request.scope["state"].get("head"):
        yield nothing()
        return
    async with transfers.export(owner, query.format, by.caller, by.who.grant_id) as pieces:
        yield pieces


async def _uploaded(request: Request, transfers: Service, owner: Owner) -> AsyncIterator[BinaryIO]:
    """The file, on disk where it is large. It is read here, so that nobody uploads who may not."""
    if not request.headers.get("Content-Type", "").startswith("multipart/form-data"):
        raise HTTPException(415)
    with transfers.upload(owner):
        async with request.form(max_files=1, max_fields=0) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise InvalidInput([Fault("file", "file_required", "Send the file as the field `file`")])
            yield file.file


# An export is over when the answer has been sent, or its reader has gone; an import when the route returns.
Pieces = Annotated[AsyncIterator[bytes], Depends(_export, scope="request")]
Uploaded = Annotated[BinaryIO, Depends(_uploaded, scope="function")]

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
    transfers: Service, owner: Owner, by: By, file: Uploaded, query: Annotated[ImportQuery, Query()]
) -> Response:
    """Take a file of tasks in, or tell what would become of it. The same file again adds nothing."""
    report = await transfers.take_in(
        owner, query.format, file, dry_run=query.dry_run, caller=by.caller, grant_id=by.who.grant_id
    )
    return plain(report)
