"""Calendar feeds: your due tasks, in any program that can subscribe to a calendar."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from backend.api.dependencies import CallerDep, Identity, IfNoneMatch, Owner, PathId
from backend.api.openapi import problems
from backend.api.responses import many, plain
from backend.api.scopes import sessions_only
from backend.database.fast_lane import Row
from backend.formats import calendar_feed
from backend.schemas.feeds import FeedCreate, FeedCreated, FeedRead
from backend.schemas.pagination import PageQuery
from backend.services.feeds import FeedNotFound, FeedService, TooManyFeeds, due_tasks, find

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


@public.get(
    "/feeds/{secret}.ics",
    response_class=Response,
    responses={
        200: {
            "content": {"text/calendar": {"schema": {"type": "string"}, "example": _EXAMPLE}},
            "description": "The calendar",
        },
        **problems(FeedNotFound),
    },
)
async def read_feed(request: Request, secret: Secret, known: IfNoneMatch = None) -> Response:
    """Read a calendar feed: open tasks with a due date, as iCalendar (RFC 5545). The address is all that it takes."""
    lane = request.app.state.database.fast
    feed = await find(lane, secret)
    headers = {"ETag": f'"{calendar_feed.VERSION}-{feed["revision"]}"', "Cache-Control": "private, no-cache"}
    if known is not None and headers["ETag"] in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
        return Response(status_code=304, headers=headers)
    # What can go wrong with it does so before the answer begins.
    beginning = calendar_feed.beginning(feed["name"])
    pages = due_tasks(lane, feed)
    first = await anext(pages, None) or ()
    content = _content(beginning, first, pages)
    return StreamingResponse(content, headers=headers, media_type=calendar_feed.MEDIA_TYPE)


async def _content(
    beginning: bytes, first: Sequence[Row], others: AsyncGenerator[Sequence[Row]]
) -> AsyncGenerator[bytes]:
    zones: set[str] = set()
    async with aclosing(others):
        yield beginning + await asyncio.to_thread(calendar_feed.events, first, zones)
        async for rows in others:
            yield await asyncio.to_thread(calendar_feed.events, rows, zones)
    yield calendar_feed.END


router = APIRouter()
router.include_router(feeds)
router.include_router(public)
