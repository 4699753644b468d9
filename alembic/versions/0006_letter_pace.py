"""Adds reserved places for letters per hour and day, which keep a campaign's pace."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "letter_pace",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.CheckConstraint("reserved >= 0", name=op.f("ck_letter_pace_not_negative")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_letter_pace_campaign_id"
        ),
        sa.PrimaryKeyConstraint("campaign_id", "member_id", "begins_at", name="pk_letter_pace"),
    )


def downgrade() -> None:
    # Letters of a paused campaign would otherwise wait for ever.
    op.execute("UPDATE outbox_message SET due_at = created_at WHERE due_at > '9000-01-01'")
    op.drop_table("letter_pace")
