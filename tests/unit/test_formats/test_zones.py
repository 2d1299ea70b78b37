"""Time zones by the names that other programs give them."""

import pytest

from backend.formats.zones import zone_named


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin"),
        ("/mozilla.org/20071231_1/America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ("/citadel.org/20190914_1/UTC", "UTC"),
        ("tzone://Microsoft/Custom", None),
        ("Central European Time", None),
        ("Europe", None),
        ("../../etc/passwd", None),
        ("\ud800", None),
        ("", None),
        ("a/" * 1_000_000, None),
    ],
)
def test_a_zone_has_many_names(name: str, zone: str | None) -> None:
    assert zone_named(name) == zone
