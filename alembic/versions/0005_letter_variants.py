"""Adds a campaign's own letter variants, sketches to find similar letters, and limits of pace."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ACTS = ("ask", "thank", "minister", "another_way")
MOMENT = sa.DateTime(timezone=True)
CAMPAIGN_CHECKS = {
    "letters_per_hour": "letters_per_hour > 0",
    "letters_per_member_day": "letters_per_member_day > 0",
    "likeness_limit": "likeness_limit BETWEEN 1 AND 100",
}


def upgrade() -> None:
    _create_variants()
    _create_sketches()
    # What was called a variant is what a letter asks; its name is that of the variant now.
    op.execute("ALTER TABLE letter RENAME COLUMN variant TO act")
    _add("letter", "variant VARCHAR(40) NOT NULL DEFAULT ''")
    _add("letter", "locale VARCHAR(5) NOT NULL DEFAULT 'en'")
    op.execute("UPDATE letter SET variant = act")
    for name, condition in CAMPAIGN_CHECKS.items():
        _add("campaign", f"{name} INTEGER CONSTRAINT ck_campaign_{name} CHECK ({condition})")
    op.add_column("campaign", sa.Column("post_paused_at", MOMENT, nullable=True))
    _add("campaign", "likeness_is_required BOOLEAN NOT NULL DEFAULT FALSE")


def downgrade() -> None:
    for name in (*CAMPAIGN_CHECKS, "post_paused_at", "likeness_is_required"):
        op.drop_column("campaign", name)
    op.drop_column("letter", "variant")
    op.drop_column("letter", "locale")
    op.execute("ALTER TABLE letter RENAME COLUMN act TO variant")
    op.drop_table("letter_sketch")
    op.drop_table("letter_variant")


def _add(table: str, column: str) -> None:
    """Adds a column with its check in place: SQLite cannot copy a table that others refer to."""
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column}")


def _create_variants() -> None:
    op.create_table(
        "letter_variant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column(
            "act",
            sa.Enum(*ACTS, name="act", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("position >= 0", name=op.f("ck_letter_variant_position")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_letter_variant_campaign_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_letter_variant"),
        sa.UniqueConstraint(
            "campaign_id", "position", name="uq_letter_variant_campaign_id_position"
        ),
        sa.UniqueConstraint("campaign_id", "name", name="uq_letter_variant_campaign_id_name"),
    )


def _create_sketches() -> None:
    op.create_table(
        "letter_sketch",
        sa.Column("letter_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"], name="fk_letter_sketch_letter_id"),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_letter_sketch_campaign_id"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_letter_sketch_member_id"),
        sa.PrimaryKeyConstraint("letter_id", name="pk_letter_sketch"),
    )
    op.create_index(
        "ix_letter_sketch_campaign_id_member_id", "letter_sketch", ["campaign_id", "member_id"]
    )
