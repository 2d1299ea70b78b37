"""Users with their revision counter, sessions and tasks."""

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def _timestamps() -> list[sa.Column[object]]:
    now = sa.text("now()")
    return [
        sa.Column(name, sa.TIMESTAMP(timezone=True), server_default=now, nullable=False)
        for name in ("created_at", "updated_at")
    ]


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String()),
        sa.Column("time_zone", sa.String(), server_default="UTC", nullable=False),
        sa.Column("email_verified_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
    )
    op.create_index("users_lower_email_key", "users", [sa.text("lower(email)")], unique=True)
    op.create_table(
        "revisions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="revisions_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="revisions_user_id_fkey", ondelete="CASCADE"),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "sessions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("family_key", sa.LargeBinary(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("parent_hash", sa.LargeBinary()),
        sa.Column("rotated_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("idle_expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("device", sa.String(255)),
        *_timestamps(),
        sa.PrimaryKeyConstraint("user_id", "id", name="sessions_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="sessions_user_id_fkey", ondelete="CASCADE"),
    )
    op.create_table(
        "tasks",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String()),
        sa.Column("completed", sa.Boolean(), sa.Computed("completed_at IS NOT NULL", persisted=True), nullable=False),
        sa.Column("completed_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("priority", sa.String(), server_default="none", nullable=False),
        sa.Column("due_date", sa.Date()),
        *_timestamps(),
        sa.Column("deleted_at", sa.TIMESTAMP(timezone=True)),
        sa.PrimaryKeyConstraint("user_id", "id", name="tasks_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["revisions.user_id"], name="tasks_user_id_fkey", ondelete="CASCADE"),
        sa.CheckConstraint("char_length(title) BETWEEN 1 AND 255", name=op.f("tasks_title_check")),
        sa.CheckConstraint("char_length(description) <= 16384", name=op.f("tasks_description_check")),
        sa.CheckConstraint("priority IN ('none', 'low', 'medium', 'high')", name=op.f("tasks_priority_check")),
    )
    op.create_index(
        "tasks_listing_idx", "tasks", ["user_id", "created_at", "id"], postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.create_index(
        "tasks_completed_idx",
        "tasks",
        ["user_id", "completed", "created_at", "id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    for table in ("tasks", "sessions", "revisions", "users"):
        op.drop_table(table)
