"""Personal access tokens."""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 255", name=op.f("access_tokens_name_check")),
        sa.CheckConstraint("scope <> ''", name=op.f("access_tokens_scope_check")),
        sa.PrimaryKeyConstraint("user_id", "id", name="access_tokens_pkey"),
        sa.UniqueConstraint("token_hash", name="access_tokens_token_hash_key"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="access_tokens_user_id_fkey", ondelete="CASCADE"),
    )
    op.create_index("access_tokens_listing_idx", "access_tokens", ["user_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("access_tokens")
