"""What a file of tasks is made of, whatever its format. Pure.

References are by the file's own ids, and fields have the names and the form that they have in the API: whether they are
valid is for others to say.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from backend.domain.recurrence import Anchor, check
from backend.domain.recurrence_rule import InvalidRule, parse

type Kind = Literal["project", "label", "filter", "task", "occurrence"]
"""What an item is. In this order they come, so that what is referred to is there."""

LONGEST_TITLE = 255
LONGEST_DESCRIPTION = 16_384


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a file. `row` is where it stands there, from 1: a line, or its number among its like."""

    kind: Kind
    row: int
    source: str
    """What the file calls it: other items refer to it by that."""
    fields: Mapping[str, Any]
    parent: str | None = None
    project: str | None = None
    losses: Sequence[str] = ()
    """What the file says of it and we have no place for, by name."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Something in the file that is no item of ours, and is left out."""

    row: int
    name: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is not as the format has it, and is left out."""

    row: int
    code: str
    message: str
    kind: Kind = "task"


type Found = Item | Loss | Unreadable
type Reading = Iterator[Found]


class Broken(Exception):
    """From here on the file cannot be read. `row` is where; 0 is the whole file."""

    def __init__(self, code: str, message: str, row: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.row = row


@dataclass(slots=True)
class Task:
    """A task of another program's, as it is gathered."""

    fields: dict[str, Any] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)

    def set(self, name: str, value: Any) -> None:
        if value not in (None, "", []):
            self.fields[name] = value

    def lose(self, name: str, value: Any = True) -> None:
        """Note that there is something we have no place for, if there is."""
        if value and name not in self.losses:
            self.losses.append(name)

    def title(self, title: str, description: str = "") -> None:
        """A title that is longer than ours may be is cut, and stands whole in front of the description.

        Of a longer description, the end is lost.
        """
        title = title.strip()
        if len(title) > LONGEST_TITLE:
            description = f"{title}\n\n{description}".rstrip()
            title = f"{title[: LONGEST_TITLE - 1]}…"
        self.lose("end of description", len(description) > LONGEST_DESCRIPTION)
        self.fields["title"] = title
        self.set("description", description[:LONGEST_DESCRIPTION])

    def recur(self, rule: str | None, anchor: Anchor = "due") -> None:
        """How it recurs, from its due date; lost where there is none, and where we do not take the rule."""
        start = self.fields.get("due_date")
        self.lose("recurrence", rule is None or start is None)
        if rule is None or start is None:
            return
        try:
            parsed = parse(rule)
            check(parsed, start)
        except InvalidRule:
            self.lose("recurrence")
        else:
            self.fields["recurrence"] = {"rule": str(parsed), "anchor": anchor}


class Sources:
    """Names for what the file gives no id: by what it says, and which of several that say the same."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def name(self, *content: object) -> str:
        digest = sha256("\0".join(map(str, content)).encode()).hexdigest()
        self._seen[digest] += 1
        return f"{digest}-{self._seen[digest]}"
