"""What the documents tell a reader to type works, and answers what they show."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.integration.test_docs.documents import ROOT
from tests.integration.test_docs.examples import Reader, as_shown, examples_of, placed, run

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None, reason="the documents speak bash and curl"
)


@pytest.mark.parametrize("name", ["README.md", "docs/api.md", "specs/001-phase2-backend-api/quickstart.md"])
async def test_the_examples_do_what_the_document_shows(name: str, live_server: str, tmp_path: Path) -> None:
    examples = examples_of(placed((ROOT / name).read_text(), live_server))
    assert examples

    outcomes = await asyncio.to_thread(run, examples, tmp_path)

    documented, real = Reader(), Reader()
    for example, outcome in zip(examples, outcomes, strict=True):
        assert outcome.is_as_expected_of(example), (example.code, outcome)
        if example.form:
            answer = real.read(as_shown(outcome.printed, example), example.form)
            assert answer == documented.read(as_shown(example.shown, example), example.form), example.code
