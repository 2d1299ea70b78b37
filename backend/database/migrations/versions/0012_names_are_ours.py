"""What triggers call finds our tables and functions, and none that a caller's search path or temporary tables name."""

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None

# With a temporary table `users`, which is empty, the audit log could be emptied too.
FUNCTIONS = ("audit_log_keep", "set_overdue_at", "keep_apart")
# Wherever the search path of the first migration had them made.
SCHEMA = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'audit_log'::regclass"


def upgrade() -> None:
    schema = op.get_bind().scalar(sa.text(SCHEMA))
    for function in FUNCTIONS:
        # Temporary tables are looked through first unless they are named, pg_catalog before all that is named.
        op.execute(f"ALTER FUNCTION {function}() SET search_path = {schema}, pg_temp")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"ALTER FUNCTION {function}() RESET search_path")
