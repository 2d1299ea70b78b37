"""Tasks as hypothesis makes them: any that there can be, and any change that can be asked for."""

import unicodedata
from typing import Any, get_args

from hypothesis import strategies as st

from backend.schemas.tasks import Priority

_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40).map(
    lambda text: unicodedata.normalize("NFC", text)
)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "title": _texts.map(str.strip).filter(bool),
    "description": st.none() | _texts,
    "completed": st.booleans(),
    "priority": st.sampled_from(get_args(Priority)),
    "due_date": st.none() | st.dates().map(str),
}

NOT_NULLABLE = ("title", "completed", "priority")
"""What a task always has."""

task_states = st.fixed_dictionaries(_FIELDS)
"""Everything that can be changed about a task, as JSON says it."""

task_changes = st.fixed_dictionaries({}, optional=_FIELDS)
"""Any of it."""
