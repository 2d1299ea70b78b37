"""A task from one sentence, by the forms of docs/quick-add.md and no others; it says which words it took. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal, NamedTuple

from backend.domain.filters import Priority

LONGEST_SENTENCE = 1_000
"""Characters that a sentence may have: reading it takes time by its words."""

type Meaning = Literal["when", "project", "label", "priority"]


@dataclass(frozen=True, slots=True)
class Taken:
    """Words that are no part of the title, `sentence[start:end]`, and what they were taken for."""

    start: int
    end: int
    text: str
    meaning: Meaning


@dataclass(frozen=True, slots=True)
class QuickTask:
    """What a sentence says of a task. `recurrence` is an RFC 5545 rule without DTSTART that begins on `due_date`."""

    title: str
    due_date: date | None = None
    due_time: time | None = None
    recurrence: str | None = None
    project: str | None = None
    labels: tuple[str, ...] = ()
    priority: Priority | None = None
    taken: tuple[Taken, ...] = ()


class _Word(NamedTuple):
    start: int
    end: int
    text: str

    @property
    def literal(self) -> bool:
        return self.text.startswith('"') or _ESCAPED.fullmatch(self.text) is not None


class _When(NamedTuple):
    """The words that say when, and what they say."""

    words: Sequence[_Word]
    due_date: date | None
    due_time: time | None
    recurrence: str | None


_NOT_SAID = _When((), None, None, None)
_WORDS = re.compile(r'[#@]?"[^"]*"|\S+')
_ESCAPED = re.compile(r"\\([#@!].*|[\w-]+(:[0-9]{2})?[.,;:!?]*)")
_MARK = re.compile(r'[#@]("[^"]*"|\w\S*)')
_ALL_DIGITS = re.compile(r"[#@][0-9]+")
_PUNCTUATION = ".,;:!?"

_PRIORITIES = {
    "!1": Priority.HIGH,
    "!2": Priority.MEDIUM,
    "!3": Priority.LOW,
    "!high": Priority.HIGH,
    "!medium": Priority.MEDIUM,
    "!low": Priority.LOW,
}

_LONGEST_WHEN = 14
"""Words of `every mon, tue, … and sun at 9 am`, and some."""

_BINDING = re.compile(
    r"about|after|all|an?|and|any|at|before|between|by|during|each|every|except|for|from|in|last|midnight|next|not?|of|on"
    r"|or|other|per|since|than|that|the|these|this|those|till|to|until|vs|without|with|first|second|third|fourth"
    r"|(dai|week|month|quarter|year)ly|[0-9]{1,2}(st|nd|rd|th)"
)
"""Before a day these make it a part of the sentence: `the book about tomorrow`, `every second friday`."""

_HOUR = re.compile(r"(at|by|from|till|until|to) [0-9:]+")
"""After an hour without a form, likewise: `at 5 tomorrow`."""

_DAY_LIKE = re.compile(
    r"\b(today|tomorrow|yesterday|tonight|(mon|tues|wednes|thurs|fri|satur|sun)days?|weekends?|mornings?|evenings?"
    r"|afternoons?|in ([0-9]{1,4}|an?) (day|week|month|year|hour)s?"
    r"|(every|each|next|last|this)( \w{1,20})? (day|week|month|year)s?"
    r"|[0-9]{1,2}(st|nd|rd|th)?( of)? (jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6} [0-9]{1,2}(st|nd|rd|th)?"
    r"|[0-9]{1,4}[/.-][0-9]{1,2})(?![\w'\u2019])"
)
"""Shortly before a form these may belong to it, in a way that is none of ours: `tomorrow morning at 9am`."""


def quick_add(sentence: str, now: datetime) -> QuickTask:
    """What a sentence says of a task. `now` is aware and in the zone of whoever says it.

    Never fails: what is no form is title, and so is everything if otherwise no title were left.
    """
    words = [_Word(match.start(), match.end(), match[0]) for match in _WORDS.finditer(sentence)]
    marks = dict(_marks(words))
    plain = [word for word in words if word not in marks]
    when = _when(plain, now)
    title = _title([word for word in plain if word not in when.words])
    if not title:
        return QuickTask(" ".join(sentence.split()))
    taken = [Taken(*word, meaning) for word, (meaning, _) in marks.items()] + [*_runs(when.words, sentence)]
    named = [(meaning, name) for meaning, name in marks.values()]
    return QuickTask(
        title,
        when.due_date,
        when.due_time,
        when.recurrence,
        project=next((name for meaning, name in named if meaning == "project"), None),
        labels=tuple({name.casefold(): name for meaning, name in reversed(named) if meaning == "label"}.values())[::-1],
        priority=next((_PRIORITIES[name] for meaning, name in named if meaning == "priority"), None),
        taken=tuple(sorted(taken, key=lambda part: part.start)),
    )


def project_in(sentence: str) -> str | None:
    """The name of the project that a sentence names, which does not depend on when it is said."""
    words = [_Word(match.start(), match.end(), match[0]) for match in _WORDS.finditer(sentence)]
    return next((name for _, (meaning, name) in _marks(words) if meaning == "project"), None)


def _marks(words: Sequence[_Word]) -> Iterator[tuple[_Word, tuple[Meaning, str]]]:
    """The words that name a project, labels or a priority. A second project or priority is title, and can be seen."""
    seen: set[Meaning] = set()
    for word in words:
        meaning, name = _mark(word.text)
        if meaning is None or (meaning in seen and meaning != "label"):
            continue
        seen.add(meaning)
        yield word, (meaning, name)


def _mark(text: str) -> tuple[Meaning | None, str]:
    bare = text.rstrip(_PUNCTUATION)
    if bare.lower() in _PRIORITIES:
        return "priority", bare.lower()
    # `#12` is the number of something more often than the name of a project.
    if not _MARK.fullmatch(bare) or _ALL_DIGITS.fullmatch(bare) or not (name := bare[1:].strip('"').strip()):
        return None, ""
    return "project" if bare[0] == "#" else "label", name


def _when(words: Sequence[_Word], now: datetime) -> _When:
    """What is said at the end of the words, at their beginning before a comma or a colon, or by both together."""
    lengths = range(min(_LONGEST_WHEN, len(words)), 0, -1)
    ends = (_said(words[-count:], now) for count in lengths)
    begins = (_said(words[:count], now) for count in lengths if words[count - 1].text[-1] in ",:")
    end, begin = next(filter(None, ends), None), next(filter(None, begins), None)
    if end is None:
        return begin or _NOT_SAID
    if begin is not None:
        end = _said([*begin.words, *end.words], now)
    rest = [word for word in words if end and word not in end.words]
    return _NOT_SAID if end is None or _is_bound(rest) else end


def _said(words: Sequence[_Word], now: datetime) -> _When | None:
    """What the words say, all of them together."""
    from backend.domain.quick_add_grammar import when  # noqa: PLC0415 (a start must not pay for a parser)

    if any(word.literal for word in words):
        return None
    said = when(" ".join(word.text.rstrip(_PUNCTUATION) for word in words))
    due = said.due(now) if said else None
    if said is None or due is None:
        return None
    return _When(words, *due, said.repetition.rule if said.repetition else None)


def _is_bound(words: Sequence[_Word]) -> bool:
    """Whether these words claim the ones that follow, or say something of when themselves."""
    before = [word.text.lower() for word in words[-3:] if not word.literal]
    if _BINDING.fullmatch(before[-1] if before else "") or _HOUR.fullmatch(" ".join(before[-2:])):
        return True
    return _DAY_LIKE.search(" ".join(before)) is not None


def _title(words: Sequence[_Word]) -> str:
    """The words with a space where there was one, and without the backslashes that protected them."""
    parts: list[str] = []
    for number, word in enumerate(words):
        if number and words[number - 1].end < word.start:
            parts.append(" ")
        parts.append(word.text[1:] if _ESCAPED.fullmatch(word.text) else word.text)
    return " ".join("".join(parts).split())


def _runs(words: Sequence[_Word], sentence: str) -> Iterator[Taken]:
    """The words in as few pieces as there are; a mark may stand between them."""
    begin = 0
    for number, word in enumerate(words):
        if number + 1 == len(words) or not sentence[word.end : words[number + 1].start].isspace():
            start, end = words[begin].start, word.end
            yield Taken(start, end, sentence[start:end], "when")
            begin = number + 1
