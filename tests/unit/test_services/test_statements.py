"""Statements on owned rows: each starts from the owner, and is compiled once."""

import re
from collections.abc import Callable, Iterator, Mapping

import pytest

from backend.database.fast_lane import Statement
from backend.schemas.tasks import TaskChanges, TaskCreate
from backend.services.task_table import TASKS

RECURRENCE = {"recurrence_rule", "recurrence_anchor", "recurrence_start", "recurrence_taken"}
NEW = frozenset(TaskCreate.model_fields) - {"id", "recurrence"} | RECURRENCE
CHANGED = frozenset(TaskChanges.model_fields) - {"recurrence"} | RECURRENCE

STATEMENTS: dict[str, Callable[[], Statement]] = {
    "get": lambda: TASKS.get,
    "find": lambda: TASKS.find,
    "trash": lambda: TASKS.trash,
    "insert": lambda: TASKS.insert(NEW),
    "change of everything": lambda: TASKS.change(CHANGED),
    "change that completes": lambda: TASKS.complete(CHANGED),
    "change of one field": lambda: TASKS.change(frozenset({"completed"})),
    "first page": lambda: TASKS.page(frozenset(), resumed=False),
    "next page": lambda: TASKS.page(frozenset(), resumed=True),
    "first page of some": lambda: TASKS.page(frozenset({"completed"}), resumed=False),
    "next page of some": lambda: TASKS.page(frozenset({"completed"}), resumed=True),
}
any_statement = pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())


class Names(Mapping[str, str]):
    """Gives every parameter its own name as its value."""

    def __getitem__(self, name: str) -> str:
        return name

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@any_statement
def test_every_condition_of_a_statement_begins_with_the_owner(statement: Callable[[], Statement]) -> None:
    sql, parameters = statement().sql, statement().arguments(Names())
    owner = f"${parameters.index('owner') + 1}::UUID"

    assert parameters.count("owner") == 1
    assert re.findall(r"\bWHERE \w+\.(\w+ = \S+)", sql) == [f"user_id = {owner}"] * len(re.findall(r"\bWHERE\b", sql))


def test_a_new_row_gets_the_owner_and_no_other() -> None:
    sql, parameters = TASKS.insert(NEW).sql, TASKS.insert(NEW).arguments(Names())
    columns = re.search(r"INSERT INTO tasks \((.*?)\) SELECT (\$\d+)", sql)

    assert columns is not None
    assert columns[1].startswith("user_id, id, ")
    assert parameters[int(columns[2][1:]) - 1] == "owner"


@any_statement
def test_a_statement_is_compiled_once(statement: Callable[[], Statement]) -> None:
    assert statement() is statement()


def test_fields_make_the_statement_whatever_their_order() -> None:
    assert TASKS.change(frozenset(["title", "priority"])) is TASKS.change(frozenset(["priority", "title"]))
    assert TASKS.change(frozenset(["title"])) is not TASKS.change(frozenset(["priority"]))


def test_values_are_parameters_and_never_part_of_the_sql() -> None:
    statement = TASKS.change(frozenset({"title"}))
    values = {"owner": 1, "id": 2, "expected": None, "new_title": "'; DROP TABLE tasks; --"}

    assert "DROP" not in statement.sql
    assert set(values.values()) <= set(statement.arguments(values))


def test_a_value_that_is_forgotten_is_not_taken_for_null() -> None:
    sent = {"owner": 1, "id": 2, "expected": None}

    with pytest.raises(KeyError, match="new_title"):
        TASKS.change(frozenset({"title"})).arguments(sent)


@pytest.mark.parametrize("name", ["nope", "", "version", "title; --", "Title"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(TASKS.insert, id="insert"),
        pytest.param(TASKS.change, id="change"),
        pytest.param(lambda fields: TASKS.page(fields, resumed=False), id="page"),
    ],
)
def test_a_field_that_the_table_does_not_have_is_refused(
    make: Callable[[frozenset[str]], Statement], name: str
) -> None:
    with pytest.raises(KeyError):
        make(frozenset({name}))
