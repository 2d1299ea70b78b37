"""Who issues tokens: we, and other issuers by each algorithm. A token is forged against all of them alike."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from backend.auth.jwt_handler import AUDIENCE, ISSUER, TOKEN_TYPE
from backend.auth.keys import Key
from tests.factories.applications import FRONTEND, FRONTEND_SECRET, SECRET
from tests.factories.issuers import SigningKey, claims_of, public_forms, signing_key

USER = UUID("0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01")
SESSION = UUID("0192f3c1-b2a4-7d10-8000-3b5d2f1c9e02")
SUBJECT = "sJ4IsawrFA69IFIAgvzaVC7Gi007wlBM"

type Whose = Literal["ours", "another's"]


@dataclass(frozen=True)
class Issuing:
    """An issuer's key and what its good tokens say."""

    whose: Whose
    key: SigningKey
    header: Mapping[str, Any]
    good: Mapping[str, Any]

    def claims(self, **others: Any) -> dict[str, Any]:
        """Those of a good token, but for the others; `...` leaves one out."""
        return claims_of(**{**self.good, **others})

    def token(self, payload: Any = None, **header: Any) -> str:
        """A token that the issuer's key signs; a good one, if nothing else is said."""
        return self.key.token(self.claims() if payload is None else payload, **{**self.header, **header})

    def forged(self, key: SigningKey, **header: Any) -> str:
        """What a good token says, signed with another key under the name of the right one."""
        return key.token(self.claims(), **{"kid": self.key.kid, **self.header, **header})

    def known_secrets(self) -> Sequence[bytes]:
        """What everybody knows and a careless verifier may take for a secret: the public key in all its forms."""
        known = [b"", b"null", b"secret", self.key.kid.encode()]
        return known if self.key.algorithm == "HS256" else [*known, *public_forms(self.key)]


ED25519 = signing_key("EdDSA", "ours").private
PEM = ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ACCESS = {"issuer": ISSUER, "audience": AUDIENCE, "subject": str(USER), "jti": "a3f1", "sid": str(SESSION)}
OURS = Issuing("ours", SigningKey("HS256", SECRET.encode(), Key.parse(SECRET).id), {"typ": TOKEN_TYPE}, ACCESS)
OURS_ED25519 = Issuing("ours", SigningKey("EdDSA", ED25519, Key.parse(PEM).id), {"typ": TOKEN_TYPE}, ACCESS)
BETTER_AUTH = {"issuer": FRONTEND, "audience": FRONTEND, "subject": SUBJECT, "name": "Ada"}
SHARED = Issuing("another's", SigningKey("HS256", FRONTEND_SECRET.encode()), {"kid": ...}, BETTER_AUTH)
KEYED = {name: Issuing("another's", signing_key(name), {}, BETTER_AUTH) for name in ("EdDSA", "ES256", "RS256")}

ISSUERS: dict[str, Issuing] = {"ours": OURS, "ours with EdDSA": OURS_ED25519, "shared secret": SHARED, **KEYED}


def soon(seconds: float) -> float:
    return int(time.time()) + seconds


class Clock:
    """The monotonic clock of the key sets, which stands until it is set forward."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now
