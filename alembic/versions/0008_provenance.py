"""Adds where a signature was given, if not on our pages."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In words that both databases have: a constraint added by itself would make SQLite copy all
    # signatures into a new table.
    op.execute(
        "ALTER TABLE signature ADD COLUMN provenance VARCHAR "
        "CONSTRAINT ck_signature_provenance CHECK (length(provenance) BETWEEN 1 AND 200)"
    )


def downgrade() -> None:
    op.drop_column("signature", "provenance")
