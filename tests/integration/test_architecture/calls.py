"""What one of two users may send: any operation, with whose ids. What is not said is drawn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st

from tests.integration.test_architecture.actors import Actor
from tests.integration.test_architecture.files import IN_FILES, all_places_of_ids, file_with
from tests.integration.test_architecture.operations import NAMED, OPERATIONS, Operation, request_of
from tests.integration.test_architecture.places import Place, Request, parameter_of, with_id, with_mark

OWN, WITH_OWN = "own ids", "own ids and one more"
THEIRS = "an id of the other's"
ANYTHING = "anything"

USER = Place("path", ("user_id",))

MALFORMED = (
    "nope",
    "1",
    "' OR true --",
    "0192f3c1-b2a4-7d10-8000-3b5d2f1c9e0",
    "{0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01}",
)
HEADERS: tuple[Mapping[str, str], ...] = ({}, {}, {"If-Match": '"1"'}, {"If-Match": "*"}, {"If-None-Match": "*"})
KINDS = ("own", "own", "theirs", "theirs", "of anything of theirs", "nobody's", "malformed")

type Make = Callable[[Actor, str], str]
"""Makes somebody a new object of a kind."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation, and whose ids go with it."""

    operation: Operation
    whose: str

    def __str__(self) -> str:
        return f"{self.operation} with {self.whose}"


@dataclass(slots=True)
class Sent:
    """A call as it is sent: `ids` are those in the path."""

    ids: dict[str, str]
    request: Request
    headers: Mapping[str, str] = field(default_factory=dict)


def calls() -> Iterator[Call]:
    """Every operation with one's own ids, with the other's, and with any, in each way that there is for it."""
    for operation in OPERATIONS:
        yield Call(operation, OWN)
        yield Call(operation, ANYTHING)
        if any(place.where != "path" for place in all_places_of_ids(operation)):
            yield Call(operation, WITH_OWN)
        if takes_ids(operation):
            yield Call(operation, THEIRS)


def takes_ids(operation: Operation) -> bool:
    """Whether it can be asked about what is somebody else's."""
    return bool(_places_of_theirs(operation))


def _places_of_theirs(operation: Operation) -> list[Place]:
    places = [place for place in all_places_of_ids(operation) if place != Place("path", ("path",))]
    return places or ([USER] if "user_id" in operation.parameters else [])


class Drawn:
    """Draws what is sent in a call. `make` makes objects; when `anew`, one's own are all made for it."""

    def __init__(self, data: st.DataObject, me: Actor, other: Actor, make: Make) -> None:
        self._data = data
        self._me = me
        self._other = other
        self._make = make

    def sent(self, call: Call, *, anew: bool) -> Sent:
        """A request that is good but for the ids that the call says, and what it leaves open."""
        operation = call.operation
        named = {name: self._own(name, anew=True) for name in NAMED.get(operation.name, {}).values()}
        request = with_mark(operation, dict(request_of(operation, self._me.client, named)), self._me.client.mark)
        sent = Sent({}, request)
        for place, value in self._ids(call, anew=anew).items():
            if place.where == "path":
                sent.ids[place.way[0]] = value
            elif place.where == "file":
                sent.request = {"files": {"file": ("tasks.json", file_with(place, value, self._me.client.mark))}}
            else:
                sent.request = with_id(operation, sent.request, place, value)
        if "user_id" in operation.parameters:
            sent.ids.setdefault("user_id", self._draw(("me", str(self._me.client.user_id)), "user_id"))
        if call.whose == ANYTHING:
            sent.headers = self._draw(HEADERS, "headers")
        return sent

    def _ids(self, call: Call, *, anew: bool) -> dict[Place, str]:
        places = all_places_of_ids(call.operation)
        others = [place for place in places if place.where != "path"]
        if call.whose == ANYTHING:
            return self._any_ids(call.operation, places)
        ids = {place: self._own(_kind(call.operation, place), anew=anew) for place in places if place.where == "path"}
        if call.whose == WITH_OWN:
            place = self._draw(others, "where one's own")
            ids[place] = self._own(_kind(call.operation, place), anew=anew)
        if call.whose == THEIRS:
            place = self._draw(_places_of_theirs(call.operation), "where the other's")
            ids[place] = self._theirs(call.operation, place)
        return ids

    def _any_ids(self, operation: Operation, places: Sequence[Place]) -> dict[Place, str]:
        ids = {
            place: self._any(place)
            for place in places
            if place.where == "path" or self._data.draw(st.booleans(), f"whether there is an id in {place}")
        }
        if "user_id" in operation.parameters:
            users = ("me", "me", "me", *(str(who.client.user_id) for who in (self._me, self._other)), str(uuid4()))
            ids[USER] = self._draw((*users, "nope"), "user_id")
        return ids

    def _any(self, place: Place) -> str:
        whose = self._draw(KINDS, f"whose id in {place}")
        name = place.way[-1] if place.where == "path" else self._draw(sorted(self._me.ids), "of what")
        pools: Mapping[str, Callable[[], Sequence[str]]] = {
            "own": lambda: self._me.ids.get(name) or sorted(self._me.has()),
            "theirs": lambda: self._other.ids.get(name) or sorted(self._other.has()),
            "of anything of theirs": lambda: sorted(self._other.has()),
            "nobody's": lambda: [str(uuid4())],
            "malformed": lambda: MALFORMED,
        }
        return str(self._draw(pools[whose](), "which one"))

    def _own(self, kind: str, *, anew: bool) -> str:
        kind = kind.removeprefix("another ")
        there = [] if anew else self._me.own(kind)
        return self._draw(there, f"which {kind}") if there else self._make(self._me, kind)

    def _theirs(self, operation: Operation, place: Place) -> str:
        if place == USER:
            return str(self._other.client.user_id)
        kind = _kind(operation, place)
        there = self._other.own(kind)
        return self._draw(there, f"which {kind} of theirs") if there else self._make(self._other, kind)

    def _draw(self, values: Sequence[Any], label: str) -> Any:
        # By number: what is drawn must not depend on ids, which are others each time.
        return values[self._data.draw(st.integers(0, 9), label) % len(values)]


def _kind(operation: Operation, place: Place) -> str:
    return (IN_FILES.get(place) or parameter_of(operation, place)).removeprefix("another ")
