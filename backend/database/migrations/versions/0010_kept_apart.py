"""What loses the thing that it stood in, as that is purged, may then have the place of something else."""

from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None

KEEP_APART = """
    CREATE FUNCTION keep_apart() RETURNS trigger LANGUAGE plpgsql
    AS $$
        BEGIN
            NEW.position := OLD.position || replace(NEW.id::text, '-', '') || 'V';
            RETURN NEW;
        END
    $$
"""
TRIGGER = """
    CREATE TRIGGER {table}_keep_apart BEFORE UPDATE OF {columns} ON {table}
    FOR EACH ROW WHEN (pg_trigger_depth() > 0 AND NEW.parent_id IS NULL AND ({lost}))
    EXECUTE FUNCTION keep_apart()
"""
# Deeper than 0 is what the foreign keys do: a move says itself at which place it ends.
LOST = {
    "projects": ("parent_id", "OLD.parent_id IS NOT NULL"),
    "tasks": (
        "project_id, parent_id",
        "OLD.parent_id IS NOT NULL OR OLD.project_id IS NOT NULL AND NEW.project_id IS NULL",
    ),
}


def upgrade() -> None:
    op.execute(KEEP_APART)
    for table, (columns, lost) in LOST.items():
        op.execute(TRIGGER.format(table=table, columns=columns, lost=lost))


def downgrade() -> None:
    for table in LOST:
        op.execute(f"DROP TRIGGER {table}_keep_apart ON {table}")
    op.execute("DROP FUNCTION keep_apart()")
