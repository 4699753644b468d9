"""Finds the newest letters of a campaign, and those from one seat, by an index."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_letter_campaign_id_id": ["campaign_id", "id"],
    "ix_letter_campaign_id_constituency_code_state_sent_at": [
        "campaign_id",
        "constituency_code",
        "state",
        "sent_at",
    ],
}


def upgrade() -> None:
    for name, columns in INDEXES.items():
        op.create_index(name, "letter", columns)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "letter")
