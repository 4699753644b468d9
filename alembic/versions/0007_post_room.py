"""Adds relays in trouble, dead addresses, copies of letters, and reports of replies to letters."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
OLD_MESSAGES = (
    "confirm_signature",
    "already_signed",
    "confirm_letter",
    "letter",
    "letter_held",
    "seat_filled",
)
NEW_MESSAGES = ("letter_receipt", "letter_bounced", "letter_question")
OUTCOMES = ("answered", "acknowledged", "not_answered")
PENDING = sa.text("state = 'pending' AND ended_at IS NULL")
TO_BE_ASKED = sa.text("state = 'sent' AND asked_at IS NULL")
ADDED = {
    "letter": ("bounced_at", "asked_at", "wants_copy"),
    "supporter": ("questions_off_at", "mail_off_at"),
    "campaign": ("own_words_are_required",),
}


def upgrade() -> None:
    _change_kinds((*OLD_MESSAGES, *NEW_MESSAGES))
    for table, names in ADDED.items():
        for name in names:
            _add_column(table, name)
    # Whoever wrote before there was a question is not asked now.
    op.execute("UPDATE letter SET asked_at = sent_at WHERE state = 'sent'")
    op.create_index(
        "ix_letter_to_be_asked",
        "letter",
        ["sent_at"],
        sqlite_where=TO_BE_ASKED,
        postgresql_where=TO_BE_ASKED,
    )
    with op.batch_alter_table("member_reply") as batch:
        batch.add_column(sa.Column("letter_id", sa.Uuid(), nullable=True))
        batch.create_foreign_key("fk_member_reply_letter_id", "letter", ["letter_id"], ["id"])
    op.create_index("uq_member_reply_letter_id", "member_reply", ["letter_id"], unique=True)
    # What was never confirmed is looked for every minute, and must not be looked for among all.
    op.create_index(
        "ix_signature_pending",
        "signature",
        ["signed_at"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    _create_answers()
    _create_relays()


def downgrade() -> None:
    op.drop_table("dead_address")
    op.drop_table("relay")
    op.drop_table("letter_answer")
    op.drop_index("ix_signature_pending", "signature")
    op.drop_index("uq_member_reply_letter_id", "member_reply")
    with op.batch_alter_table("member_reply") as batch:
        batch.drop_constraint("fk_member_reply_letter_id", type_="foreignkey")
        batch.drop_column("letter_id")
    op.drop_index("ix_letter_to_be_asked", "letter")
    for table, names in ADDED.items():
        for name in names:
            op.drop_column(table, name)
    # What the older program does not know cannot be kept.
    listed = ", ".join(f"'{kind}'" for kind in NEW_MESSAGES)
    op.execute(f"DELETE FROM outbox_message WHERE kind IN ({listed})")  # noqa: S608 - a fixed text
    _change_kinds(OLD_MESSAGES)


def _add_column(table: str, name: str) -> None:
    if name.endswith("_at"):
        op.add_column(table, sa.Column(name, MOMENT, nullable=True))
    else:
        truth = sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column(table, truth)


def _change_kinds(kinds: Sequence[str]) -> None:
    with op.batch_alter_table("outbox_message") as batch:
        batch.drop_constraint(op.f("ck_outbox_message_kind"), type_="check")
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        batch.create_check_constraint(op.f("ck_outbox_message_kind"), f"kind IN ({listed})")


def _create_answers() -> None:
    op.create_table(
        "letter_answer",
        sa.Column("letter_id", sa.Uuid(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                *OUTCOMES, name="outcome", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"], name="fk_letter_answer_letter_id"),
        sa.PrimaryKeyConstraint("letter_id", name="pk_letter_answer"),
    )


def _create_relays() -> None:
    op.create_table(
        "relay",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("failed_at", MOMENT, nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("resting_until", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_relay"),
    )
    op.create_table(
        "dead_address",
        sa.Column("address_index", sa.LargeBinary(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_dead_address_member_id"),
        sa.PrimaryKeyConstraint("address_index", name="pk_dead_address"),
    )
    op.create_index("ix_dead_address_member_id", "dead_address", ["member_id"])
