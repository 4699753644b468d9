"""Allows two live keys per name, and adds an index of signatures by partner."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In words that both databases have, as in 0008.
    op.execute(
        "ALTER TABLE api_key ADD COLUMN slot INTEGER "
        "CONSTRAINT ck_api_key_slot CHECK (slot BETWEEN 1 AND 2)"
    )
    op.create_index(
        "ix_api_key_partner_id_slot", "api_key", ["partner_id", "name", "slot"], unique=True
    )
    _index(
        "ix_api_key_organisation_id_slot",
        "api_key",
        ["organisation_id", "name", "slot"],
        "partner_id IS NULL",
        unique=True,
    )
    columns = ["partner_id", "petition_id", "id"]
    _index("ix_signature_partner_id", "signature", columns, "partner_id IS NOT NULL")


def downgrade() -> None:
    op.drop_index("ix_signature_partner_id", "signature")
    op.drop_index("ix_api_key_organisation_id_slot", "api_key")
    op.drop_index("ix_api_key_partner_id_slot", "api_key")
    op.drop_column("api_key", "slot")


def _index(
    name: str, table: str, columns: list[str], condition: str, *, unique: bool = False
) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
