"""Random recurrence rules, as text: all that may be said, often with several parts at once."""

from datetime import date

from hypothesis import strategies as st

DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


def _list(values: st.SearchStrategy[int] | st.SearchStrategy[str], most: int = 4) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=most, unique=True).map(lambda chosen: ",".join(map(str, chosen)))


def _from_both_ends(last: int) -> st.SearchStrategy[int]:
    return st.integers(1, last) | st.integers(-last, -1)


def _weekdays(last: int) -> st.SearchStrategy[str]:
    plain = st.sampled_from(DAYS)
    if not last:
        return _list(plain)
    numbered = st.builds(lambda number, day: f"{number}{day}", _from_both_ends(last), plain)
    return _list(plain) | _list(numbered) | _list(plain | numbered)


_BY: dict[str, st.SearchStrategy[str]] = {
    "BYMONTH": _list(st.integers(1, 12)),
    "BYWEEKNO": _list(_from_both_ends(53)),
    "BYYEARDAY": _list(_from_both_ends(366)),
    "BYMONTHDAY": _list(_from_both_ends(31)),
    "BYDAY": _weekdays(0),
}
_ALLOWED = {
    "DAILY": ["BYMONTH", "BYMONTHDAY", "BYDAY"],
    "WEEKLY": ["BYMONTH", "BYDAY"],
    "MONTHLY": ["BYMONTH", "BYMONTHDAY", "BYDAY"],
    "YEARLY": list(_BY),
}
_USUAL_INTERVALS = st.sampled_from([1, 1, 1, 2, 3]) | st.integers(4, 20)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A rule without an end."""
    frequency = draw(st.sampled_from(list(_ALLOWED)))
    names = draw(st.lists(st.sampled_from(_ALLOWED[frequency]), max_size=2, unique=True))
    parts = {"FREQ": frequency, "INTERVAL": str(draw(_USUAL_INTERVALS))}
    for name in names:
        parts[name] = draw(_BY[name])
    if "BYDAY" in names and frequency in {"MONTHLY", "YEARLY"} and "BYWEEKNO" not in names:
        parts["BYDAY"] = draw(_weekdays(53 if frequency == "YEARLY" and "BYMONTH" not in names else 5))
    if names and frequency != "DAILY" and "BYWEEKNO" not in names and draw(st.integers(0, 3)) == 0:
        parts["BYSETPOS"] = draw(_list(_from_both_ends(5)))
    if draw(st.booleans()):
        parts["WKST"] = draw(st.sampled_from(DAYS))
    return ";".join(f"{name}={value}" for name, value in parts.items())


starts = st.dates(date(1970, 1, 1), date(2037, 12, 31)) | st.builds(
    date, st.integers(1970, 2037), st.sampled_from([1, 3, 5, 7, 8, 10, 12]), st.just(31)
)
"""Days on which a series begins: many of them the 31st."""
