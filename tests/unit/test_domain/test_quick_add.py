"""A sentence is taken for what it says where that is one thing; what was taken is told; the rest is title."""

import subprocess
import sys
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import example, given
from hypothesis import strategies as st

from backend.domain.filters import Priority
from backend.domain.quick_add import QuickTask, quick_add
from backend.domain.quick_add_dates import LONGEST_INTERVAL
from backend.domain.recurrence import check
from backend.domain.recurrence_rule import MOST, parse

NOW = datetime(2026, 11, 25, 10, 30, tzinfo=ZoneInfo("Europe/Berlin"))  # a Wednesday

SENTENCES = [
    ("Buy milk", "Buy milk", None, None),
    ("Read The Second Sex", "Read The Second Sex", None, None),
    ("March with Sun Li", "March with Sun Li", None, None),
    ("Call May about the 3rd draft", "Call May about the 3rd draft", None, None),
    ("Buy 2 eggs", "Buy 2 eggs", None, None),
    ("Meet at noon", "Meet", "2026-11-25 12:00", None),
    ("Put on sun cream", "Put on sun cream", None, None),
    ("I may call Augusta", "I may call Augusta", None, None),
    ("Wed the two tables", "Wed the two tables", None, None),
    ("Watch Saturday Night Fever", "Watch Saturday Night Fever", None, None),
    ("Read 10 pages", "Read 10 pages", None, None),
    ("Reply to the 2nd reviewer", "Reply to the 2nd reviewer", None, None),
    ("Take a second look at chapter 4", "Take a second look at chapter 4", None, None),
    ("Fix bug 1.2.3 in release 2026", "Fix bug 1.2.3 in release 2026", None, None),
    ("Order 12 mon cheri", "Order 12 mon cheri", None, None),
    ("Dec the halls", "Dec the halls", None, None),
    ("Set up the weekly report", "Set up the weekly report", None, None),
    ("Prepare Friday's slides", "Prepare Friday's slides", None, None),
    ("Check every second page", "Check every second page", None, None),
    ("Write to every customer", "Write to every customer", None, None),
    ("Ask April and June", "Ask April and June", None, None),
    ("Buy 5 m of rope", "Buy 5 m of rope", None, None),
    ("Read 1984", "Read 1984", None, None),
    ("Call 555 1200", "Call 555 1200", None, None),
    ("Win 3-2 against Ajax", "Win 3-2 against Ajax", None, None),
    ("Try the 7/8 rhythm", "Try the 7/8 rhythm", None, None),
    ("Have a look at 7 offers", "Have a look at 7 offers", None, None),
    ("Do it in 3 steps", "Do it in 3 steps", None, None),
    ("Sing Yesterday", "Sing Yesterday", None, None),
    ("Now and then", "Now and then", None, None),
    ("Plan the sun sail", "Plan the sun sail", None, None),
    ("Send 1st invoice", "Send 1st invoice", None, None),
    ("Meet Mr. Day in an hour", "Meet Mr. Day", "2026-11-25 11:30", None),
    ("Call mum today", "Call mum", "2026-11-25", None),
    ("tomorrow 5pm", "tomorrow 5pm", None, None),
    ("Call mum tomorrow", "Call mum", "2026-11-26", None),
    ("Call mum tomorrow at 5pm", "Call mum", "2026-11-26 17:00", None),
    ("Call mum tomorrow 17:30", "Call mum", "2026-11-26 17:30", None),
    ("Tomorrow call mum", "Tomorrow call mum", None, None),
    ("Water plants in 3 days", "Water plants", "2026-11-28", None),
    ("Water plants in 2 weeks", "Water plants", "2026-12-09", None),
    ("Renew passport in a year", "Renew passport", "2027-11-25", None),
    ("Dentist in 1 month at 9:15", "Dentist", "2026-12-25 09:15", None),
    ("Call Bob monday", "Call Bob", "2026-11-30", None),
    ("Call Bob on monday", "Call Bob", "2026-11-30", None),
    ("Call Bob next monday", "Call Bob", "2026-11-30", None),
    ("Call Bob on wednesday", "Call Bob", "2026-12-02", None),
    ("Call Bob on fri at 8am", "Call Bob", "2026-11-27 08:00", None),
    ("Party 31 dec", "Party", "2026-12-31", None),
    ("Party on 31 December", "Party", "2026-12-31", None),
    ("Party dec 31", "Party", "2026-12-31", None),
    ("Party on December 31st at 10pm", "Party", "2026-12-31 22:00", None),
    ("Tax return 1 March 2027", "Tax return", "2027-03-01", None),
    ("Tax return March 1, 2027", "Tax return", "2027-03-01", None),
    ("Tax return on 2027-03-01", "Tax return", "2027-03-01", None),
    ("Anniversary on 3 May", "Anniversary", "2027-05-03", None),
    ("Pay rent on the 1st", "Pay rent", "2026-12-01", None),
    ("Report due on the 30th at noon", "Report due", "2026-11-30 12:00", None),
    ("Review next week", "Review", "2026-11-30", None),
    ("Review next month", "Review", "2026-12-01", None),
    ("Lunch at 12:30", "Lunch", "2026-11-25 12:30", None),
    ("Stand-up at 9am", "Stand-up", "2026-11-26 09:00", None),
    ("Watch film at 20:15 today", "Watch film", "2026-11-25 20:15", None),
    ("Pay rent every 1st at 9am", "Pay rent", "2026-12-01 09:00", "FREQ=MONTHLY;BYMONTHDAY=1"),
    ("Water plants every day", "Water plants", "2026-11-25", "FREQ=DAILY"),
    ("Stretch daily at 7:30", "Stretch", "2026-11-26 07:30", "FREQ=DAILY"),
    ("Bins every monday", "Bins", "2026-11-30", "FREQ=WEEKLY;BYDAY=MO"),
    ("Bins every other friday", "Bins", "2026-11-27", "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR"),
    ("Run every mon, wed and fri", "Run", "2026-11-25", "FREQ=WEEKLY;BYDAY=MO,WE,FR"),
    ("Stand-up every weekday at 7:30", "Stand-up", "2026-11-26 07:30", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
    ("Clean every weekend", "Clean", "2026-11-28", "FREQ=WEEKLY;BYDAY=SA,SU"),
    ("Backup every 3 days", "Backup", "2026-11-25", "FREQ=DAILY;INTERVAL=3"),
    ("Backup every 2 weeks", "Backup", "2026-11-25", "FREQ=WEEKLY;INTERVAL=2"),
    ("Close books every month on the last friday", "Close books", "2026-11-27", "FREQ=MONTHLY;BYDAY=-1FR"),
    ("Board every second tuesday of the month", "Board", "2026-12-08", "FREQ=MONTHLY;BYDAY=2TU"),
    ("Invoice every month on the 15th", "Invoice", "2026-12-15", "FREQ=MONTHLY;BYMONTHDAY=15"),
    ("Close month every last day of the month", "Close month", "2026-11-30", "FREQ=MONTHLY;BYMONTHDAY=-1"),
    ("Rotate keys every quarter", "Rotate keys", "2026-11-25", "FREQ=MONTHLY;INTERVAL=3"),
    ("Birthday every 3 May", "Birthday", "2027-05-03", "FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=3"),
    ("Birthday every year on May 3", "Birthday", "2027-05-03", "FREQ=YEARLY;BYMONTH=5;BYMONTHDAY=3"),
    ("Check-up every year", "Check-up", "2026-11-25", "FREQ=YEARLY"),
    ("Fix issue #12", "Fix issue #12", None, None),
    ("Email ada@example.com", "Email ada@example.com", None, None),
    ("Meet @ the pub", "Meet @ the pub", None, None),
    ("Write ## heading", "Write ## heading", None, None),
    ("Plan for next week", "Plan for next week", None, None),
    ("Read the book about tomorrow", "Read the book about tomorrow", None, None),
    ("Move the meeting to friday", "Move the meeting to friday", None, None),
    ("Board every second friday", "Board every second friday", None, None),
    ("Board every 2nd friday at 9am", "Board every 2nd friday at 9am", None, None),
    ("Call at 5 tomorrow", "Call at 5 tomorrow", None, None),
    ("Call at midnight tomorrow", "Call at midnight tomorrow", None, None),
    ("Dentist tomorrow at 5", "Dentist tomorrow at 5", None, None),
    ("Dentist tomorrow morning at 9am", "Dentist tomorrow morning at 9am", None, None),
    ("Call 3/4 at 9am", "Call 3/4 at 9am", None, None),
    ("Party on 31 feb", "Party on 31 feb", None, None),
    ("Party on 31 feb at 9am", "Party on 31 feb at 9am", None, None),
    ("Party 30.2. at 9am", "Party 30.2. at 9am", None, None),
    ("Meet on the 45th", "Meet on the 45th", None, None),
    ("Lunch in 2 weeks on monday", "Lunch in 2 weeks on monday", None, None),
    ("Open until 5pm", "Open until 5pm", None, None),
    ("Shop 9am-5pm", "Shop 9am-5pm", None, None),
    ("Note 20:15", "Note 20:15", None, None),
    ("Sit in the sun", "Sit in the sun", None, None),
    ("Dance at noon with everybody", "Dance at noon with everybody", None, None),
    ("Read The Daily", "Read The Daily", None, None),
    ("Count every 334 quarters", "Count every 334 quarters", None, None),
    ("Every 0 days", "Every 0 days", None, None),
    ("Sort every tomorrow", "Sort every tomorrow", None, None),
    ("Board every 7th tuesday of the month", "Board every 7th tuesday of the month", None, None),
    ("Tomorrow, not today", "Tomorrow, not today", None, None),
    ("Call mum tomorrow \\5pm", "Call mum tomorrow 5pm", None, None),
    ('"Call mum tomorrow"', '"Call mum tomorrow"', None, None),
    ("in 3 days", "in 3 days", None, None),
    ("#home", "#home", None, None),
    ("every monday: at 9am", "every monday: at 9am", None, None),
    ("Fix issue #12 tomorrow", "Fix issue #12", "2026-11-26", None),
    ("Read chapter 3 tomorrow.", "Read chapter 3", "2026-11-26", None),
    ("I may call Bob tomorrow", "I may call Bob", "2026-11-26", None),
    ("Prepare monday's slides tomorrow", "Prepare monday's slides", "2026-11-26", None),
    ("Tomorrow, call mum", "call mum", "2026-11-26", None),
    ("Tomorrow: call mum at 5 pm", "call mum", "2026-11-26 17:00", None),
    ("Every mon, wed and fri: run", "run", "2026-11-25", "FREQ=WEEKLY;BYDAY=MO,WE,FR"),
    ("Call   mum\ttomorrow", "Call mum", "2026-11-26", None),
    ("CALL MUM TOMORROW AT 5PM", "CALL MUM", "2026-11-26 17:00", None),
    ("Call mum at 9am tomorrow", "Call mum", "2026-11-26 09:00", None),
    ("Call mum noon friday", "Call mum", "2026-11-27 12:00", None),
    ("Call mum 12am tomorrow", "Call mum", "2026-11-26 00:00", None),
    ("Call mum 12:30pm", "Call mum", "2026-11-25 12:30", None),
    ("Call mum at 10:30", "Call mum", "2026-11-26 10:30", None),
    ("Call mum today at 9am", "Call mum", "2026-11-25 09:00", None),
    ("Call mum this fri", "Call mum", "2026-11-27", None),
    ("Call mum next sunday", "Call mum", "2026-12-06", None),
    ("Call mum wed 8pm", "Call mum", "2026-12-02 20:00", None),
    ("Call mum in 90 minutes", "Call mum", "2026-11-25 12:00", None),
    ("Call mum in one week", "Call mum", "2026-12-02", None),
    ("Party 3rd of may", "Party", "2027-05-03", None),
    ("Party on the 3rd of may 2028 at noon", "Party", "2028-05-03 12:00", None),
    ("Party 25 november", "Party", "2026-11-25", None),
    ("Party 24 november", "Party", "2027-11-24", None),
    ("Leap on 29 feb", "Leap", "2028-02-29", None),
    ("Leap every 29 feb", "Leap", "2028-02-29", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"),
    ("Meet on the 31st", "Meet", "2026-12-31", None),
    ("Meet every 31st", "Meet", "2026-12-31", "FREQ=MONTHLY;BYMONTHDAY=31"),
    ("Meet every 3rd friday of the month at noon", "Meet", "2026-12-18 12:00", "FREQ=MONTHLY;BYDAY=3FR"),
    ("Meet every day at 9am", "Meet", "2026-11-26 09:00", "FREQ=DAILY"),
    ("Meet every 2 weeks at 9am", "Meet", "2026-12-02 09:00", "FREQ=WEEKLY;INTERVAL=2"),
    ("Meet every month at 9am", "Meet", "2026-12-25 09:00", "FREQ=MONTHLY"),
    ("Meet yearly at 9am", "Meet", "2027-11-25 09:00", "FREQ=YEARLY"),
    ("Meet each wed at 9am", "Meet", "2026-12-02 09:00", "FREQ=WEEKLY;BYDAY=WE"),
    ("Meet at 9am every wed", "Meet", "2026-12-02 09:00", "FREQ=WEEKLY;BYDAY=WE"),
    (
        "Meet every mon, tue, wed, thu, fri, sat and sun at 9 am",
        "Meet",
        "2026-11-26 09:00",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
    ),
    ("Pick up kids from school at 3:15pm", "Pick up kids from school", "2026-11-25 15:15", None),
    ("Renew library card by friday", "Renew library card", "2026-11-27", None),
    ("Submit grant proposal on 15 January", "Submit grant proposal", "2027-01-15", None),
    ("Water the ficus every 10 days", "Water the ficus", "2026-11-25", "FREQ=DAILY;INTERVAL=10"),
    ("Call the plumber first thing tomorrow", "Call the plumber first thing", "2026-11-26", None),
    ("Draft Q3 numbers for Friday's board", "Draft Q3 numbers for Friday's board", None, None),
    ("Watch May December", "Watch May December", None, None),
    ("Buy tickets for Sunday", "Buy tickets for Sunday", None, None),
    ("Order 2nd monitor", "Order 2nd monitor", None, None),
    ("Team lunch next thursday at 12:30", "Team lunch", "2026-12-03 12:30", None),
    ("Pay credit card every month on the 28th", "Pay credit card", "2026-11-28", "FREQ=MONTHLY;BYMONTHDAY=28"),
    ("Yoga every tue and thu 18:00", "Yoga", "2026-11-26 18:00", "FREQ=WEEKLY;BYDAY=TU,TH"),
    ("Write 500 words daily", "Write 500 words", "2026-11-25", "FREQ=DAILY"),
    ("Book flights to May Pen", "Book flights to May Pen", None, None),
    ("Return parcel within 14 days", "Return parcel within 14 days", None, None),
    ("Weekly review every sunday evening", "Weekly review every sunday evening", None, None),
    ("Take pill every morning", "Take pill every morning", None, None),
    ("Check mail every 2 hours", "Check mail every 2 hours", None, None),
    ("Read Fahrenheit 451", "Read Fahrenheit 451", None, None),
    ("Plan Q1 in january", "Plan Q1 in january", None, None),
    ("Send invoice 42 to ACME on monday 8am", "Send invoice 42 to ACME", "2026-11-30 08:00", None),
    ("Fix login bug before 2027-01-10", "Fix login bug before 2027-01-10", None, None),
    ("Remember the fifth of november", "Remember the fifth of november", None, None),
    ("Change filter every 6 months", "Change filter", "2026-11-25", "FREQ=MONTHLY;INTERVAL=6"),
    ("Go for a run at 6", "Go for a run at 6", None, None),
    ("Reserve table for 4 at 7pm on saturday", "Reserve table for 4", "2026-11-28 19:00", None),
    ("Feed the cat at 7am and 7pm", "Feed the cat at 7am and 7pm", None, None),
    ("Check in 24 hours before flight", "Check in 24 hours before flight", None, None),
    ("Prepare talk: 5 slides, 10 minutes", "Prepare talk: 5 slides, 10 minutes", None, None),
]


def due_of(task: QuickTask) -> str | None:
    if task.due_date is None:
        return None
    return f"{task.due_date} {task.due_time:%H:%M}" if task.due_time else str(task.due_date)


@pytest.mark.parametrize(("sentence", "title", "due", "rule"), SENTENCES)
def test_a_sentence_is_taken_for_what_it_says(sentence: str, title: str, due: str | None, rule: str | None) -> None:
    task = quick_add(sentence, NOW)

    assert (task.title, due_of(task), task.recurrence) == (title, due, rule)


@pytest.mark.parametrize(
    ("sentence", "title", "project", "labels", "priority"),
    [
        ("Pay #home @bank !high", "Pay", "home", ("bank",), Priority.HIGH),
        ("#home Pay !2 @bank, @Money", "Pay", "home", ("bank", "Money"), Priority.MEDIUM),
        ('Pay #"Summer house" @"at work" !3', "Pay", "Summer house", ("at work",), Priority.LOW),
        ("Pay @bank @Bank @two", "Pay", None, ("bank", "two"), None),
        ("Pay #home #work !1 !low", "Pay #work !low", "home", (), Priority.HIGH),
        (r"Pay \#home \@bank \!high", "Pay #home @bank !high", None, (), None),
        ('Pay # @ ! #"" @" " #12 ## !4 p1', 'Pay # @ ! #"" @" " #12 ## !4 p1', None, (), None),
        ('Read "a #b @c !1"', 'Read "a #b @c !1"', None, (), None),
        (r"Look in C:\temp and \o/", r"Look in C:\temp and \o/", None, (), None),
        ('Say "hello"!', 'Say "hello"!', None, (), None),
        ('Cut 5" of pipe #home', 'Cut 5" of pipe', "home", (), None),
        ("Grüße an @Zoë #Café", "Grüße an", "Café", ("Zoë",), None),
    ],
)
def test_marks_name_the_project_labels_and_priority(
    sentence: str, title: str, project: str | None, labels: tuple[str, ...], priority: Priority | None
) -> None:
    task = quick_add(sentence, NOW)

    assert (task.title, task.project, task.labels, task.priority) == (title, project, labels, priority)


def test_what_was_taken_is_told() -> None:
    task = quick_add("Call mum tomorrow @phone at 5pm  !1", NOW)

    assert due_of(task) == "2026-11-26 17:00"
    assert [(part.text, part.meaning) for part in task.taken] == [
        ("tomorrow", "when"),
        ("@phone", "label"),
        ("at 5pm", "when"),
        ("!1", "priority"),
    ]


def test_an_hour_is_an_hour_also_when_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    assert due_of(quick_add("Bake in 2 hours", datetime(2027, 3, 28, 1, 15, tzinfo=berlin))) == "2027-03-28 04:15"
    assert due_of(quick_add("Bake in an hour", datetime(2027, 10, 31, 1, 15, tzinfo=berlin))) == "2027-10-31 02:15"


@pytest.mark.parametrize("sentence", [sentence for sentence, _, _, rule in SENTENCES if rule])
@pytest.mark.parametrize("today", ["2026-01-31", "2027-02-28", "2028-02-29", "2026-12-31"])
def test_a_rule_is_one_that_we_take_and_it_begins_on_the_due_date(sentence: str, today: str) -> None:
    task = quick_add(sentence, datetime.fromisoformat(f"{today}T00:01Z"))

    assert task.recurrence is not None
    assert task.due_date is not None
    rule = parse(task.recurrence)
    check(rule, task.due_date)
    assert str(rule) == task.recurrence
    assert LONGEST_INTERVAL == MOST
    begin = datetime.fromisoformat(str(task.due_date))
    assert rrulestr(task.recurrence, dtstart=begin)[0] == begin


WORDS = [
    "call",
    "every",
    "other",
    "second",
    "friday",
    "mon,",
    "and",
    "tomorrow",
    "at",
    "5pm",
    "17:30",
    "in",
    "3",
    "days",
]
MORE = [
    "on",
    "the",
    "1st",
    "of",
    "may",
    "2027-03-01",
    "next",
    "week",
    "#a",
    "@b",
    "!1",
    '"',
    "\\x",
    "last",
    "month",
    ",",
]


@given(st.text() | st.lists(st.sampled_from(WORDS + MORE) | st.text(max_size=3)).map(" ".join))
@example('"" "')
@example("every month on the last day of the month")
def test_nothing_is_lost_and_nothing_is_made_up(sentence: str) -> None:
    task = quick_add(sentence, NOW)

    rest = list(sentence)
    for part in task.taken:
        assert sentence[part.start : part.end] == part.text
        rest[part.start : part.end] = " " * len(part.text)
    assert "".join(task.title.split()).replace("\\", "") == "".join("".join(rest).split()).replace("\\", "")
    assert bool(task.title) == bool(sentence.strip())
    meanings = {part.meaning for part in task.taken}
    assert ("when" in meanings) == (task.due_date is not None)
    assert ("project" in meanings, "label" in meanings) == (task.project is not None, bool(task.labels))
    assert task.due_date is not None or (task.due_time is None and task.recurrence is None)


@pytest.mark.parametrize("piece", ["every ", '"', "# ", "@a ", "\\", "3 may ", "tomorrow, ", "a", "5pm ", "on the "])
def test_long_sentences_take_their_time_and_no_more(piece: str) -> None:
    quick_add("warm up tomorrow", NOW)
    began = time.process_time()

    quick_add(piece * (4_000 // len(piece)), NOW)

    assert time.process_time() - began < 0.5


def test_a_start_does_not_pay_for_the_parser() -> None:
    check = "import sys, backend.domain.quick_add; sys.exit('lark' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
