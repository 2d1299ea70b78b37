"""Which rules can be said, how they are kept, and what is said of those that cannot."""

import pytest

from backend.domain.recurrence_rule import LONGEST, InvalidRule, parse


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("FREQ=DAILY", "FREQ=DAILY"),
        ("rrule:freq=daily;interval=01", "FREQ=DAILY"),
        ("WKST=MO;FREQ=WEEKLY;BYDAY=WE,MO,WE;INTERVAL=2", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE"),
        ("FREQ=WEEKLY;WKST=SU;COUNT=10", "FREQ=WEEKLY;COUNT=10;WKST=SU"),
        ("FREQ=MONTHLY;BYDAY=+2MO,-1FR", "FREQ=MONTHLY;BYDAY=-1FR,2MO"),
        ("FREQ=MONTHLY;BYMONTHDAY=31,-1,1", "FREQ=MONTHLY;BYMONTHDAY=-1,1,31"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO"),
        ("FREQ=YEARLY;BYDAY=-53SU;BYYEARDAY=-366", "FREQ=YEARLY;BYYEARDAY=-366;BYDAY=-53SU"),
        ("FREQ=YEARLY;UNTIL=20271231;BYMONTH=2,1", "FREQ=YEARLY;UNTIL=20271231;BYMONTH=1,2"),
        ("FREQ=DAILY;UNTIL=20271231T093000", "FREQ=DAILY;UNTIL=20271231T093000"),
        ("FREQ=DAILY;UNTIL=20271231T093000Z", "FREQ=DAILY;UNTIL=20271231T093000Z"),
        ("FREQ=DAILY;UNTIL=00010101T000000Z", "FREQ=DAILY;UNTIL=00010101T000000Z"),
    ],
)
def test_a_rule_is_kept_in_one_form(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    ("text", "part", "reason"),
    [
        ("", "RRULE", "NAME=VALUE"),
        ("every monday", "RRULE", "NAME=VALUE"),
        ("FREQ=DAILY;", "RRULE", "NAME=VALUE"),
        ("FREQ=DAILY; INTERVAL=2", "RRULE", "NAME=VALUE"),
        ("FREQ=DAILY;BYEASTER=1", "RRULE", "NAME=VALUE"),
        ("FREQ=DAILY;X-NAME=1", "RRULE", "NAME=VALUE"),
        ("FREQ=DAILY\nINTERVAL=2", "FREQ", "one of DAILY"),
        ("RRULE:" * 100 + "FREQ=DAILY", "RRULE", f"at most {LONGEST} characters"),
        ("INTERVAL=2", "FREQ", "required"),
        ("FREQ=HOURLY", "FREQ", "more often than daily"),
        ("FREQ=FORTNIGHTLY", "FREQ", "one of DAILY, WEEKLY"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ", "twice"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL", "from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL", "from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=1001", "INTERVAL", "from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=99999999999999999999", "INTERVAL", "from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=٣", "INTERVAL", "from 1 to 1000"),
        ("FREQ=DAILY;COUNT=1001", "COUNT", "from 1 to 1000"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20271231", "UNTIL", "not by both"),
        ("FREQ=DAILY;UNTIL=20270229", "UNTIL", "a date like"),
        ("FREQ=DAILY;UNTIL=2027-12-31", "UNTIL", "a date like"),
        ("FREQ=DAILY;UNTIL=20271231T250000", "UNTIL", "a date like"),
        ("FREQ=DAILY;UNTIL=20271231T0930+01", "UNTIL", "a date like"),
        ("FREQ=DAILY;BYHOUR=9", "BYHOUR", "due_time"),
        ("DTSTART:20270101\nRRULE:FREQ=DAILY", "RRULE", "NAME=VALUE"),
        ("DTSTART=20270101;FREQ=DAILY", "DTSTART", "due_date"),
        ("FREQ=DAILY;EXDATE=20270101", "EXDATE", "one rule"),
        ("FREQ=MONTHLY;RSCALE=HEBREW", "RSCALE", "Gregorian"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH", "from 1 to 12"),
        ("FREQ=YEARLY;BYMONTH=-1", "BYMONTH", "from 1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY", "from -31 to -1"),
        ("FREQ=YEARLY;BYWEEKNO=-54;BYDAY=MO", "BYWEEKNO", "from -53 to -1"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO;BYSETPOS=1", "BYSETPOS", "not with BYWEEKNO"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,", "BYMONTHDAY", "commas"),
        ("FREQ=MONTHLY;BYMONTHDAY=", "BYMONTHDAY", "commas"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY", "not with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYYEARDAY=1", "BYYEARDAY", "not with FREQ=MONTHLY"),
        ("FREQ=DAILY;BYWEEKNO=1", "BYWEEKNO", "not with FREQ=DAILY"),
        ("FREQ=DAILY;BYDAY=MO;BYSETPOS=1", "BYSETPOS", "not with FREQ=DAILY"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS", "add one"),
        ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY", "FREQ=MONTHLY or YEARLY"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", "BYDAY", "not with BYWEEKNO"),
        ("FREQ=MONTHLY;BYDAY=6MO", "BYDAY", "from 1 to 5"),
        ("FREQ=YEARLY;BYMONTH=12;BYDAY=53MO", "BYDAY", "from 1 to 5"),
        ("FREQ=YEARLY;BYDAY=-54MO", "BYDAY", "from 1 to 53"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY", "like 2MO"),
        ("FREQ=WEEKLY;BYDAY=MON", "BYDAY", "like 2MO"),
        ("FREQ=WEEKLY;BYDAY=MO TU", "BYDAY", "like 2MO"),
        ("FREQ=WEEKLY;WKST=1", "WKST", "one of MO"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_part_and_the_reason(text: str, part: str, reason: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        parse(text)

    assert refused.value.part == part
    assert str(refused.value).startswith(f"{part}: ")
    assert reason in str(refused.value)
