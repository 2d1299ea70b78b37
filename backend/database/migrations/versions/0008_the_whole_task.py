"""The whole task: what is due when and how often, where it stands, and what finds it; projects, labels, filters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

# All of them may be created by whoever owns the database ("trusted").
EXTENSIONS = ("unaccent", "pg_trgm")

# unaccent() is only stable, as its dictionary might change; an index wants a promise. The bodies are parsed here: an
# index is built with a search path on which nothing would be found.
FOLD = """
    CREATE FUNCTION fold(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN unaccent('unaccent'::regdictionary, lower($1))
"""
# What a search finds: words without regard to capitals and accents, of no language in particular.
WORDS_OF = """
    CREATE FUNCTION words_of(title text, description text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN to_tsvector('simple'::regconfig, fold(title || ' ' || coalesce(description, '')))
"""
# With the offset of the day before, a wall time in a gap moves forward by the gap's length, and one that comes twice is
# the first (PostgreSQL takes the second). It does not come back as itself only after a change within that day.
INSTANT_OF = """
    CREATE FUNCTION instant_of(wall timestamp, zone text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN (((wall - interval '24 hours') AT TIME ZONE zone) + interval '24 hours') AT TIME ZONE zone = wall
        THEN ((wall - interval '24 hours') AT TIME ZONE zone) + interval '24 hours'
        ELSE wall AT TIME ZONE zone
    END
"""
# An all-day task is overdue once its local day has ended.
SET_OVERDUE_AT = """
    CREATE FUNCTION set_overdue_at() RETURNS trigger LANGUAGE plpgsql
    AS $$
        BEGIN
            NEW.overdue_at := instant_of(
                CASE WHEN NEW.due_time IS NULL THEN NEW.due_date + 1 ELSE NEW.due_date + NEW.due_time END,
                coalesce(NEW.time_zone, (SELECT time_zone FROM users WHERE id = NEW.user_id))
            );
            RETURN NEW;
        END
    $$
"""
TRIGGERS = (
    """
    CREATE TRIGGER tasks_set_overdue_at_first BEFORE INSERT ON tasks
    FOR EACH ROW WHEN (NEW.due_date IS NOT NULL) EXECUTE FUNCTION set_overdue_at()
    """,
    """
    CREATE TRIGGER tasks_set_overdue_at BEFORE UPDATE OF due_date, due_time, time_zone, overdue_at ON tasks
    FOR EACH ROW EXECUTE FUNCTION set_overdue_at()
    """,
)
LIVE = sa.text("deleted_at IS NULL")
IN_TRASH = sa.text("deleted_at IS NOT NULL")
TRASHED = ["user_id", "deleted_at", "id"]
COLOR = "color ~ '^#[0-9a-f]{6}$'"
CHECKS = {
    "due_time": "due_time IS NULL OR due_date IS NOT NULL",
    "time_zone": "time_zone IS NULL OR due_time IS NOT NULL",
    "recurrence": "recurrence_rule IS NULL OR due_date IS NOT NULL",
    "recurrence_whole": "(recurrence_rule IS NULL) = (recurrence_anchor IS NULL)"
    " AND (recurrence_rule IS NULL) = (recurrence_start IS NULL)",
    "recurrence_anchor": "recurrence_anchor IN ('due', 'completion')",
    "parent": "parent_id <> id",
}
INDEXES: dict[str, list[str | sa.TextClause]] = {
    "tasks_position_idx": ["user_id", "position", "id"],
    "tasks_due_idx": ["user_id", "overdue_at", "id"],
    "tasks_priority_idx": ["user_id", "urgency", "id"],
    "tasks_title_idx": ["user_id", sa.text("lower(title)"), "id"],
    "tasks_updated_idx": ["user_id", "updated_at", "id"],
}


def upgrade() -> None:
    for extension in EXTENSIONS:
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    op.execute(FOLD)
    op.execute(WORDS_OF)
    op.execute(INSTANT_OF)
    op.execute(SET_OVERDUE_AT)
    _create_projects()
    _create_named("labels", 100)
    op.create_index(
        "labels_user_id_lower_name_key",
        "labels",
        ["user_id", sa.text("lower(name)")],
        unique=True,
        postgresql_where=LIVE,
    )
    _create_named(
        "filters",
        255,
        sa.Column("query", sa.String(), nullable=False),
        sa.CheckConstraint("char_length(query) BETWEEN 1 AND 1000", name=op.f("filters_query_check")),
    )
    _extend_tasks()
    _create_occurrences()


def _owned() -> list[sa.schema.SchemaItem]:
    """What every owned row has."""
    now = sa.text("now()")
    return [
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), server_default=now, nullable=False),
        sa.Column("deleted_at", sa.TIMESTAMP(timezone=True)),
    ]


def _position() -> sa.Column[str]:
    return sa.Column("position", sa.String(collation="C"), nullable=False)


def _keys(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.PrimaryKeyConstraint("user_id", "id", name=f"{table}_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["revisions.user_id"], name=f"{table}_user_id_fkey", ondelete="CASCADE"),
    ]


def _create_named(table: str, length: int, *others: sa.schema.SchemaItem) -> None:
    """A table of things with a name, a color and a place."""
    op.create_table(
        table,
        *_owned(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("color", sa.String()),
        _position(),
        *_keys(table),
        sa.CheckConstraint(f"char_length(name) BETWEEN 1 AND {length}", name=op.f(f"{table}_name_check")),
        sa.CheckConstraint(COLOR, name=op.f(f"{table}_color_check")),
        *others,
    )
    if table != "projects":
        op.create_unique_constraint(f"{table}_user_id_position_key", table, ["user_id", "position"])
    op.create_index(f"{table}_listing_idx", table, ["user_id", "created_at", "id"], postgresql_where=LIVE)
    op.create_index(f"{table}_trash_idx", table, TRASHED, postgresql_where=IN_TRASH)


def _create_projects() -> None:
    _create_named(
        "projects",
        255,
        sa.Column("archived", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("parent_id", sa.Uuid()),
        sa.Column("trashed_with", sa.Uuid()),
        sa.ForeignKeyConstraint(
            ["user_id", "parent_id"],
            ["projects.user_id", "projects.id"],
            name="projects_user_id_parent_id_fkey",
            ondelete="SET NULL (parent_id)",
        ),
        sa.UniqueConstraint(
            "user_id",
            "parent_id",
            "position",
            name="projects_user_id_parent_id_position_key",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("projects_name_idx", "projects", ["user_id", sa.text("lower(name)")], postgresql_where=LIVE)
    archived = ["user_id", "archived", "created_at", "id"]
    op.create_index("projects_archived_idx", "projects", archived, postgresql_where=LIVE)


def _extend_tasks() -> None:
    strings = postgresql.ARRAY(sa.Text())
    urgency = sa.Computed("array_position(ARRAY['none', 'low', 'medium', 'high'], priority)", persisted=True)
    for column in (
        sa.Column("urgency", sa.SmallInteger(), urgency),
        sa.Column("start_date", sa.Date()),
        sa.Column("due_time", sa.Time()),
        sa.Column("time_zone", sa.String()),
        sa.Column("overdue_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("recurrence_rule", sa.String()),
        sa.Column("recurrence_anchor", sa.String()),
        sa.Column("recurrence_start", sa.Date()),
        sa.Column("recurrence_taken", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("project_id", sa.Uuid()),
        sa.Column("parent_id", sa.Uuid()),
        sa.Column("labels", strings, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reminders", strings, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("trashed_with", sa.Uuid()),
        sa.Column("position", sa.String(collation="C"), nullable=True),
    ):
        op.add_column("tasks", column)
    _fill_tasks()
    op.alter_column("tasks", "position", nullable=False)
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"tasks_{name}_check"), "tasks", condition)
    for target, referenced in (("project_id", "projects"), ("parent_id", "tasks")):
        op.create_foreign_key(
            f"tasks_user_id_{target}_fkey",
            "tasks",
            referenced,
            ["user_id", target],
            ["user_id", "id"],
            ondelete=f"SET NULL ({target})",
        )
    op.create_unique_constraint(
        "tasks_place_key",
        "tasks",
        ["user_id", "project_id", "parent_id", "position"],
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("tasks_user_id_parent_id_idx", "tasks", ["user_id", "parent_id", "position", "id"])
    for name, columns in INDEXES.items():
        op.create_index(name, "tasks", columns, postgresql_where=LIVE)
    still_open = sa.text("deleted_at IS NULL AND NOT completed")
    op.create_index("tasks_open_due_idx", "tasks", ["user_id", "overdue_at", "id"], postgresql_where=still_open)
    op.create_index(
        "tasks_statistics_idx",
        "tasks",
        ["user_id", "completed_at", "overdue_at", "id"],
        postgresql_include=["due_date", "time_zone"],
        postgresql_where=LIVE,
    )
    op.create_index("tasks_trash_idx", "tasks", TRASHED, postgresql_where=IN_TRASH)
    words = sa.text("words_of(title, description)")
    op.create_index(
        "tasks_search_idx",
        "tasks",
        [sa.text("(ARRAY[user_id])"), "labels", words, sa.func.fold(sa.text("title")).label("letters")],
        postgresql_using="gin",
        postgresql_ops={"letters": "gin_trgm_ops"},
        postgresql_where=LIVE,
    )


def _fill_tasks() -> None:
    """What there is already stands in the order in which it was made: before all that is to come."""
    op.execute(
        """
        UPDATE tasks SET position = 'l' || lpad(to_hex(number), 12, '0'), trashed_with = CASE WHEN trash THEN id END
        FROM (
            SELECT user_id AS owner, id AS task, deleted_at IS NOT NULL AS trash,
                   row_number() OVER (PARTITION BY user_id ORDER BY created_at, id) AS number
            FROM tasks
        ) AS ordered
        WHERE user_id = owner AND id = task
        """
    )
    for trigger in TRIGGERS:
        op.execute(trigger)
    op.execute("UPDATE tasks SET overdue_at = NULL WHERE due_date IS NOT NULL")


def _create_occurrences() -> None:
    op.create_table(
        "task_occurrences",
        *_owned(),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("due_time", sa.Time()),
        sa.Column("time_zone", sa.String()),
        sa.Column("completed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("previous", postgresql.JSONB(), nullable=False),
        *_keys("task_occurrences"),
        sa.ForeignKeyConstraint(
            ["user_id", "task_id"],
            ["tasks.user_id", "tasks.id"],
            name="task_occurrences_user_id_task_id_fkey",
            ondelete="CASCADE",
        ),
    )
    columns = ["user_id", "task_id", "created_at", "id"]
    op.create_index("task_occurrences_listing_idx", "task_occurrences", columns, postgresql_where=LIVE)
    op.create_index("task_occurrences_trash_idx", "task_occurrences", TRASHED, postgresql_where=IN_TRASH)
    done = ["user_id", "task_id", "revision", "id"]
    op.create_index("task_occurrences_user_id_task_id_idx", "task_occurrences", done)
    completed = ["user_id", "completed_at", "task_id"]
    op.create_index("task_occurrences_completed_idx", "task_occurrences", completed, postgresql_where=LIVE)


def downgrade() -> None:
    op.drop_table("task_occurrences")
    for trigger in ("tasks_set_overdue_at", "tasks_set_overdue_at_first"):
        op.execute(f"DROP TRIGGER {trigger} ON tasks")
    gone = "urgency start_date due_time time_zone overdue_at recurrence_rule recurrence_anchor"
    gone += " recurrence_start recurrence_taken project_id parent_id labels reminders trashed_with position"
    for column in gone.split():
        op.drop_column("tasks", column)
    for index in ("tasks_title_idx", "tasks_updated_idx", "tasks_trash_idx"):
        op.drop_index(index)
    for table in ("filters", "labels", "projects"):
        op.drop_table(table)
    for function in ("set_overdue_at()", "instant_of(timestamp, text)", "words_of(text, text)", "fold(text)"):
        op.execute(f"DROP FUNCTION {function}")
