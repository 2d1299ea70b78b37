"""What clients are shown is what the tables have, under the same names."""

from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo
from sqlalchemy import Column, TypeDecorator

from backend.models.base import metadata
from backend.schemas.sessions import SignedIn, Tokens
from backend.schemas.tasks import TaskRead
from backend.schemas.users import UserRead

READS: dict[str, type[BaseModel]] = {"tasks": TaskRead, "users": UserRead}
# An owned row's version is the revision that changed it last; the others are read from several columns.
COMPUTED = {"tasks": {"version", "due_at", "recurrence"}, "users": set[str]()}
FIELDS = [
    pytest.param(field, metadata.tables[table].columns.get(name), id=f"{table}.{name}")
    for table, model in READS.items()
    for name, field in model.model_fields.items()
    if name not in COMPUTED[table]
]
# What nobody is shown: how rows are kept and what proves who somebody is.
HIDDEN = {
    "tasks": {
        *("revision", "deleted_at", "trashed_with", "urgency", "overdue_at"),
        *("recurrence_rule", "recurrence_anchor", "recurrence_start", "recurrence_taken"),
    },
    "users": {"password_hash", "disabled_at"},
}
# RFC 9457 and OAuth 2 name these; no row has them.
SECRETS = {"access_token", "refresh_token"}


def alternatives(annotation: object) -> tuple[object, ...]:
    return (
        get_args(annotation)
        if isinstance(annotation, UnionType) or get_origin(annotation) in {Literal, Union}
        else (annotation,)
    )


def bare(kind: Any) -> object:
    """The type without what is said of it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else get_origin(kind) or kind


def shown_as(kind: object) -> object:
    """The type of a field's values; an enumeration of words is text."""
    if isinstance(kind, str):
        return str
    return datetime if kind is AwareDatetime else kind


def kept_as(column: Column[object]) -> type:
    """The type of a column's values; SQLModel's type for text says it only of the one it wraps."""
    return (column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type).python_type


@pytest.mark.parametrize(("field", "column"), FIELDS)
def test_a_field_is_a_column_of_the_same_type_and_as_nullable(field: FieldInfo, column: Column[object]) -> None:
    kinds = {bare(kind) for kind in alternatives(field.annotation)}

    assert column is not None, "there is such a column"
    assert {shown_as(kind) for kind in kinds - {NoneType}} == {kept_as(column)}
    assert (NoneType in kinds) == column.nullable


@pytest.mark.parametrize("table", READS)
def test_every_column_is_shown_or_hidden_on_purpose(table: str) -> None:
    columns = set(metadata.tables[table].columns.keys())

    assert columns - set(READS[table].model_fields) == HIDDEN[table]


def test_tokens_are_shown_by_sign_in_alone() -> None:
    assert set(Tokens.model_fields) & set(SignedIn.model_fields) >= SECRETS
    assert not any(SECRETS & set(model.model_fields) for model in READS.values())


@pytest.mark.parametrize("model", [*READS.values(), Tokens, SignedIn])
def test_the_schema_of_an_answer_requires_each_of_its_fields(model: type[BaseModel]) -> None:
    schema = model.model_json_schema(mode="serialization")

    assert sorted(schema["required"]) == sorted(schema["properties"])
