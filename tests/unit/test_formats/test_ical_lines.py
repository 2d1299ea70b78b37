"""Lines of iCalendar: whoever unfolds and unescapes them by RFC 5545 has the text again."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from backend.formats.ical_lines import line, text

ANY = st.text(st.sampled_from("a\\n,;\n\r\t\x00\x0b\x7f é🌵") | st.characters(), max_size=200)


def plain(value: str) -> str:
    """A value of type TEXT, unescaped (RFC 5545 section 3.3.11)."""
    return re.sub(r"\\(.)", lambda escape: {"n": "\n", "N": "\n"}.get(escape[1], escape[1]), value)


@given(ANY)
@example("C:\\New, or\\Not;")
@example("x" * 61 + "\\" * 40)
def test_a_text_comes_back_from_lines_that_are_short_enough(value: str) -> None:
    lines = line("SUMMARY", text(value)).split(b"\r\n")

    assert lines.pop() == b""
    assert all(len(each) <= 75 and each.decode() for each in lines)
    # Programs unescape before they unfold, some of them.
    assert all(len(re.findall(r"\\*$", each.decode())[0]) % 2 == 0 for each in lines)
    assert all(each.startswith(b" ") for each in lines[1:])
    whole = lines[0].decode() + "".join(each.decode()[1:] for each in lines[1:])
    expected = re.sub("\r\n?", "\n", value)
    assert plain(whole.removeprefix("SUMMARY:")) == re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "\ufffd", expected)
