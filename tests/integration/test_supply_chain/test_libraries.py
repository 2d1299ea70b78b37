"""Nothing is installed that has a fault we know of: docs/supply-chain.md has the table, and these hold it."""

import re

import pytest
from packaging.version import Version

from tests.integration.test_docs.documents import ROOT, table_after
from tests.integration.test_supply_chain.libraries import CARRIED, floors, shipped, version_of

DOCUMENT = ROOT / "docs/supply-chain.md"
MINIMUM = table_after("## Minimum versions", DOCUMENT)
NOT_MENDED = table_after("## Known, and not mended yet", DOCUMENT)
FAULT = re.compile(r"CVE-\d{4}-\d{4,}|GHSA(-[a-z0-9]{4}){3}|PYSEC-\d{4}-\d+")


def clean() -> set[str]:
    """The libraries of which no fault is known."""
    section = DOCUMENT.read_text().partition("## Looked up, and nothing found")[2].partition("\n## ")[0]
    return set(re.findall(r"[\w-]+", section.partition(":\n")[2]))


@pytest.mark.parametrize(("library", "least", "fault"), [row[:3] for row in MINIMUM])
def test_no_library_is_older_than_a_known_fault(library: str, least: str, fault: str) -> None:
    assert FAULT.fullmatch(fault)
    assert version_of(library) >= Version(least)


def test_nobody_can_install_us_with_an_older_one() -> None:
    shipped_rows = [(library, Version(least)) for library, least, *_ in MINIMUM if library in shipped()]

    too_low = [f"{library}>={least}" for library, least in shipped_rows if floors().get(library, Version("0")) < least]

    assert too_low == [], "raise or add these in the dependencies of pyproject.toml"


def test_every_library_that_we_ship_is_looked_up() -> None:
    in_table = {library for library, *_ in MINIMUM}

    missing = sorted(shipped() - in_table - clean())

    assert missing == [], "look up their known faults, and add them to docs/supply-chain.md"
    assert clean() <= shipped(), "no longer shipped"
    assert not clean() & in_table


@pytest.mark.parametrize(("part", "mended"), [row[:2] for row in NOT_MENDED])
def test_what_is_not_mended_yet_cannot_be(part: str, mended: str) -> None:
    """Else the update has come: move the row to the minimum versions."""
    assert part in CARRIED or part in shipped()
    assert version_of(part) < Version(mended)
