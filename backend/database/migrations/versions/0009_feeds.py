"""Calendar feeds."""

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "feeds",
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 255", name=op.f("feeds_name_check")),
        sa.PrimaryKeyConstraint("user_id", "id", name="feeds_pkey"),
        sa.UniqueConstraint("secret_hash", name="feeds_secret_hash_key"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="feeds_user_id_fkey", ondelete="CASCADE"),
    )
    op.create_index("feeds_listing_idx", "feeds", ["user_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("feeds")
