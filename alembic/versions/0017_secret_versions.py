"""Adds the versions of the secret key. The program fills the table at its next start.

A migration has no key. On the way down the rows go: the older program numbers the secrets by their
place, and `lobby migrate` goes down only with settings where that gives the same numbers.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "secret",
        sa.Column("version", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("version BETWEEN 1 AND 255", name=op.f("ck_secret_version")),
        sa.PrimaryKeyConstraint("version", name="pk_secret"),
    )


def downgrade() -> None:
    op.drop_table("secret")
