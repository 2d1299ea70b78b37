"""The statements of export and import: whole batches of rows, read in order or written with one revision."""

from collections.abc import Collection, Mapping

from sqlalchemy import ARRAY, JSON, Integer, Text, bindparam, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from backend.database.fast_lane import Statement
from backend.formats.items import Kind
from backend.models.base import metadata
from backend.services.move_statements import DEEPEST
from backend.services.owned import OWNER

TABLES: Mapping[Kind, str] = {
    "project": "projects",
    "label": "labels",
    "filter": "filters",
    "task": "tasks",
    "occurrence": "task_occurrences",
}
NO_TRASH: Collection[Kind] = {"label", "filter"}
"""What cannot be restored once it is deleted, and so comes back with a file that has it."""

_SERVED = {"user_id", "revision", "updated_at", "deleted_at", "trashed_with", "position"}
"""What nobody brings along. Places are given anew, in the order of the file: others may have the old ones by now."""

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_UUID = metadata.tables["tasks"].c.id.type
_IDS = bindparam("ids", type_=ARRAY(Text))


def columns_of(kind: Kind) -> list[str]:
    """The columns that are exported, and imported."""
    columns = metadata.tables[TABLES[kind]].c
    return [column.name for column in columns if column.name not in _SERVED | {"overdue_at"} and not column.computed]


def _type_of(kind: Kind, name: str) -> str:
    return str(metadata.tables[TABLES[kind]].c[name].type.compile(dialect=_DIALECT))


def _known(kind: Kind) -> Statement:
    """Those of the ids that are there, or were: where they are, and how deep they stand.

    Said as a range and an order, so that PostgreSQL takes the key even where it has no statistics yet, of a table that
    is being filled: otherwise it may go through all that is the owner's for each.
    """
    columns = metadata.tables[TABLES[kind]].c
    project = "project_id" if "project_id" in columns else "NULL::uuid"
    parent = "parent_id" if "parent_id" in columns else "NULL::uuid"
    read = f"SELECT id, {project} AS project_id, {parent} AS parent_id, deleted_at IS NOT NULL AS trashed"
    row = f"{read} FROM {TABLES[kind]} WHERE user_id = :owner AND id >= %s AND id <= %s ORDER BY id LIMIT 1"
    found = f"""
        SELECT found.* FROM unnest(CAST(:ids AS text[])::uuid[]) AS wanted (id)
        CROSS JOIN LATERAL ({row.replace("%s", "wanted.id")}) AS found
    """  # noqa: S608 - names of our own tables and columns
    if "parent_id" not in columns:
        flat = f"SELECT id, project_id, trashed, 1 AS depth FROM ({found}) AS found"  # noqa: S608 - the same
        return Statement(text(flat).bindparams(OWNER, _IDS))
    return Statement(
        text(f"""
        WITH RECURSIVE up AS (
            SELECT found.*, 1 AS depth FROM ({found}) AS found
            UNION ALL
            SELECT up.id, up.project_id, above.parent_id, up.trashed, up.depth + 1 FROM up
            CROSS JOIN LATERAL ({row.replace("%s", "up.parent_id")}) AS above
            WHERE up.depth <= {DEEPEST}
        )
        SELECT id, project_id, trashed, max(depth) AS depth FROM up GROUP BY id, project_id, trashed
        """).bindparams(OWNER, _IDS)  # noqa: S608 - names of our own tables and columns
    )


def _insert(kind: Kind) -> Statement:
    """The rows, given as JSON, with one revision and places behind all others. What has no trash comes back.

    Foreign keys are checked when all are in, so parents may be among them.
    """
    names = columns_of(kind)
    placed = "position" in metadata.tables[TABLES[kind]].c
    served = ["user_id", "revision", *(["position"] if placed else [])]
    again = [f"{name} = excluded.{name}" for name in [*served[1:], *names] if name != "id"]
    revived = f"ON CONFLICT (user_id, id) DO UPDATE SET deleted_at = NULL, updated_at = now(), {', '.join(again)}"
    # Now is the same for all of them: they keep their order by hundred-thousandths.
    stored = {
        "created_at": """CASE WHEN created_at IS NULL THEN now() - (1000 - place) * interval '10 microseconds'
            ELSE least(created_at, now()) END""",
        "completed_at": "CASE WHEN completed_at IS NOT NULL THEN least(completed_at, now()) END",
    }
    values = ", ".join(stored.get(name, name) for name in names)
    position = "'l' || lpad(to_hex(revision), 12, '0') || lpad(to_hex(place), 4, '0') || 'V'"
    return Statement(
        text(f"""
        WITH given AS (
            SELECT * FROM json_to_recordset(CAST(:rows AS json))
            AS given (place integer, {", ".join(f"{name} {_type_of(kind, name)}" for name in names)})
        ),
        next_revision AS (
            UPDATE revisions SET revision = revision + 1 WHERE user_id = :owner RETURNING revision
        )
        INSERT INTO {TABLES[kind]} ({", ".join([*served, *names])})
        SELECT :owner, revision, {f"{position}, " if placed else ""}{values}
        FROM given CROSS JOIN next_revision
        {revived if kind in NO_TRASH else ""}
        """).bindparams(OWNER, bindparam("rows", type_=JSON()))  # noqa: S608 - names of our own tables and columns
    )


KNOWN: Mapping[Kind, Statement] = {kind: _known(kind) for kind in TABLES}
INSERT: Mapping[Kind, Statement] = {kind: _insert(kind) for kind in TABLES}

ZONE = Statement(text("SELECT time_zone FROM users WHERE id = :owner").bindparams(OWNER))


def _named(kind: Kind, found: str) -> Statement:
    """For each of the names: how the database has it in small letters, and what there is of that name, if anything."""
    return Statement(
        text(f"""
        SELECT given.name AS given, lower(given.name) AS folded, there.found
        FROM unnest(CAST(:names AS text[])) AS given (name) CROSS JOIN LATERAL (
            SELECT {found} AS found FROM {TABLES[kind]}
            WHERE user_id = :owner AND lower(name) = lower(given.name) AND deleted_at IS NULL
        ) AS there
        """).bindparams(OWNER, bindparam("names", type_=ARRAY(Text)))  # noqa: S608 - names of our own tables and columns
    )


LABELS_NAMED = _named("label", "min(name)")
PROJECTS_NAMED = _named("project", "CAST(min(CAST(id AS text)) AS uuid)")
"""Of several, always the same."""

OUTLINE = Statement(
    text("""
    SELECT id, parent_id, project_id, position, deleted_at IS NOT NULL AS trashed FROM tasks
    WHERE user_id = :owner AND id >= :id ORDER BY id LIMIT :rows
    """).bindparams(OWNER, bindparam("id", type_=_UUID), bindparam("rows", type_=Integer()))
)
"""The next tasks, what they are in and where they stand. With the trash: otherwise other indexes look better than the
key."""

TASKS = Statement(
    text(f"""
    SELECT found.* FROM unnest(CAST(:ids AS text[])::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
        SELECT {", ".join([*columns_of("task"), "deleted_at"])} FROM tasks
        WHERE user_id = :owner AND id >= wanted.id AND id <= wanted.id ORDER BY id LIMIT 1
    ) AS found
    WHERE deleted_at IS NULL
    """).bindparams(OWNER, _IDS)  # noqa: S608 - names of our own columns
)
"""The tasks of these ids."""


def _page(kind: Kind) -> Statement:
    """The next rows."""
    columns = metadata.tables[TABLES[kind]].c
    # The driver gives jsonb as text.
    read = [f"CAST({n} AS json) AS {n}" if isinstance(columns[n].type, JSONB) else n for n in columns_of(kind)]
    return Statement(
        text(f"""
        SELECT {", ".join([*read, *(["position"] if "position" in columns else [])])} FROM {TABLES[kind]}
        WHERE user_id = :owner AND deleted_at IS NULL AND id >= :id ORDER BY id LIMIT :rows
        """).bindparams(OWNER, bindparam("id", type_=_UUID), bindparam("rows", type_=Integer()))  # noqa: S608 - names of our own
    )


PAGE: Mapping[Kind, Statement] = {kind: _page(kind) for kind in TABLES if kind != "task"}
