"""Adds the hourly changes of each petition's count of signatures."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "petition_hour",
        sa.Column("petition_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["petition_id"], ["petition.id"], name="fk_petition_hour_petition_id"
        ),
        sa.PrimaryKeyConstraint("petition_id", "hour", name="pk_petition_hour"),
    )
    # What was confirmed and ended later changed the count by nothing in sum.
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    hour = (
        "strftime('%Y-%m-%d %H:00:00.000000', confirmed_at)"
        if is_sqlite
        else "date_trunc('hour', confirmed_at, 'UTC')"
    )
    op.execute(
        "INSERT INTO petition_hour (petition_id, hour, change) "  # noqa: S608 - two fixed texts
        f"SELECT petition_id, {hour}, count(*) FROM signature "
        f"WHERE state = 'confirmed' GROUP BY petition_id, {hour}"
    )


def downgrade() -> None:
    op.drop_table("petition_hour")
