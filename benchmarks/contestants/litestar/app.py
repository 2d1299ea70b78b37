"""Litestar + Advanced Alchemy: a service on a repository, msgspec structs, the framework's own JWT authentication.

    python -m uvicorn app:app --host $HOST --port $PORT --loop uvloop --http httptools

uvicorn reads WEB_CONCURRENCY itself; the application reads DATABASE_URL and JWT_SECRET.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from advanced_alchemy.base import DefaultBase
from advanced_alchemy.extensions.litestar import (
    AsyncSessionConfig,
    EngineConfig,
    SQLAlchemyAsyncConfig,
    SQLAlchemyPlugin,
    filters,
    providers,
    repository,
    service,
)
from advanced_alchemy.mixins import AuditColumns
from litestar import Controller, Litestar, Request, Response, get, patch, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, HTTPException, NotFoundException
from litestar.params import FromPath, HeaderParameter, QueryParameter
from litestar.security.jwt import JWTAuth, Token
from sqlalchemy import String, Text, make_url, tuple_
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

Priority = Literal["none", "low", "medium", "high"]
Title = Annotated[str, msgspec.Meta(max_length=255)]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match")]


class TaskModel(AuditColumns, DefaultBase):
    __tablename__ = "tasks"

    # Not UUIDv7AuditBase, which reads a sentinel column that the shared table does not have.
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(default=1)
    title: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    completed: Mapped[bool] = mapped_column(default=False)
    completed_at: Mapped[datetime | None]
    priority: Mapped[str] = mapped_column(Text, default="none")
    due_date: Mapped[date | None]


class TaskService(service.SQLAlchemyAsyncRepositoryService[TaskModel]):
    class Repository(repository.SQLAlchemyAsyncRepository[TaskModel]):
        model_type = TaskModel

    repository_type = Repository


class Task(msgspec.Struct):
    id: UUID
    user_id: UUID
    version: int
    title: str
    description: str | None
    completed: bool
    completed_at: datetime | None
    priority: Priority
    due_date: date | None
    created_at: datetime
    updated_at: datetime


class TaskWrite(msgspec.Struct, forbid_unknown_fields=True):
    def __post_init__(self) -> None:
        if isinstance(self.title, str):
            self.title = self.title.strip()
            if not self.title:
                raise ValueError("title: Expected `str` of length >= 1")


class TaskCreate(TaskWrite):
    title: Title
    description: str | None = None
    priority: Priority = "none"
    due_date: date | None = None


class TaskUpdate(TaskWrite):
    title: Title | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType | None = msgspec.UNSET
    completed: bool | msgspec.UnsetType = msgspec.UNSET
    priority: Priority | msgspec.UnsetType = msgspec.UNSET
    due_date: date | msgspec.UnsetType | None = msgspec.UNSET


class TaskComplete(msgspec.Struct, forbid_unknown_fields=True):
    completed: bool = True


class TaskController(Controller):
    path = "/api/v1/users/me/tasks"
    dependencies = {"tasks": providers.create_service_provider(TaskService)}

    @get()
    async def list_tasks(
        self,
        request: Request[UUID, Token, None],
        tasks: NamedDependency[TaskService],
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, QueryParameter()] = None,
        completed: Annotated[bool | None, QueryParameter()] = None,
    ) -> Response[list[Task]]:
        where = [TaskModel.user_id == request.user]
        if completed is not None:
            where.append(TaskModel.completed == completed)
        if cursor is not None:
            where.append(tuple_(TaskModel.created_at, TaskModel.id) < decode_cursor(cursor))
        newest_first = [TaskModel.created_at.desc(), TaskModel.id.desc()]
        rows = await tasks.get_many(*where, filters.LimitOffset(limit + 1, 0), order_by=newest_first)
        headers = {}
        if len(rows) > limit:
            rows = rows[:limit]
            following = urlencode({**request.query_params.dict(), "cursor": encode_cursor(rows[-1])}, doseq=True)
            headers["Link"] = f'<{request.url.path}?{following}>; rel="next"'
        return Response(tasks.to_schema(rows, schema_type=Task).items, headers=headers)

    @get("/{task_id:uuid}")
    async def get_task(
        self, request: Request[UUID, Token, None], tasks: NamedDependency[TaskService], task_id: FromPath[UUID]
    ) -> Response[Task]:
        task = await tasks.get_one_or_none(id=task_id, user_id=request.user)
        if task is None:
            raise NotFoundException
        return answer(tasks, task)

    @post()
    async def create_task(
        self, request: Request[UUID, Token, None], tasks: NamedDependency[TaskService], data: TaskCreate
    ) -> Response[Task]:
        values = {**msgspec.structs.asdict(data), "user_id": request.user}
        # All values are made here, so there is nothing to read back.
        task = await tasks.create(values, auto_commit=True, auto_refresh=False)
        return answer(tasks, task, Location=f"{request.url.path}/{task.id}")

    @patch("/{task_id:uuid}")
    async def update_task(
        self,
        request: Request[UUID, Token, None],
        tasks: NamedDependency[TaskService],
        task_id: FromPath[UUID],
        data: TaskUpdate,
        if_match: IfMatch = None,
    ) -> Response[Task]:
        sent = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
        return await change(tasks, task_id, request.user, sent, if_match)

    @patch("/{task_id:uuid}/complete")
    async def complete_task(
        self,
        request: Request[UUID, Token, None],
        tasks: NamedDependency[TaskService],
        task_id: FromPath[UUID],
        data: TaskComplete | None = None,
        if_match: IfMatch = None,
    ) -> Response[Task]:
        return await change(tasks, task_id, request.user, {"completed": data is None or data.completed}, if_match)


async def change(
    tasks: TaskService, task_id: UUID, user_id: UUID, sent: dict[str, object], if_match: str | None
) -> Response[Task]:
    task = await tasks.get_one_or_none(id=task_id, user_id=user_id, with_for_update=True)
    if task is None:
        raise NotFoundException
    if if_match is not None and if_match not in ("*", f'"{task.version}"'):
        raise HTTPException("The task has changed", status_code=412)
    if "completed" in sent and sent["completed"] != task.completed:
        sent["completed_at"] = datetime.now(UTC) if sent["completed"] else None
    for name, value in sent.items():
        setattr(task, name, value)
    task.version += 1
    task.updated_at = datetime.now(UTC)
    return answer(tasks, await tasks.update(task, auto_commit=True, auto_refresh=False))


def answer(tasks: TaskService, task: TaskModel, **headers: str) -> Response[Task]:
    return Response(tasks.to_schema(task, schema_type=Task), headers={"ETag": f'"{task.version}"', **headers})


def encode_cursor(task: TaskModel) -> str:
    return urlsafe_b64encode(f"{task.created_at.isoformat()} {task.id}".encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        created_at, _, task_id = urlsafe_b64decode(cursor).decode().partition(" ")
        return datetime.fromisoformat(created_at), UUID(task_id)
    except ValueError as error:
        raise ClientException("Invalid cursor") from error


@get("/health/live", exclude_from_auth=True)
async def live() -> dict[str, str]:
    return {"status": "ok"}


async def retrieve_user(token: Token, _: ASGIConnection) -> UUID | None:
    try:
        return UUID(token.sub)
    except ValueError:
        return None


authentication = JWTAuth[UUID](
    retrieve_user_handler=retrieve_user,
    token_secret=os.environ["JWT_SECRET"],
    accepted_audiences=["donewell"],
    accepted_issuers=["donewell"],
)
alchemy = SQLAlchemyAsyncConfig(
    connection_string=make_url(os.environ["DATABASE_URL"])
    .set(drivername="postgresql+asyncpg")
    .render_as_string(hide_password=False),
    engine_config=EngineConfig(pool_size=10, max_overflow=0),
    session_config=AsyncSessionConfig(expire_on_commit=False),
)
app = Litestar(
    [TaskController, live],
    plugins=[SQLAlchemyPlugin(config=alchemy)],
    on_app_init=[authentication.on_app_init],
    openapi_config=None,
)
