"""What a filter finds in the database is what it says in plain words, whatever is combined, in any zone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from uuid_utils.compat import uuid7

from backend.database.fast_lane import FastLane, Statement
from backend.domain import filters
from backend.domain.filter_dates import resolve
from backend.domain.filters import And, Comparison, Day, Filter, Flag, Instant, Not, Or, parse
from backend.models.base import metadata
from backend.services.filter_sql import bounds, condition, form, values
from backend.services.owned import OWNER
from tests.factories.clients import Client
from tests.integration.test_api.answers import sql
from tests.unit.test_domain.filter_oracle import ORDERS, holds

NOW = datetime(2027, 3, 27, 23, 30, tzinfo=UTC)  # the night in which Europe's clocks change
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]
LABELS = ["Work", "home", "Äpfel"]
TITLES = ["Water the plants", "water BILL", "100% done_", "Äpfel kaufen", "back\\slash"]
TEXTS = ["water", "WATER the", "%", "_", "\\", "äpfel", "nothing of it", "e"]
TASKS, TREES = 120, 400
COLUMNS = metadata.tables["tasks"].c
INSERT = """
    INSERT INTO tasks (user_id, id, revision, title, description, position, created_at, updated_at, completed_at,
                       priority, start_date, due_date, due_time, time_zone, recurrence_rule, recurrence_anchor,
                       recurrence_start, project_id, parent_id, labels)
    VALUES (:owner, :id, 1, :title, :description, :place, :created, :updated, :completed_at,
            :priority, :start, :due_date, :due_time, :time_zone, :rule, CASE WHEN :recurs THEN 'due' END,
            CASE WHEN :recurs THEN CAST(:due_date AS date) END, :project, :parent, :labels)
"""
NAMED = "INSERT INTO {} (user_id, id, revision, name, position) VALUES (:owner, :id, 1, :name, :place)"


@dataclass(frozen=True)
class World:
    """The tasks of somebody, and how to make filters that may hold of them."""

    zone: str
    random: Random
    projects: Sequence[UUID]
    tasks: list[Mapping[str, Any]]

    def moment(self) -> datetime:
        return NOW + timedelta(hours=self.random.randint(-80, 80), minutes=self.random.choice([0, 0, 30]))

    def maybe[Value](self, value: Value) -> Value | None:
        return self.random.choice([value, value, None])

    def task(self, number: int) -> Mapping[str, Any]:
        random = self.random
        due_date = self.maybe(self.moment().date())
        due_time = self.maybe(self.moment().time()) if due_date else None
        rule = self.maybe("FREQ=DAILY") if due_date and random.random() < 0.3 else None
        return {
            "id": uuid7(),
            "title": random.choice(TITLES),
            "description": self.maybe(random.choice(TITLES)),
            "place": f"a{number:04}",
            "created": self.moment(),
            "updated": self.moment(),
            "completed_at": self.maybe(self.moment()),
            "priority": random.choice(list(filters.Priority)).value,
            "start": self.maybe(self.moment().date()),
            "due_date": due_date,
            "due_time": due_time,
            "time_zone": self.maybe(random.choice(ZONES)) if due_time else None,
            "rule": rule,
            "recurs": rule is not None,
            "project": self.maybe(random.choice(self.projects)),
            "parent": self.maybe(random.choice(self.tasks)["id"]) if self.tasks else None,
            "labels": random.sample(LABELS, random.randint(0, 2)),
        }

    def tree(self, depth: int) -> Filter:
        match self.random.choice(["test"] * 4 + ["not", "and", "or"]) if depth else "test":
            case "not":
                return Not(self.tree(depth - 1))
            case "and":
                return And(tuple(self.tree(depth - 1) for _ in range(self.random.randint(2, 3))))
            case "or":
                return Or(tuple(self.tree(depth - 1) for _ in range(self.random.randint(2, 3))))
        return resolve(parse(self.test()), NOW, ZoneInfo(self.zone))

    def test(self) -> str:
        pick = self.random.choice
        operator = pick(list(ORDERS))
        equality = pick(["=", "!="])
        moment = pick([self.moment().isoformat(), str(self.moment().date()), "now", "today", "-1d", "now + 1d", "+3h"])
        quoted = pick(TEXTS).replace("\\", "\\\\")
        return pick(
            [
                pick(["completed", "overdue", "recurring"]),
                f'{pick(["title", "description"])} ~ "{quoted}"',
                f"priority {operator} {pick(list(filters.Priority))}",
                f"label {equality} {pick(['none', *(f'"{name.swapcase()}"' for name in [*LABELS, 'other'])])}",
                f'label in ("{pick(LABELS)}", "other", "{pick(LABELS).upper()}")',
                f"project {equality} {pick(['none', *self.projects, UUID(int=0)])}",
                f"parent {equality} {pick(['none', *(task['id'] for task in self.tasks[:3])])}",
                f"{pick(['due', 'start', 'completed_at'])} {equality} none",
                f"{pick(get_args(filters.DateField.__value__))} {operator} {moment}",
                f"due {operator} {moment}",
            ]
        )


def meets(task: Mapping[str, Any], tree: Filter) -> bool:
    """Whether a task meets a resolved filter, said plainly."""
    match tree:
        case Flag(name):
            return task["completed_at" if name == "completed" else "rule"] is not None
        case Not(term):
            return not meets(task, term)
        case And(terms):
            return all(meets(task, term) for term in terms)
        case Or(terms):
            return any(meets(task, term) for term in terms)
        case Comparison(field, operator, value):
            return COMPARED.get(field, _by_moment)(task, field, operator, value)


def _by_text(task: Mapping[str, Any], field: str, _: str, value: Any) -> bool:
    return value.lower() in (task[field] or "").lower()


def _by_priority(task: Mapping[str, Any], _: str, operator: str, value: Any) -> bool:
    order = list(filters.Priority)
    return ORDERS[operator](order.index(task["priority"]), order.index(value))


def _by_label(task: Mapping[str, Any], _: str, operator: str, value: Any) -> bool:
    return _labelled(task["labels"], value) == (operator != "!=")


def _by_reference(task: Mapping[str, Any], field: str, operator: str, value: Any) -> bool:
    return ORDERS[operator](task[field], value)


def _by_moment(task: Mapping[str, Any], field: str, operator: str, value: Any) -> bool:
    if field == "start" and isinstance(value, Instant):
        value = Day(value.local.date(), value.at, value.at)
    return holds(_due(task) if field == "due" else task[field], operator, value)


COMPARED: Mapping[str, Callable[[Mapping[str, Any], str, str, Any], bool]] = {
    "title": _by_text,
    "description": _by_text,
    "priority": _by_priority,
    "label": _by_label,
    "project": _by_reference,
    "parent": _by_reference,
}


def _labelled(labels: Sequence[str], value: object) -> bool:
    if value is None:
        return not labels
    asked = value if isinstance(value, tuple) else (value,)
    return bool({label.lower() for label in labels} & {name.lower() for name in asked})


def _due(task: Mapping[str, Any]) -> date | datetime | None:
    if task["due_time"] is None:
        due: date | None = task["due_date"]
        return due
    zone = task["time_zone"] and ZoneInfo(task["time_zone"])
    return datetime.combine(task["due_date"], task["due_time"], zone)


async def settled(app: FastAPI, owner: Client, zone: str, seed: int) -> World:
    """Somebody in a zone with tasks of all sorts."""
    await sql(app, "UPDATE users SET time_zone = :zone WHERE id = :owner", zone=zone, owner=owner.user_id)
    projects = [uuid7(), uuid7()]
    for name in LABELS:
        await sql(app, NAMED.format("labels"), owner=owner.user_id, id=uuid7(), name=name, place=name)
    for project in projects:
        await sql(app, NAMED.format("projects"), owner=owner.user_id, id=project, name="x", place=str(project))
    world = World(zone, Random(seed), projects, [])
    for number in range(TASKS):
        world.tasks.append(world.task(number))
        await sql(app, INSERT, owner=owner.user_id, **world.tasks[-1])
    return world


async def found(lane: FastLane, owner: Client, tree: Filter, *more: Any) -> set[UUID]:
    query = select(COLUMNS.id).where(COLUMNS.user_id == OWNER, condition(form(tree)), *more)
    return {row["id"] for row in await lane.fetch(Statement(query), {"owner": owner.user_id, **values(tree)})}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/New_York"])
async def test_a_filter_finds_what_it_says_and_its_opposite_the_rest(
    app: FastAPI, lane: FastLane, owner: Client, zone: str
) -> None:
    world = await settled(app, owner, zone, seed=len(zone))
    everything = {task["id"] for task in world.tasks}

    for _ in range(TREES):
        tree = world.tree(3)
        expected = {task["id"] for task in world.tasks if meets(task, tree)}
        assert await found(lane, owner, tree) == expected, tree
        assert await found(lane, owner, Not(tree)) == everything - expected, tree
        # What an index may look for leaves out nothing.
        assert await found(lane, owner, tree, *(bound for _, bound in bounds(form(tree)))) == expected, tree


def every_operator() -> Iterator[str]:
    for field in get_args(filters.DateField.__value__):
        for operator in ORDERS:
            yield from (f"{field} {operator} {moment}" for moment in ("today", "now", "-1d", "-90min", "2027-03-28"))


async def test_a_comparison_with_any_operator_finds_what_it_says(app: FastAPI, lane: FastLane, owner: Client) -> None:
    world = await settled(app, owner, "Europe/Berlin", seed=1)

    for text in every_operator():
        tree = resolve(parse(text), NOW, ZoneInfo(world.zone))
        expected = {task["id"] for task in world.tasks if meets(task, tree)}
        assert await found(lane, owner, tree) == expected, text
