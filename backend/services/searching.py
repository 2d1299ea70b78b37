"""Searching: the tasks that answer some words, the best first, as a table to list from.

What has the words, then what has words that begin so, then what looks much like them: of each kind so many at most, and
so a page of them costs the same however many tasks there are with a word that all have.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    REAL,
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from backend.models.base import metadata

MOST = 1_000
"""Tasks of a kind that are found."""

ALIKE = 0.39
"""From which likeness on a title is much like the words, by pg_trgm's word_similarity: one letter of five or more may
be wrong, missing or too much."""

_TASKS = metadata.tables["tasks"].c
_ASKED = func.fold(bindparam("q", type_=Text()))
_LETTERS = func.fold(_TASKS.title)
_WORDS = func.words_of(_TASKS.title, _TASKS.description)

type Candidates = Callable[[Sequence[ColumnElement[Any]]], Select[Any]]
"""The owner's tasks that meet all other conditions, with these columns besides."""


def found(candidates: Candidates, *, has_words: bool) -> CTE:
    """The tasks that answer `q`, with their `score`; if it has no letter or digit, those that have it in the title."""
    if not has_words:
        # Of a lone accent nothing is left, and nothing is in every title.
        asked = func.nullif(_ASKED, literal_column("''"))
        return _newest(candidates, 3, func.strpos(_LETTERS, asked) > 0).cte("found")
    exact = _newest(candidates, 3, _WORDS.bool_op("@@")(_same())).cte("exact")
    begun = _newest(candidates, 2, _few(exact), _WORDS.bool_op("@@")(_prefixes()), _not_in(exact)).cte("begun")
    rows = [select(*kind.c) for kind in (exact, begun, _alike(candidates, exact, begun))]
    return union_all(*rows).cte("found")


def _newest(candidates: Candidates, score: int, *conditions: ColumnElement[bool]) -> Select[Any]:
    order = (_TASKS.created_at.desc(), _TASKS.id.desc())
    columns = [cast(literal(score), REAL).label("score")]
    return candidates(columns).where(*conditions).order_by(*order).limit(MOST)


def _same() -> ColumnElement[Any]:
    return func.plainto_tsquery("simple", _ASKED)


def _prefixes() -> ColumnElement[Any]:
    """The words, each as the beginning of one. They are quoted as tsquery's input form says, so none is an operator."""
    word = (
        func.unnest(func.tsvector_to_array(func.to_tsvector("simple", _ASKED)))
        .table_valued("word", name="words")
        .render_derived()
    )
    doubled = func.replace(func.replace(word.c.word, "\\", "\\\\"), "'", "''")
    quoted = literal("'").concat(doubled).concat("':*")
    return select(cast(func.string_agg(quoted, " & "), TSQUERY)).scalar_subquery()


def _alike(candidates: Candidates, exact: CTE, begun: CTE) -> CTE:
    likeness = func.word_similarity(_ASKED, _LETTERS)
    order = (likeness.desc(), _TASKS.created_at.desc(), _TASKS.id.desc())
    alike = _LETTERS.bool_op("%>")(_asked_alike())
    query = candidates([likeness.label("score")]).where(_few(exact, begun), alike, _not_in(exact), _not_in(begun))
    return query.order_by(*order).limit(MOST).cte("alike")


def _few(*found: CTE) -> ColumnElement[bool]:
    """Whether there is room for more. Else they are not asked for: to compare letters takes a hundred times as long."""
    return sum((select(func.count()).select_from(kind).scalar_subquery() for kind in found), literal(0)) < MOST


def _not_in(found: CTE) -> ColumnElement[bool]:
    return _TASKS.id.not_in(select(found.c.id))


def _asked_alike() -> ColumnElement[Any]:
    # For this statement alone, so that it needs no connection of its own making; before the index is asked.
    threshold = func.set_config("pg_trgm.word_similarity_threshold", str(ALIKE), True)
    return select(_ASKED).where(threshold.is_not(None)).scalar_subquery()
