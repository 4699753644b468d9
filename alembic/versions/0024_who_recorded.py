"""Keeps who recorded a statement about a member, and with which key a reply was checked.

What came before has neither. SQLite copies the two tables, which no other refers to.
"""

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

OVERRIDE, REPLY = "member_override", "member_reply"


def upgrade() -> None:
    with op.batch_alter_table(OVERRIDE) as batch:
        _add(batch, OVERRIDE, "organiser_id", "organiser", ondelete="SET NULL")
        _add(batch, OVERRIDE, "api_key_id", "api_key")
    op.create_index("ix_member_override_organiser_id", OVERRIDE, ["organiser_id"])
    with op.batch_alter_table(REPLY) as batch:
        _add(batch, REPLY, "api_key_id", "api_key")


def downgrade() -> None:
    with op.batch_alter_table(REPLY) as batch:
        _drop(batch, REPLY, "api_key_id")
    op.drop_index("ix_member_override_organiser_id", OVERRIDE)
    with op.batch_alter_table(OVERRIDE) as batch:
        _drop(batch, OVERRIDE, "api_key_id")
        _drop(batch, OVERRIDE, "organiser_id")


def _add(
    batch: BatchOperations, table: str, column: str, other: str, *, ondelete: str | None = None
) -> None:
    batch.add_column(sa.Column(column, sa.Uuid(), nullable=True))
    batch.create_foreign_key(f"fk_{table}_{column}", other, [column], ["id"], ondelete=ondelete)


def _drop(batch: BatchOperations, table: str, column: str) -> None:
    batch.drop_constraint(f"fk_{table}_{column}", type_="foreignkey")
    batch.drop_column(column)
