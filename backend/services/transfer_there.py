"""What is there of what a batch of a file speaks of: found in the database, or made by the import itself."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from backend.database.fast_lane import Lane
from backend.formats.items import Item, Kind
from backend.services import transfer_statements as sql
from backend.services.transfer_values import Refused, values_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: the project that it is in, how deep it stands, and whether it was deleted."""

    id: UUID
    project_id: UUID | None = None
    depth: int = 1
    trashed: bool = False


def only_name(item: Item) -> str | None:
    """The name of a project of which the file knows nothing else: any project of that name is meant."""
    if item.kind != "project" or dict(item.fields) != {"name": item.source}:
        return None
    with suppress(Refused):
        return str(values_of(item)["name"])
    return None


@dataclass(slots=True)
class There:
    """Places by their ids, labels and projects by their names, in whatever capitals.

    What is small letters is for the database to say, which holds names to be the same by that.
    """

    places: dict[tuple[Kind, UUID], Place] = field(default_factory=dict)
    _folded: dict[str, str] = field(default_factory=dict)
    _labels: dict[str, str] = field(default_factory=dict)
    _projects: dict[str, UUID] = field(default_factory=dict)

    async def find(self, lane: Lane, owner: UUID, kind: Kind, ids: Collection[UUID]) -> None:
        """Look up what is there, or was, of these ids."""
        rows = await lane.fetch(sql.KNOWN[kind], {"owner": owner, "ids": list(map(str, ids))})
        self.places |= {(kind, row["id"]): Place(**row) for row in rows}

    async def find_projects(self, lane: Lane, owner: UUID, names: Sequence[str]) -> set[UUID]:
        """Look up the projects of these names. Gives their ids."""
        if not names:
            return set()
        rows = await lane.fetch(sql.PROJECTS_NAMED, {"owner": owner, "names": list(names)})
        self._folded |= {row["given"]: row["folded"] for row in rows}
        found = {row["folded"]: row["found"] for row in rows if row["found"] is not None}
        self._projects |= found
        return set(found.values())

    async def find_labels(self, lane: Lane, owner: UUID, names: Sequence[str]) -> None:
        """Look up the labels of these names."""
        if names:
            rows = await lane.fetch(sql.LABELS_NAMED, {"owner": owner, "names": list(names)})
            self._folded |= {row["given"]: row["folded"] for row in rows}
            self._labels |= {row["folded"]: row["found"] for row in rows if row["found"] is not None}

    def add(self, kind: Kind, place: Place, new: Mapping[str, Any]) -> None:
        """Note what is there from now on."""
        self.places[kind, place.id] = place
        if kind == "project" and (folded := self._folded.get(new["name"])) is not None:
            self._projects.setdefault(folded, place.id)

    def project(self, name: str | None) -> Place | None:
        """The project of a name that was looked up, if it is there."""
        found = None if name is None else self._projects.get(self._folded[name])
        return None if found is None else self.places.get(("project", found))

    def spell(self, name: str) -> tuple[str, bool]:
        """How the label of a name that was looked up spells it, and whether there was none: from now on there is."""
        folded = self._folded[name]
        missing = folded not in self._labels
        return self._labels.setdefault(folded, name), missing
