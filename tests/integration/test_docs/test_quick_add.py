"""docs/quick-add.md has sentences, and says what becomes of them."""

import re
from datetime import UTC, datetime

import pytest

from backend.domain.quick_add import quick_add
from tests.integration.test_docs.documents import ROOT, table_after

PAGE = ROOT / "docs/quick-add.md"
NOW = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)
FORMS = [
    form
    for heading in ("**Said at the end**", "| `in an hour`")
    for row in table_after(heading, PAGE)
    for form in re.findall(r"`([^`]+)`", row[0])
]


@pytest.mark.parametrize(("sentence", "title", "due", "rule"), table_after("Written on", PAGE))
def test_every_example_is_true(sentence: str, title: str, due: str, rule: str) -> None:
    task = quick_add(sentence.strip("`"), NOW)

    said = " ".join([str(task.due_date or ""), f"{task.due_time:%H:%M}" if task.due_time else ""]).strip()
    assert (task.title, said, task.recurrence or "") == (title, due, rule)


def test_there_are_forms() -> None:
    assert len(FORMS) > 20


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("17:30", "noon")])
def test_every_form_is_one(form: str) -> None:
    task = quick_add(f"Call Bob {form}", NOW)

    assert task.title == "Call Bob"
    assert task.due_date is not None
