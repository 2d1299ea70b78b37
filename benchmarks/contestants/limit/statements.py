"""Donewell's statements on its own tables, as text: what `backend/services/owned.py` compiles, written out."""

from functools import lru_cache

READ = (
    "tasks.id, tasks.user_id, tasks.revision AS version, tasks.title, tasks.description, tasks.completed,"
    " tasks.completed_at, tasks.priority, tasks.due_date, tasks.created_at, tasks.updated_at"
)

GET = f"SELECT {READ} FROM tasks WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL"

# A write first takes the owner's next revision, which puts all changes of one owner in order.
INSERT = f"""
WITH next_revision AS (
    UPDATE revisions SET revision = revision + 1
    WHERE user_id = $1 AND NOT EXISTS (SELECT 1 FROM tasks WHERE user_id = $1 AND id = $2)
    RETURNING revision
)
INSERT INTO tasks (user_id, id, revision, position, title, description, priority, due_date)
SELECT $1, $2, revision, 'l' || lpad(to_hex(revision), 12, '0'), $3, $4, $5, $6 FROM next_revision
ON CONFLICT (user_id, id) DO NOTHING RETURNING {READ}"""

_CASTS = {
    "title": "varchar",
    "description": "varchar",
    "completed": "boolean",
    "priority": "varchar",
    "due_date": "date",
}


@lru_cache
def page(*, filtered: bool, resumed: bool) -> str:
    """Takes the owner, how many rows, what `completed` must be, and the position after which the page begins."""
    completed = " AND completed = $3" if filtered else ""
    after = " AND (created_at, id) < ($4, $5)" if filtered else " AND (created_at, id) < ($3, $4)"
    return (
        f"SELECT {READ} FROM tasks WHERE user_id = $1 AND deleted_at IS NULL{completed}{after if resumed else ''}"
        " ORDER BY created_at DESC, id DESC LIMIT $2"
    )


@lru_cache(1_000)
def change(fields: tuple[str, ...]) -> str:
    """Takes the owner, the id, the versions expected (or null), and the fields' values in their order."""
    new = {field: f"${place}::{_CASTS[field]}" for place, field in enumerate(fields, start=4)}
    assigned = ", ".join(_assignment(field, value) for field, value in new.items())
    differs = " OR ".join(f"tasks.{field} IS DISTINCT FROM {value}" for field, value in new.items())
    target = (
        "tasks.user_id = $1 AND tasks.id = $2 AND tasks.deleted_at IS NULL"
        f" AND ($3::bigint[] IS NULL OR tasks.revision = ANY($3::bigint[])) AND ({differs})"
    )
    return f"""
WITH next_revision AS (
    UPDATE revisions SET revision = revision + 1
    WHERE user_id = $1 AND EXISTS (SELECT 1 FROM tasks WHERE {target})
    RETURNING revision
)
UPDATE tasks SET {assigned}, revision = next_revision.revision, updated_at = now()
FROM next_revision WHERE {target} AND next_revision.revision IS NOT NULL RETURNING {READ}"""


def _assignment(field: str, value: str) -> str:
    if field == "completed":
        return f"completed_at = CASE WHEN {value} THEN coalesce(tasks.completed_at, now()) END"
    return f"{field} = {value}"
