"""Adds roles, invitations, sessions, second steps, the record of accounts, and drafts' choices.

Today's organisers become owners, and have 14 days to set up a second step. Their sessions end,
because sessions are now rows. On the way down all of this goes; mails about accounts that wait are
deleted.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ROLES = ("owner", "editor", "viewer")
GRACE = timedelta(days=14)
OLD_MESSAGES = (
    "confirm_signature",
    "already_signed",
    "confirm_letter",
    "letter",
    "letter_held",
    "seat_filled",
    "letter_receipt",
    "letter_bounced",
    "letter_question",
    "webhook_stopped",
    "webhook_failing",
)
NEW_MESSAGES = ("invitation", "password_reset", "account_changed")
EVENTS = (
    "signed_in",
    "sign_in_failed",
    "signed_out",
    "session_ended",
    "password_changed",
    "password_reset",
    "second_step_added",
    "second_step_reset",
    "recovery_codes_made",
    "recovery_code_used",
    "invited",
    "invitation_ended",
    "joined",
    "role_changed",
    "removed",
    "downloaded",
)


def upgrade() -> None:
    # As text: both databases take the CHECK with the column, and drop it with the column.
    op.execute(
        "ALTER TABLE organiser ADD COLUMN role VARCHAR(20) DEFAULT 'owner' NOT NULL "
        "CONSTRAINT ck_organiser_role CHECK (role IN ('owner', 'editor', 'viewer'))"
    )
    op.add_column("organiser", _moment("second_step_due_at", nullable=True))
    truth = sa.Column(
        "runs_without_motion", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("campaign", truth)
    organiser = sa.table("organiser", _moment("second_step_due_at"))
    op.execute(sa.update(organiser).values(second_step_due_at=datetime.now(UTC) + GRACE))
    _create_invitations()
    _create_sessions()
    _create_second_steps()
    _create_records()
    # The desk's home counts a campaign's letters by state and by time.
    op.drop_index("ix_letter_campaign_id", "letter")
    columns = ["campaign_id", "state", "sent_at"]
    op.create_index("ix_letter_campaign_id_state_sent_at", "letter", columns)
    _change_kinds((*OLD_MESSAGES, *NEW_MESSAGES))


def downgrade() -> None:
    # What the older program does not know cannot be kept.
    listed = ", ".join(f"'{kind}'" for kind in NEW_MESSAGES)
    op.execute(f"DELETE FROM outbox_message WHERE kind IN ({listed})")  # noqa: S608 - a fixed text
    _change_kinds(OLD_MESSAGES)
    op.drop_index("ix_letter_campaign_id_state_sent_at", "letter")
    op.create_index("ix_letter_campaign_id", "letter", ["campaign_id"])
    for name in (
        "desk_postponement",
        "account_event",
        "organiser_recovery_code",
        "organiser_second_step",
        "organiser_device",
        "organiser_session",
        "organiser_invitation",
    ):
        op.drop_table(name)
    op.drop_column("organiser", "second_step_due_at")
    op.drop_column("organiser", "role")
    op.drop_column("campaign", "runs_without_motion")


def _create_invitations() -> None:
    table = "organiser_invitation"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.LargeBinary(), nullable=False),
        sa.Column("email_index", sa.LargeBinary(), nullable=False),
        sa.Column("role", _choice("role", *ROLES), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        _moment("created_at"),
        _moment("expires_at"),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name="fk_organiser_invitation_organisation_id_organisation",
        ),
        _of_organiser(table, "invited_by"),
        sa.PrimaryKeyConstraint("id", name="pk_organiser_invitation"),
        sa.UniqueConstraint(
            "organisation_id",
            "email_index",
            name="uq_organiser_invitation_organisation_id_email_index",
        ),
    )
    op.create_index(
        "ix_organiser_invitation_invited_by_created_at", table, ["invited_by", "created_at"]
    )
    op.create_index("ix_organiser_invitation_expires_at", table, ["expires_at"])


def _create_sessions() -> None:
    table = "organiser_session"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organiser_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("device", sa.String(length=60), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        _moment("second_step_at", nullable=True),
        _moment("created_at"),
        _moment("seen_at"),
        _of_organiser(table),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name="fk_organiser_session_campaign_id_campaign",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_organiser_session"),
        sa.UniqueConstraint("token_hash", name="uq_organiser_session_token_hash"),
    )
    op.create_index("ix_organiser_session_organiser_id", table, ["organiser_id"])
    op.create_index("ix_organiser_session_seen_at", table, ["seen_at"])
    table = "organiser_device"
    op.create_table(
        table,
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("organiser_id", sa.Uuid(), nullable=False),
        _moment("seen_at"),
        _of_organiser(table),
        sa.PrimaryKeyConstraint("token_hash", name="pk_organiser_device"),
    )
    op.create_index("ix_organiser_device_organiser_id", table, ["organiser_id"])
    op.create_index("ix_organiser_device_seen_at", table, ["seen_at"])


def _create_second_steps() -> None:
    op.create_table(
        "organiser_second_step",
        sa.Column("organiser_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        _moment("confirmed_at", nullable=True),
        _moment("created_at"),
        _of_organiser("organiser_second_step"),
        sa.PrimaryKeyConstraint("organiser_id", name="pk_organiser_second_step"),
    )
    op.create_table(
        "organiser_recovery_code",
        sa.Column("organiser_id", sa.Uuid(), nullable=False),
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        _of_organiser("organiser_recovery_code"),
        sa.PrimaryKeyConstraint("organiser_id", "code_index", name="pk_organiser_recovery_code"),
    )


def _create_records() -> None:
    op.create_table(
        "account_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("organiser_id", sa.Uuid(), nullable=True),
        sa.Column("kind", _choice("kind", *EVENTS), nullable=False),
        sa.Column("actor", sa.LargeBinary(), nullable=True),
        sa.Column("about", sa.LargeBinary(), nullable=True),
        sa.Column("device", sa.String(length=60), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        _moment("at"),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name="fk_account_event_organisation_id_organisation",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_account_event"),
    )
    op.create_index("ix_account_event_at", "account_event", ["at"])
    op.create_index("ix_account_event_organiser_id", "account_event", ["organiser_id"])
    op.create_index(
        "ix_account_event_organisation_id_at", "account_event", ["organisation_id", "at"]
    )
    op.create_table(
        "desk_postponement",
        sa.Column("organiser_id", sa.Uuid(), nullable=False),
        sa.Column("task", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        _moment("until"),
        _of_organiser("desk_postponement"),
        sa.PrimaryKeyConstraint("organiser_id", "task", "subject_id", name="pk_desk_postponement"),
    )


def _of_organiser(table: str, column: str = "organiser_id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], ["organiser.id"], name=f"fk_{table}_{column}_organiser", ondelete="CASCADE"
    )


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def _change_kinds(kinds: Sequence[str]) -> None:
    with op.batch_alter_table("outbox_message") as batch:
        batch.drop_constraint(op.f("ck_outbox_message_kind"), type_="check")
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        batch.create_check_constraint(op.f("ck_outbox_message_kind"), f"kind IN ({listed})")
