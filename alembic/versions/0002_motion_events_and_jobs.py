"""Adds the history of motions, scheduled jobs, and the state of Parliament's APIs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

EVENT_KINDS = (
    "tabled",
    "signed",
    "withdrawn",
    "restored",
    "amended",
    "motion_withdrawn",
    "motion_restored",
    "lapsed",
)


def upgrade() -> None:
    op.add_column("motion_signatory", sa.Column("missing_since", sa.DateTime(timezone=True)))
    op.create_table(
        "motion_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("motion_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                *EVENT_KINDS, name="kind", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_motion_event_member_id"),
        sa.ForeignKeyConstraint(["motion_id"], ["motion.id"], name="fk_motion_event_motion_id"),
        sa.PrimaryKeyConstraint("id", name="pk_motion_event"),
    )
    op.create_index("ix_motion_event_motion_id_seen_at", "motion_event", ["motion_id", "seen_at"])
    op.create_table(
        "job",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_job"),
    )
    op.create_table(
        "official_api",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("wait_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_official_api"),
    )


def downgrade() -> None:
    op.drop_table("official_api")
    op.drop_table("job")
    op.drop_table("motion_event")
    with op.batch_alter_table("motion_signatory") as table:
        table.drop_column("missing_since")
