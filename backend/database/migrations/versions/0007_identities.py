"""Identities at other issuers, and users who have no e-mail address."""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(issuer) BETWEEN 1 AND 255", name=op.f("identities_issuer_check")),
        sa.CheckConstraint("char_length(subject) BETWEEN 1 AND 255", name=op.f("identities_subject_check")),
        sa.PrimaryKeyConstraint("user_id", "id", name="identities_pkey"),
        sa.UniqueConstraint("issuer", "subject", name="identities_issuer_subject_key"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="identities_user_id_fkey", ondelete="CASCADE"),
    )
    op.alter_column("users", "email", nullable=True)


def downgrade() -> None:
    # The older version wants an address of everybody: one to which nothing can be sent.
    op.execute("UPDATE users SET email = id || '@users.invalid' WHERE email IS NULL")
    op.alter_column("users", "email", nullable=False)
    op.drop_table("identities")
