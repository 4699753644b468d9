"""Adds websites and origins of partners, and names, expiry and petitions of API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("partner", sa.Column("website", sa.String(), nullable=True))
    op.add_column(
        "partner", sa.Column("allowed_origins", sa.JSON(), nullable=False, server_default="[]")
    )
    op.add_column("api_key", sa.Column("name", sa.String(), nullable=False, server_default=""))
    op.add_column("api_key", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_key", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "api_key_petition",
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("petition_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_key.id"], name="fk_api_key_petition_api_key_id_api_key"
        ),
        sa.ForeignKeyConstraint(
            ["petition_id"], ["petition.id"], name="fk_api_key_petition_petition_id_petition"
        ),
        sa.PrimaryKeyConstraint("api_key_id", "petition_id", name="pk_api_key_petition"),
    )
    op.create_index("ix_api_key_partner_id", "api_key", ["partner_id"])


def downgrade() -> None:
    op.drop_index("ix_api_key_partner_id", "api_key")
    op.drop_table("api_key_petition")
    for table, names in (
        ("api_key", ("last_used_at", "expires_at", "name")),
        ("partner", ("allowed_origins", "website")),
    ):
        for name in names:
            op.drop_column(table, name)
