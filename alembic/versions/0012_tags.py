"""Adds tags, and when an organisation last changed its data on a supporter."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("supporter", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "tag",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 100", name="name"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_tag_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tag"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_tag_organisation_id_name"),
    )
    op.create_table(
        "tagging",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tag_id", sa.Uuid(), nullable=False),
        sa.Column("supporter_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name="fk_tagging_tag_id_tag"),
        sa.ForeignKeyConstraint(
            ["supporter_id"], ["supporter.id"], name="fk_tagging_supporter_id_supporter"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tagging"),
        sa.UniqueConstraint("tag_id", "supporter_id", name="uq_tagging_tag_id_supporter_id"),
    )
    op.create_index("ix_tagging_supporter_id", "tagging", ["supporter_id"])


def downgrade() -> None:
    op.drop_table("tagging")
    op.drop_table("tag")
    op.drop_column("supporter", "changed_at")
