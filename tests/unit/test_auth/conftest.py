"""Other issuers whom we trust, and the clock by which their key sets grow old."""

from collections.abc import AsyncIterator

import pytest

from backend.auth import jwks
from backend.auth.issuers import Issuers
from backend.config.issuers import TrustedIssuer
from tests.factories.applications import FRONTEND, FRONTEND_SECRET
from tests.factories.issuers import KeyServer
from tests.unit.test_auth.issuing import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(jwks, "monotonic", clock)
    return clock


@pytest.fixture
async def issuers(server: KeyServer) -> AsyncIterator[Issuers]:
    """Those of a frontend, with the key set of the test's `server`."""
    trusted = TrustedIssuer(issuer=FRONTEND, jwks_url=server.url, audience=FRONTEND)
    issuers = Issuers([trusted], {FRONTEND: FRONTEND_SECRET})
    yield issuers
    await issuers.close()
