"""What holds for every request model, those of tomorrow included."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import NoneType
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from backend import schemas
from backend.schemas.base import RequestModel
from backend.schemas.sessions import TokenRequest

# OAuth 2 asks servers to ignore what they do not know (RFC 6749 section 3.2).
OPEN = {TokenRequest}

type Model = type[RequestModel]


def _below(model: Model) -> Iterator[Model]:
    for other in model.__subclasses__():
        yield other
        yield from _below(other)


def _everywhere() -> list[Model]:
    for module in iter_modules(schemas.__path__, "backend.schemas."):
        import_module(module.name)
    return sorted(set(_below(RequestModel)), key=lambda model: model.__qualname__)


def _fields(*, nullable: bool) -> list[Any]:
    return [
        pytest.param(model, name, id=f"{model.__name__}.{name}")
        for model in MODELS
        for name, field in model.model_fields.items()
        if (NoneType in get_args(field.annotation)) == nullable
    ]


MODELS = _everywhere()


def faults(model: Model, **values: Any) -> list[tuple[str, str]]:
    """What is wrong with the values, missing ones aside."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [(str(fault["loc"][0]), fault["type"]) for fault in error.errors() if fault["type"] != "missing"]
    return []


@pytest.mark.parametrize("model", [model for model in MODELS if model not in OPEN])
def test_a_field_we_do_not_know_is_refused_and_the_schema_says_so(model: Model) -> None:
    assert faults(model, user_id="me") == [("user_id", "extra_forbidden")]
    assert model.model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize("model", OPEN)
def test_an_open_model_ignores_what_it_does_not_know_and_its_schema_does_not_forbid_it(model: Model) -> None:
    assert faults(model, resource="x") == []
    assert "additionalProperties" not in model.model_json_schema()


@pytest.mark.parametrize(("model", "name"), _fields(nullable=True))
def test_a_nullable_field_takes_null_and_the_schema_says_so(model: Model, name: str) -> None:
    assert faults(model, **{name: None}) == []
    assert {"type": "null"} in model.model_json_schema()["properties"][name]["anyOf"]


@pytest.mark.parametrize(("model", "name"), _fields(nullable=False))
def test_any_other_field_refuses_null_and_the_schema_does_not_offer_it(model: Model, name: str) -> None:
    assert [field for field, _ in faults(model, **{name: None})] == [name]
    assert "null" not in str(model.model_json_schema()["properties"][name])


@pytest.mark.parametrize("body", [None, [], "title", 1, True])
@pytest.mark.parametrize("model", MODELS)
def test_a_body_that_is_no_object_is_refused(model: Model, body: object) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(body)


@pytest.mark.parametrize("model", MODELS)
def test_the_examples_of_the_schema_are_accepted(model: Model) -> None:
    for example in model.model_json_schema().get("examples", []):
        model.model_validate(example)
