"""The audit log, append-only; the grants that have ended; an index for the sessions that have not."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

# An entry may go only with its account, which then is no longer there.
_KEEP = """
CREATE FUNCTION audit_log_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM users WHERE id = OLD.user_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'restrict_violation';
END
$$
"""
_TRIGGER = """
CREATE TRIGGER audit_log_keep BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_keep()
"""
_NO_TRUNCATE = """
CREATE TRIGGER audit_log_keep_all BEFORE TRUNCATE ON audit_log EXECUTE FUNCTION audit_log_keep()
"""


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("grant_id", sa.Uuid()),
        sa.Column("address", sa.String()),
        sa.Column("device", sa.String(255)),
        sa.Column("request_id", sa.String(64)),
        sa.Column("details", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name="audit_log_pkey"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="audit_log_user_id_fkey", ondelete="CASCADE"),
    )
    op.create_index("audit_log_listing_idx", "audit_log", ["user_id", "created_at", "id"])
    for statement in (_KEEP, _TRIGGER, _NO_TRUNCATE):
        op.execute(statement)
    op.create_table(
        "revocations",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("revoked_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("grant_id", name="revocations_pkey"),
    )
    op.create_index("revocations_revoked_at_idx", "revocations", ["revoked_at"])
    op.create_index(
        "sessions_listing_idx",
        "sessions",
        ["user_id", "created_at", "id"],
        postgresql_where=sa.text("revoked_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("sessions_listing_idx", "sessions")
    op.drop_table("revocations")
    op.drop_table("audit_log")
    op.execute("DROP FUNCTION audit_log_keep()")
