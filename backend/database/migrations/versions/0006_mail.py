"""Mail that waits to be sent, and the tokens in it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), sa.Identity(always=True, maxvalue=10_000, cycle=True), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("caller", postgresql.JSONB(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('verify_email', 'change_email', 'reset_password', 'email_changed', 'password_changed')",
            name=op.f("mails_purpose_check"),
        ),
        sa.PrimaryKeyConstraint("id", name="mails_pkey"),
        sa.UniqueConstraint("place", name="mails_place_key"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="mails_user_id_fkey", ondelete="CASCADE"),
    )
    op.create_index(
        "mails_waiting_key",
        "mails",
        ["user_id", "purpose", sa.text("lower(address)")],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("mails_next_attempt_at_idx", "mails", ["next_attempt_at"])
    op.create_table(
        "one_time_tokens",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('verify_email', 'change_email', 'reset_password')", name=op.f("one_time_tokens_purpose_check")
        ),
        sa.PrimaryKeyConstraint("user_id", "purpose", name="one_time_tokens_pkey"),
        sa.UniqueConstraint("token_hash", name="one_time_tokens_token_hash_key"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="one_time_tokens_user_id_fkey", ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("one_time_tokens")
    op.drop_table("mails")
