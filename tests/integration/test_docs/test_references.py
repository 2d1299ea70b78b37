"""What the documents refer to is there, and their tables say what the code says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args
from urllib.parse import unquote

import pytest
from pydantic import SecretStr

from backend.api import v1
from backend.api.problems import FRAMEWORK_CODES, STATUS
from backend.config.settings import Settings
from backend.domain.errors import DonewellError
from backend.services.audit import Event as AuditEvent
from tests.integration.test_docs.documents import ROOT, documents, prose, table_after

LINK = re.compile(r"\]\((?![a-z]+:)([^)\s#]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
OUR_PATH = re.compile(r"`((?:backend|tests|docs|specs|\.ci)/[\w./-]+)`")
LOGS = re.compile(r"log\.(debug|info|warning|error|exception)")
CODE = re.compile(r"`([\w.]+)`")

# Made by the reader of CONTRIBUTING.md.
TO_BE_MADE = re.compile(r"/(test_)?notes\.py$")

every_document = pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))


def anchors(path: Path) -> set[str]:
    """What GitHub makes of the headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(prose(path))}


@every_document
def test_relative_links_lead_somewhere(document: Path) -> None:
    for target, anchor in LINK.findall(prose(document)):
        path = (document.parent / unquote(target)).resolve() if target else document
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


@every_document
def test_paths_that_are_named_exist(document: Path) -> None:
    missing = [path for path in OUR_PATH.findall(prose(document)) if not (ROOT / path).exists()]

    assert [path for path in missing if not TO_BE_MADE.search(path)] == []


@every_document
def test_documents_have_no_unfinished_business(document: Path) -> None:
    assert not re.search(r"\b(TODO|FIXME|XXX|TBD)\b", document.read_text())


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {row[0].strip("`"): row[1].strip("`") for row in table_after("# Settings", ROOT / "docs/settings.md")}

    assert list(documented) == [name.upper() for name in Settings.model_fields]
    for name, field in Settings.model_fields.items():
        if field.default is not None:
            assert documented[name.upper()] == str(field.default)


def test_the_secrets_that_files_may_hold_are_named() -> None:
    secrets = {name.upper() for name, field in Settings.model_fields.items() if SecretStr.__name__ in str(field)}
    section = (ROOT / "docs/settings.md").read_text().partition("## Secrets in files")[2]

    assert set(CODE.findall(section.split(" may also ")[0])) == secrets


def test_every_error_code_is_documented_with_its_status() -> None:
    rows = table_after("| Code |", ROOT / "docs/api.md")
    documented = {row[0].strip("`"): int(row[1]) for row in rows}

    found = dict(codes())
    missing = [f"| `{code}` | {found[code]} | … | … |" for code in sorted(found.keys() - documented.keys())]
    assert not missing, "\n".join(["Add to the table of error codes in docs/api.md:", *missing])
    assert documented == found
    assert len(documented) == len(rows)


def codes() -> Iterator[tuple[str, int]]:
    """Each code that an answer may have, with its status."""
    list(v1.routers())  # loads what no document may leave out
    yield from ((code, status) for status, (code, _) in FRAMEWORK_CODES.items())
    for call in calls_of("problem"):
        match call.args:
            case [_, ast.Constant(int(status)), ast.Constant(str(code)), *_]:
                yield code, status
    for refusal in refusals(DonewellError):
        if "code" in vars(refusal) and refusal.__module__.startswith("backend."):
            yield refusal.code, next(status for family, status in STATUS.items() if issubclass(refusal, family))


def refusals(family: type[DonewellError]) -> Iterator[type[DonewellError]]:
    for refusal in family.__subclasses__():
        yield refusal
        yield from refusals(refusal)


def test_every_field_code_of_ours_is_documented() -> None:
    sentence = (ROOT / "docs/api.md").read_text().partition("and ours:")[2].partition(".\n")[0]
    found = {
        ast.literal_eval(call.args[place])
        for name, place in (("PydanticCustomError", 0), ("Fault", 1), ("UnacceptableBody", 0))
        for call in calls_of(name)
        if isinstance(call.args[place], ast.Constant)
    }

    assert set(CODE.findall(sentence)) == found - {"missing"}, "missing is pydantic's"


def calls_of(name: str) -> Iterator[ast.Call]:
    """Where the code calls what it knows by that name."""
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                yield node


def trees() -> Iterator[ast.Module]:
    """The syntax trees of the code."""
    for path in (ROOT / "backend").rglob("*.py"):
        yield ast.parse(path.read_text())


def test_every_event_is_documented_with_its_level_and_fields() -> None:
    rows = table_after("| Event |", ROOT / "docs/operations.md")
    documented = {row[0].strip("`"): (row[1], set(CODE.findall(row[2]))) for row in rows}

    found = dict(events())
    missing = [as_row(event, *found[event]) for event in sorted(found.keys() - documented.keys())]
    assert not missing, "\n".join(["Add to the table of events in docs/operations.md:", *missing])
    assert documented.keys() == found.keys()
    for event, (level, fields) in found.items():
        wanted = f"The table of events in docs/operations.md should have: {as_row(event, level, fields)}"
        assert documented[event][0] == level, wanted
        assert documented[event][1] >= fields, wanted


def test_every_audit_event_is_documented() -> None:
    rows = table_after("| What is audited |", ROOT / "docs/operations.md")

    assert [row[0].strip("`") for row in rows] == list(get_args(AuditEvent.__value__))


def as_row(event: str, level: str, fields: set[str]) -> str:
    return f"| `{event}` | {level} | {', '.join(f'`{field}`' for field in sorted(fields))} |"


def events() -> Iterator[tuple[str, tuple[str, set[str]]]]:
    """Each event that the code logs, with its level and the names of its fields."""
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (call := LOGS.fullmatch(ast.unparse(node.func))):
                level = call[1].replace("exception", "error")
                fields = {str(keyword.arg) for keyword in node.keywords}
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant):
                        yield str(part.value), (level, fields)
