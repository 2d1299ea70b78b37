"""Lists of projects, labels and filters in their own order."""

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None

INDEXES = {
    "projects_position_idx": ("projects", ["user_id", "position", "id"]),
    "projects_archived_position_idx": ("projects", ["user_id", "archived", "position", "id"]),
    "labels_position_idx": ("labels", ["user_id", "position", "id"]),
    "filters_position_idx": ("filters", ["user_id", "position", "id"]),
}


def upgrade() -> None:
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns, postgresql_where=sa.text("deleted_at IS NULL"))


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name)
