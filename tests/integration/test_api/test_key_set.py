"""`/.well-known/jwks.json`: what others verify our tokens with, and who is still signed in after a rotation."""

from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from backend.auth.jwt_handler import AUDIENCE, ISSUER
from tests.factories.applications import SECRET, running, settings_for
from tests.factories.clients import PASSWORD, Client, client_for
from tests.integration.test_api.answers import LOGIN, ME, answered

KEY_SET = "/.well-known/jwks.json"


async def test_with_a_secret_there_is_nothing_to_tell(anonymous: Client) -> None:
    assert answered(await anonymous.get(KEY_SET)) == {"keys": []}


async def test_nobody_is_signed_out_when_a_key_takes_the_place_of_the_secret(
    owner: Client, database_url: str, tmp_path: Path
) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    # The old secret has become a previous key, beside another one, in the form of the environment.
    keys = {
        "jwt_secret": "0123456789abcdef" * 2,
        "jwt_private_key": pem,
        "jwt_previous_keys": f"{SECRET}, {'91ca70b3d5e2' * 3}",
    }
    settings = settings_for(database_url).model_validate({**settings_for(database_url).model_dump(), **keys})

    async with running(settings, tmp_path / "other.log") as other, client_for(other) as client:
        before = await client.get(ME, headers={"Authorization": owner.headers["Authorization"]})
        tokens = answered(await client.post(LOGIN, json={"email": owner.email, "password": PASSWORD}))
        key_set = await client.get(KEY_SET)

    assert answered(before)["id"] == str(owner.user_id)
    text = tokens["access_token"]
    key = jwt.PyJWKSet.from_dict(answered(key_set))[jwt.get_unverified_header(text)["kid"]]
    assert jwt.decode(text, key, algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER)["sub"] == str(owner.user_id)
    assert key_set.headers["cache-control"] == "public, max-age=300"
