"""Every error of the application has a code of its own, a sentence, and a family whose status is known."""

import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import pytest

import backend
from backend.api.problems import FRAMEWORK_CODES, STATUS
from backend.domain.errors import DonewellError, Fault, InvalidInput, Overloaded


def _below(family: type[DonewellError]) -> Iterator[type[DonewellError]]:
    for error in family.__subclasses__():
        yield error
        yield from _below(error)


def _everywhere() -> list[type[DonewellError]]:
    """Every error that any module defines: they register by being imported."""
    for module in walk_packages(backend.__path__, "backend."):
        import_module(module.name)
    ours = [error for error in _below(DonewellError) if error.__module__.startswith("backend.")]
    return sorted(ours, key=lambda error: error.__qualname__)


ERRORS = _everywhere()
RAISED = [error for error in ERRORS if not error.__subclasses__() or "code" in vars(error)]


@pytest.mark.parametrize("error", RAISED)
def test_an_error_has_a_code_and_a_sentence_of_its_own(error: type[DonewellError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", vars(error)["code"])
    assert vars(error)["title"].strip()
    assert not vars(error)["title"].endswith("."), "a title is a heading"


def test_no_code_means_two_things() -> None:
    codes = Counter([error.code for error in RAISED] + [code for code, _ in FRAMEWORK_CODES.values()])

    assert [code for code, uses in codes.items() if uses > 1] == []


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_belongs_to_exactly_one_family_with_a_status(error: type[DonewellError]) -> None:
    assert len([family for family in STATUS if issubclass(error, family)]) == 1


def test_every_family_is_of_the_domain_and_has_a_status_for_refusals() -> None:
    assert set(DonewellError.__subclasses__()) == set(STATUS)
    assert all(400 <= status < 600 for status in STATUS.values())
    assert 422 not in STATUS.values()


def test_an_error_says_its_detail_or_else_its_title() -> None:
    assert str(Overloaded()) == Overloaded.title
    assert str(Overloaded("later")) == Overloaded("later").detail == "later"
    assert Overloaded().detail is None


def test_invalid_input_keeps_every_fault_in_order() -> None:
    faults = [Fault("title", "missing", "Field required"), Fault("due_date", "date_form", "Write the date so")]

    assert InvalidInput(faults).faults == tuple(faults)
    assert InvalidInput().faults == ()
