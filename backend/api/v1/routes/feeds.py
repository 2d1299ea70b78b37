"""Calendar feeds: your due tasks, in any program that can subscribe to a calendar."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from backend.api.dependencies import CallerDep, Identity, IfNoneMatch, Owner, PathId
from backend.api.openapi import problems
from backend.api.responses import is_known, many, nothing, plain
from backend.api.scopes import sessions_only
from backend.database.fast_lane import Row
from backend.formats import calendar_feed
from backend.schemas.feeds import FeedCreate, FeedCreated, FeedRead
from backend.schemas.pagination import PageQuery
from backend.services.feed_readings import FeedInProgress
from backend.services.feeds import FeedNotFound, FeedService, TooManyFeeds, find

_EXAMPLE = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Donewell//Tasks//EN\r\n…\r\nEND:VCALENDAR\r\n"


async def _service(request: Request, owner: Owner) -> FeedService:
    return FeedService(request.app.state.database, request.app.state.revocations, owner)


Secret = Annotated[str, Path(description="What makes the address secret")]
Feeds = Annotated[FeedService, Depends(_service)]

# The address of a feed outlasts a personal access token, and reads what its scopes may not.
feeds = APIRouter(
    prefix="/api/v1/users/{user_id}/feeds", tags=["Calendar feeds"], dependencies=[Depends(sessions_only)]
)
public = APIRouter(tags=["Calendar feeds"])


@feeds.get("", response_model=list[FeedRead], responses=problems(400, 401, 403))
async def list_feeds(request: Request, feeds: Feeds, query: Annotated[PageQuery, Query()]) -> Response:
    """List your calendar feeds, the newest first, without their addresses."""
    return many(request, await feeds.list(query.limit, query.position()))


@feeds.post("", status_code=201, response_model=FeedCreated, responses=problems(400, 401, 403, TooManyFeeds))
async def create_feed(feeds: Feeds, who: Identity, body: FeedCreate, caller: CallerDep) -> Response:
    """Make a calendar feed. This answer has its address, and no other ever will."""
    return plain(await feeds.create(who, body, caller), status=201)


@feeds.delete("/{feed_id}", status_code=204, responses=problems(400, 401, 403, FeedNotFound))
async def delete_feed(feeds: Feeds, feed_id: PathId, caller: CallerDep) -> Response:
    """Delete a calendar feed: there is nothing at its address any more."""
    await feeds.delete(feed_id, caller)
    return Response(status_code=204)


async def _found(request: Request, secret: Secret) -> Row:
    return await find(request.app.state.database.fast, secret)


Found = Annotated[Row, Depends(_found)]


def _tag(feed: Row) -> str:
    return f'"{calendar_feed.VERSION}-{feed["revision"]}"'


async def _reading(
    request: Request, feed: Found, known: IfNoneMatch = None
) -> AsyncIterator[AsyncIterator[bytes] | None]:
    """The calendar in pieces, or nothing where its reader has it already."""
    if is_known(_tag(feed), known):
        yield None
    elif request.scope["state"].get("head"):
        yield nothing()
    else:
        async with request.app.state.feed_readings.read(feed) as pieces:
            yield pieces


# It is over when the answer has been sent, or its reader has gone: not when the route returns.
Reading = Annotated[AsyncIterator[bytes] | None, Depends(_reading, scope="request")]


@public.get(
    "/feeds/{secret}.ics",
    response_class=Response,
    responses={
        200: {
            "content": {"text/calendar": {"schema": {"type": "string"}, "example": _EXAMPLE}},
            "description": "The calendar",
        },
        **problems(FeedNotFound, 429, FeedInProgress),
    },
)
async def read_feed(feed: Found, pieces: Reading) -> Response:
    """Read a calendar feed: open tasks with a due date, as iCalendar (RFC 5545). The address is all that it takes."""
    if pieces is None:
        return Response(status_code=304, headers={"ETag": _tag(feed)})
    return StreamingResponse(
        pieces,
        # A browser that saves it takes the name from here, and not from the address, which is a secret.
        headers={"ETag": _tag(feed), "Content-Disposition": 'attachment; filename="tasks.ics"'},
        media_type=calendar_feed.MEDIA_TYPE,
    )


router = APIRouter()
router.include_router(feeds)
router.include_router(public)
