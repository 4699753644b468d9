"""Adds whether the public sees a partner."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    truth = sa.Column("is_public", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("partner", truth)


def downgrade() -> None:
    op.drop_column("partner", "is_public")
