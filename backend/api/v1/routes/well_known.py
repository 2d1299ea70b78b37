"""What others need to know to trust us."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from backend.schemas.sessions import KeySet

router = APIRouter(prefix="/.well-known", tags=["Sign-in"])


@router.get("/jwks.json", name="get_key_set")
async def key_set(request: Request, response: Response) -> KeySet:
    """Read the public keys of access tokens (RFC 7517). The set is empty while they are signed with a secret."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return KeySet(keys=request.app.state.tokens.public_keys())
