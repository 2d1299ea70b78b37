"""FastAPI + SQLModel, written as their documentation says.

    python -m uvicorn app:app --host $HOST --port $PORT --loop uvloop --http httptools

uvicorn reads WEB_CONCURRENCY itself; the application reads DATABASE_URL and JWT_SECRET.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

import jwt
from fastapi import Body, Depends, FastAPI, Header, HTTPException, Query, Request, Response, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import ConfigDict, StringConstraints
from sqlalchemy import DateTime, String, make_url, tuple_
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid6 import uuid7

JWT_SECRET = os.environ["JWT_SECRET"]

Priority = Literal["none", "low", "medium", "high"]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


def now() -> datetime:
    return datetime.now(UTC)


class Task(SQLModel, table=True):
    __tablename__ = "tasks"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    version: int = 1
    title: str = Field(max_length=255)
    description: str | None = None
    completed: bool = False
    completed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    priority: Priority = Field(default="none", sa_type=String)
    due_date: date | None = None
    created_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))
    updated_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))


class TaskCreate(SQLModel):
    model_config = ConfigDict(extra="forbid")

    title: Title
    description: str | None = None
    priority: Priority = "none"
    due_date: date | None = None


class TaskUpdate(SQLModel):
    model_config = ConfigDict(extra="forbid")

    # None is not allowed for these; unset is, since defaults are not validated.
    title: Title = None
    completed: bool = None
    priority: Priority = None
    description: str | None = None
    due_date: date | None = None


class TaskComplete(SQLModel):
    model_config = ConfigDict(extra="forbid")

    completed: bool = True


class TaskPublic(SQLModel):
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


engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg"), pool_size=10, max_overflow=0
)


async def get_session() -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session:
        yield session


async def get_current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> UUID:
    try:
        payload = jwt.decode(
            credentials.credentials, JWT_SECRET, algorithms=["HS256"], audience="donewell", issuer="donewell"
        )
        return UUID(payload["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError) as error:
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED, "Could not validate credentials", {"WWW-Authenticate": "Bearer"}
        ) from error


SessionDep = Annotated[AsyncSession, Depends(get_session)]
CurrentUser = Annotated[UUID, Depends(get_current_user)]
IfMatch = Annotated[str | None, Header()]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/api/v1/users/me/tasks", response_model=list[TaskPublic])
async def read_tasks(
    *,
    session: SessionDep,
    user_id: CurrentUser,
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str | None = None,
    completed: bool | None = None,
):
    statement = select(Task).where(Task.user_id == user_id)
    if completed is not None:
        statement = statement.where(Task.completed == completed)
    if cursor is not None:
        statement = statement.where(tuple_(col(Task.created_at), col(Task.id)) < decode_cursor(cursor))
    statement = statement.order_by(col(Task.created_at).desc(), col(Task.id).desc()).limit(limit + 1)
    tasks = (await session.exec(statement)).all()
    if len(tasks) > limit:
        tasks = tasks[:limit]
        following = request.url.include_query_params(cursor=encode_cursor(tasks[-1]))
        response.headers["Link"] = f'<{following}>; rel="next"'
    return tasks


@app.get("/api/v1/users/me/tasks/{task_id}", response_model=TaskPublic)
async def read_task(*, session: SessionDep, user_id: CurrentUser, task_id: UUID, response: Response):
    task = (await session.exec(select(Task).where(Task.id == task_id, Task.user_id == user_id))).first()
    if not task:
        raise HTTPException(status_code=404, detail="Task not found")
    response.headers["ETag"] = f'"{task.version}"'
    return task


@app.post("/api/v1/users/me/tasks", response_model=TaskPublic, status_code=201)
async def create_task(
    *, session: SessionDep, user_id: CurrentUser, request: Request, response: Response, task: TaskCreate
):
    db_task = Task.model_validate(task, update={"user_id": user_id})
    session.add(db_task)
    await session.commit()
    await session.refresh(db_task)
    response.headers["Location"] = f"{request.url.path}/{db_task.id}"
    response.headers["ETag"] = f'"{db_task.version}"'
    return db_task


@app.patch("/api/v1/users/me/tasks/{task_id}", response_model=TaskPublic)
async def update_task(
    *,
    session: SessionDep,
    user_id: CurrentUser,
    task_id: UUID,
    response: Response,
    task: TaskUpdate,
    if_match: IfMatch = None,
):
    return await change(session, user_id, task_id, task.model_dump(exclude_unset=True), if_match, response)


@app.patch("/api/v1/users/me/tasks/{task_id}/complete", response_model=TaskPublic)
async def complete_task(
    *,
    session: SessionDep,
    user_id: CurrentUser,
    task_id: UUID,
    response: Response,
    task: Annotated[TaskComplete, Body(default_factory=TaskComplete)],
    if_match: IfMatch = None,
):
    return await change(session, user_id, task_id, {"completed": task.completed}, if_match, response)


async def change(
    session: AsyncSession, user_id: UUID, task_id: UUID, task_data: dict, if_match: str | None, response: Response
) -> Task:
    statement = select(Task).where(Task.id == task_id, Task.user_id == user_id).with_for_update()
    db_task = (await session.exec(statement)).first()
    if not db_task:
        raise HTTPException(status_code=404, detail="Task not found")
    if if_match is not None and if_match not in ("*", f'"{db_task.version}"'):
        raise HTTPException(status_code=412, detail="The task has changed")
    if "completed" in task_data and task_data["completed"] != db_task.completed:
        db_task.completed_at = now() if task_data["completed"] else None
    db_task.sqlmodel_update(task_data, update={"version": db_task.version + 1, "updated_at": now()})
    session.add(db_task)
    await session.commit()
    await session.refresh(db_task)
    response.headers["ETag"] = f'"{db_task.version}"'
    return db_task


def encode_cursor(task: Task) -> str:
    return urlsafe_b64encode(f"{task.created_at.isoformat()} {task.id}".encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        created_at, _, task_id = urlsafe_b64decode(cursor).decode().partition(" ")
        return datetime.fromisoformat(created_at), UUID(task_id)
    except ValueError as error:
        raise HTTPException(status_code=400, detail="Invalid cursor") from error
