"""What clients are shown is what the tables have, under the same names."""

from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo
from sqlalchemy import JSON, Column, TypeDecorator

from backend.api import v1
from backend.models.base import metadata
from backend.schemas.access_tokens import AccessTokenCreated, AccessTokenRead
from backend.schemas.audit import AuditEntryRead
from backend.schemas.base import ResponseModel
from backend.schemas.feeds import FeedCreated, FeedRead
from backend.schemas.filters import FilterRead
from backend.schemas.labels import LabelRead
from backend.schemas.occurrences import OccurrenceRead
from backend.schemas.projects import ProjectRead
from backend.schemas.sessions import SessionRead, SignedIn, Tokens
from backend.schemas.tasks import TaskRead
from backend.schemas.users import UserRead

HERE = "tests/unit/test_schemas/test_reads.py"
READS: dict[str, tuple[type[BaseModel], ...]] = {
    "access_tokens": (AccessTokenRead, AccessTokenCreated),
    "audit_log": (AuditEntryRead,),
    "feeds": (FeedRead, FeedCreated),
    "filters": (FilterRead,),
    "labels": (LabelRead,),
    "projects": (ProjectRead,),
    "sessions": (SessionRead,),
    "task_occurrences": (OccurrenceRead,),
    "tasks": (TaskRead,),
    "users": (UserRead,),
}
NOT_READ = {"identities", "mails", "one_time_tokens", "rate_limits", "revisions", "revocations"}
"""Tables of which no answer shows a row, but for the export of all that is held of somebody."""

# An owned row's version is the revision that changed it last; the others are read from several columns, or are what
# is shown once and kept as a hash.
COMPUTED = {
    "access_tokens": {"scopes", "token"},
    "feeds": {"path"},
    "filters": {"version"},
    "labels": {"version"},
    "projects": {"version"},
    "sessions": {"current", "last_used_at", "expires_at"},
    "tasks": {"version", "due_at", "recurrence"},
}
FIELDS = [
    pytest.param(field, metadata.tables[table].columns.get(name), id=f"{table}.{name}, {model.__name__}")
    for table, models in READS.items()
    for model in models
    for name, field in model.model_fields.items()
    if name not in COMPUTED.get(table, ())
]
_OWNED = {"revision", "deleted_at"}
# What nobody is shown: how rows are kept, whose they are where they are only one's own, and what proves who one is.
HIDDEN = {
    "access_tokens": {"user_id", "token_hash", "scope"},
    "audit_log": {"user_id"},
    "feeds": {"user_id", "secret_hash"},
    "filters": _OWNED,
    "labels": _OWNED,
    "projects": {*_OWNED, "trashed_with"},
    "sessions": {
        *("user_id", "family_key", "token_hash", "parent_hash"),
        *("rotated_at", "idle_expires_at", "revoked_at", "updated_at"),
    },
    "task_occurrences": {*_OWNED, "user_id", "previous", "updated_at"},
    "tasks": {
        *_OWNED,
        *("trashed_with", "urgency", "overdue_at"),
        *("recurrence_rule", "recurrence_anchor", "recurrence_start", "recurrence_taken"),
    },
    "users": {"password_hash", "disabled_at"},
}
OF_NO_ROW = {
    *("Health", "ImportReport", "KeySet", "QuickAdded", "Restored", "SignedIn", "StatisticsRead", "Tokens"),
    "TrashedRead",  # of tasks and projects
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


def bare_item(kind: Any) -> Any:
    """The type of an answer, or of the items of a list."""
    return get_args(kind)[0] if get_origin(kind) is list else kind


def shown_as(kind: object) -> object:
    """The type of a field's values; an enumeration of words is text."""
    if isinstance(kind, str):
        return str
    return datetime if kind is AwareDatetime else kind


def kept_as(column: Column[object]) -> type:
    """The type of a column's values; SQLModel's type for text says it only of the one it wraps, that of JSON never."""
    if isinstance(column.type, JSON):
        return dict
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
    shown = {name for model in READS[table] for name in model.model_fields}

    assert columns - shown == HIDDEN[table]
    assert shown - columns == COMPUTED.get(table, set()) - columns


def test_every_table_is_read_or_not_on_purpose() -> None:
    assert {*READS, *NOT_READ} == set(metadata.tables), (
        f"Add the new ones to READS and HIDDEN, or to NOT_READ, in {HERE}"
    )


def test_every_answer_is_made_of_rows_or_of_none_on_purpose() -> None:
    routes = [route for router in v1.routers() for route in router.routes]
    declared = {kind for route in routes for kind in (bare_item(getattr(route, "response_model", None)),) if kind}
    of_rows = {model for models in READS.values() for model in models}

    assert all(isinstance(model, type) and issubclass(model, ResponseModel) for model in declared)
    advice = f"Add the new ones to READS, or to OF_NO_ROW if they show no row, in {HERE}"
    assert {model.__name__ for model in declared - of_rows} == OF_NO_ROW, advice


def test_what_is_secret_is_marked_as_such_and_shown_by_none() -> None:
    columns = [column for table in metadata.tables.values() for column in table.columns]
    secret = {column for column in columns if column.info.get("secret")}

    assert secret == {column for column in columns if kept_as(column) is bytes or column.name == "password_hash"}
    assert [
        str(column) for column in secret if column.table.name in READS and column.name not in HIDDEN[column.table.name]
    ] == []


def test_tokens_are_shown_by_sign_in_alone() -> None:
    assert set(Tokens.model_fields) & set(SignedIn.model_fields) >= SECRETS
    assert not any(SECRETS & set(model.model_fields) for models in READS.values() for model in models)


@pytest.mark.parametrize("model", [*(model for models in READS.values() for model in models), Tokens, SignedIn])
def test_the_schema_of_an_answer_requires_each_of_its_fields(model: type[BaseModel]) -> None:
    schema = model.model_json_schema(mode="serialization")

    assert sorted(schema["required"]) == sorted(schema["properties"])
