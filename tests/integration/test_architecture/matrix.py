"""Every operation, asked by everybody, about everybody's objects: the cells of the matrix, and the rule for each."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from uuid import uuid4

import httpx

from backend.api.scopes import offered, scope_of
from backend.auth.feed_secrets import new_secret
from tests.factories.canaries import CANARY
from tests.factories.clients import Client, Person
from tests.factories.issuers import token_of_the_frontend
from tests.integration.test_architecture.credentials import Headers, bearer, signed
from tests.integration.test_architecture.operations import APP, PARAMETERS, PROTECTED, Operation, request_of
from tests.integration.test_architecture.places import (
    Place,
    parameter_of,
    places_of_ids,
    with_id,
)

USER = Place("path", ("user_id",))
OWNERS, STRANGERS, NOBODYS, MALFORMED = "the owner's", "the stranger's", "nobody's", "malformed"
NEWCOMERS = "the newcomer's"
OBJECTS = (OWNERS, STRANGERS, NOBODYS, MALFORMED)
ME = "me"

SCOPES = sorted(offered(APP))

type Ids = tuple[tuple[Place, str], ...]


@dataclass(frozen=True, slots=True)
class World:
    """Two users; the ids of their objects, by path parameter and by whose they are; and who else there is to ask.

    Of two tokens of the owner's, one has every scope, the other every scope but the one that the operation asks for.
    The newcomer has an account elsewhere, is known here by that, and has nothing.
    """

    owner: Client
    stranger: Client
    ids: Mapping[str, Mapping[str, str]]
    token: str
    lesser_token: str
    newcomers_token: str

    @classmethod
    async def make(cls, person: Person, operation: Operation) -> "World":
        """Two new users, each with an object of every kind that the operation takes an id of, or may show."""
        owner, stranger = await person(), await person()
        asked = scope_of(operation.route, operation.method)
        lesser = await _token(owner, [scope for scope in SCOPES if scope != asked])
        newcomer = token_of_the_frontend()
        users = {OWNERS: str(owner.user_id), STRANGERS: str(stranger.user_id), ME: "me"}
        ids = {"user_id": {**users, NEWCOMERS: await _use(owner, newcomer), **_nobodys("user_id")}}
        world = cls(owner, stranger, ids, await _token(owner, SCOPES), lesser, newcomer)
        return await world.with_new_objects(operation)

    async def with_new_objects(self, operation: Operation) -> "World":
        """The same people with other objects."""
        named = {parameter_of(operation, place) for place in places_of_ids(operation)}
        if operation.method == "GET":
            named |= {name for other in PROTECTED for name in other.objects}
        people = {OWNERS: self.owner, STRANGERS: self.stranger}
        ids = {"user_id": self.ids["user_id"]}
        for name in sorted(named):
            ids[name] = {whose: await PARAMETERS[name](client) for whose, client in people.items()} | _nobodys(name)
        return replace(self, ids=ids)


async def _use(client: Client, token: str) -> str:
    """Use a token, so that whose it is is known from now on, and its use is noted; gives the id of who that is."""
    reply = await client.get("/api/v1/users/me", headers=bearer(token))
    return str(reply.json().get("id"))


async def _token(client: Client, scopes: Sequence[str]) -> str:
    """A personal access token of the client's that has been used."""
    made = await client.post("/api/v1/auth/tokens", json={"name": f"Backup {CANARY}", "scopes": scopes})
    token = str(made.json()["token"])
    await _use(client, token)
    return token


def _nobodys(name: str) -> dict[str, str]:
    return {NOBODYS: new_secret() if name == "secret" else str(uuid4()), MALFORMED: "not-an-id"}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who asks. `whose` are the objects that are theirs, if anybody's are.

    `refusal` gives the status and the code that they get whatever they ask an operation about, if they do.
    """

    headers: Callable[[World], Headers]
    whose: str | None = None
    refusal: Callable[[Operation], tuple[int, str] | None] = lambda _: None


def _unless_for_passwords(operation: Operation) -> tuple[int, str] | None:
    """Whoever signs in elsewhere has no session here to end, and no password to change or to give."""
    elsewhere = dict.fromkeys(("logout", "end_other_sessions"), "signed_in_elsewhere")
    code = {**elsewhere, "change_password": "wrong_password", "change_email": "wrong_password"}
    return (403, code[operation.name]) if operation.name in code else None


def _unless_for_sessions(otherwise: tuple[int, str] | None) -> Callable[[Operation], tuple[int, str] | None]:
    """A token is refused where a session is asked for."""

    def refusal(operation: Operation) -> tuple[int, str] | None:
        return otherwise if scope_of(operation.route, operation.method) else (403, "session_required")

    return refusal


SENDERS: Mapping[str, Sender] = {
    "the owner": Sender(lambda world: bearer(world.owner.access_token), OWNERS),
    "the stranger": Sender(lambda world: bearer(world.stranger.access_token), STRANGERS),
    "the owner's token": Sender(lambda world: bearer(world.token), OWNERS, _unless_for_sessions(None)),
    "a token without the scope": Sender(
        lambda world: bearer(world.lesser_token), OWNERS, _unless_for_sessions((403, "insufficient_scope"))
    ),
    "a newcomer of another issuer's": Sender(
        lambda world: bearer(world.newcomers_token), NEWCOMERS, _unless_for_passwords
    ),
    "nobody": Sender(lambda _: {}, refusal=lambda _: (401, "token_missing")),
    "an expired token": Sender(
        lambda world: signed(world.owner, exp=int(time.time()) - 1), refusal=lambda _: (401, "token_expired")
    ),
    # Signed as ours are: nothing but the name is wrong with it.
    "a foreign issuer": Sender(
        lambda world: signed(world.owner, iss="https://issuer.example"), refusal=lambda _: (401, "token_invalid")
    ),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One request: who sends it, and whose ids are where in it. A place that is not named is left as it is."""

    operation: Operation
    sender: str
    ids: Ids

    def __str__(self) -> str:
        ids = ", ".join(f"{place}: {whose}" for place, whose in self.ids)
        return f"{self.operation} from {self.sender}" + (f" with {ids}" if ids else "")

    @property
    def acting(self) -> str | None:
        """Whose rows the request may show or change: the sender's; where nobody is asked, of whom it speaks."""
        whose = SENDERS[self.sender].whose
        if self.operation.protected:
            return whose
        told = [of for _, of in self.ids if of in (OWNERS, STRANGERS)]
        return told[0] if told else STRANGERS if whose == STRANGERS else OWNERS

    @property
    def expected(self) -> tuple[int, str] | None:
        """The status and the end of the code of the refusal; nothing, if it is not refused."""
        who = SENDERS[self.sender]
        if not self.operation.protected:
            # Whoever knows a secret may use it, whosever it is.
            return (404, "not_found") if {NOBODYS, MALFORMED} & set(dict(self.ids).values()) else None
        if refusal := who.refusal(self.operation):
            return refusal
        whose = dict(self.ids)
        if whose.pop(USER, ME) not in (ME, who.whose):
            return 403, "not_yours"
        if MALFORMED in whose.values():
            return 400, "invalid_input"
        if any(place.where == "path" and of != who.whose for place, of in whose.items()):
            return 404, "not_found"
        return None

    @property
    def is_of_ones_own(self) -> bool:
        """Whether nothing is named that is not the sender's, so that the request has to succeed."""
        return self == self.unknowing and NOBODYS not in dict(self.ids).values()

    @property
    def unknowing(self) -> "Cell":
        """The same cell as if what is somebody else's had never existed: it has to be answered the same."""
        if not self.operation.protected:
            return self
        mine = {ME, MALFORMED, SENDERS[self.sender].whose}
        ids = tuple((place, whose if whose in mine else NOBODYS) for place, whose in self.ids)
        return Cell(self.operation, self.sender, ids)


def cells(operation: Operation) -> Iterator[Cell]:
    """Every cell of an operation: all ids in the path with all others, and below one's own with each in query and body.

    Below a path that is not one's own nobody comes to look at those: the stranger's beside nobody's are enough.
    """
    places = places_of_ids(operation)
    users = [((USER, whose),) for whose in (ME, *OBJECTS)] if "user_id" in operation.parameters else [()]
    paths = [[(place, whose) for whose in OBJECTS] for place in places if place.where == "path"]
    others: list[Ids] = [(), *(((place, whose),) for place in places if place.where != "path" for whose in OBJECTS)]
    for sender, user, path, other in product(SENDERS, users, product(*paths), others):
        own = dict(user).get(USER, ME) in (ME, SENDERS[sender].whose)
        if own or not other or other[0][1] in (STRANGERS, NOBODYS):
            yield Cell(operation, sender, (*user, *path, *other))


async def send(
    client: httpx.AsyncClient, world: World, cell: Cell, method: str | None = None
) -> tuple[httpx.Response, list[str]]:
    """The reply to the request of a cell, with another method if need be, and the ids that it has to do with."""
    operation, whose = cell.operation, dict(cell.ids)
    person = world.stranger if cell.acting == STRANGERS else world.owner
    own = {
        name: of.get(cell.acting or OWNERS, of[OWNERS]) for name, of in world.ids.items() if name.startswith("another ")
    }
    request: dict[str, Any] = dict(request_of(operation, person, own))
    path = {name: world.ids[name][whose.get(Place("path", (name,)), OWNERS)] for name in operation.parameters}
    sent = list(path.values())
    for place, of in whose.items():
        if place.where != "path":
            sent.append(world.ids[parameter_of(operation, place)][of])
            request = with_id(operation, request, place, sent[-1])
    headers = {"X-Request-ID": "the-same-request", **SENDERS[cell.sender].headers(world)}
    reply = await client.request(method or operation.method, operation.path.format(**path), headers=headers, **request)
    return reply, [*sent, world.ids["user_id"][cell.acting or OWNERS]]
