"""Adds contacts, notes and answers of members, the map, alerts, goals, and moments of names.

Letters get counts by hour, imported signatures count in the hour in which they were given, and the
record of accounts gets a kind. On the way down all of this goes; digests that wait and lines of
that kind are deleted.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

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
    "invitation",
    "password_reset",
    "account_changed",
)
NEW_MESSAGE = "alert_digest"
OLD_EVENTS = (
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
NEW_EVENT = "looked_up"
LETTER_COLUMNS = ["campaign_id", "state", "sent_at"]
LETTER_INDEX = "ix_letter_campaign_id_state_sent_at_member_id_motion_id"


def upgrade() -> None:
    # As text: both databases take the CHECK with the column, and drop it with the column.
    op.execute(
        "ALTER TABLE campaign ADD COLUMN member_goal INTEGER "
        "CONSTRAINT ck_campaign_member_goal CHECK (member_goal BETWEEN 1 AND 650)"
    )
    op.add_column("campaign", _moment("opened_at", nullable=True))
    op.add_column("campaign", _moment("ended_at", nullable=True))
    # The best that is known of earlier campaigns.
    op.execute("UPDATE campaign SET opened_at = created_at WHERE status <> 'draft'")
    op.execute("UPDATE campaign SET ended_at = updated_at WHERE status NOT IN ('draft', 'open')")
    op.add_column("motion_signatory", _moment("signed_at", nullable=True))
    op.add_column("motion_signatory", _moment("withdrawn_at", nullable=True))
    op.add_column("motion_event", _moment("happened_at", nullable=True))
    # The next answer about a motion gives the moments, also where nothing else has changed.
    op.execute("UPDATE motion SET etag = NULL, last_modified = NULL")
    _create_about_members()
    _create_map()
    _create_alerts()
    _count_letters_by_hour()
    _move_imports("confirmed_at", "signed_at")
    op.drop_index("ix_letter_campaign_id_state_sent_at", "letter")
    op.create_index(LETTER_INDEX, "letter", [*LETTER_COLUMNS, "member_id", "motion_id"])
    _change_kinds("outbox_message", (*OLD_MESSAGES, NEW_MESSAGE))
    _change_kinds("account_event", (*OLD_EVENTS, NEW_EVENT))


def downgrade() -> None:
    # What the older program does not know cannot be kept.
    op.execute(f"DELETE FROM outbox_message WHERE kind = '{NEW_MESSAGE}'")  # noqa: S608 - fixed
    _move_imports("signed_at", "confirmed_at")
    _change_kinds("outbox_message", OLD_MESSAGES)
    op.execute(f"DELETE FROM account_event WHERE kind = '{NEW_EVENT}'")  # noqa: S608 - fixed
    _change_kinds("account_event", OLD_EVENTS)
    op.drop_index(LETTER_INDEX, "letter")
    op.create_index("ix_letter_campaign_id_state_sent_at", "letter", LETTER_COLUMNS)
    for name in (
        "letter_hour",
        "organiser_alert_digest",
        "organiser_alert_choice",
        "map_layout",
        "map_tile",
        "quick_answer",
        "member_note",
        "member_contact",
    ):
        op.drop_table(name)
    op.drop_column("motion_event", "happened_at")
    op.drop_column("motion_signatory", "withdrawn_at")
    op.drop_column("motion_signatory", "signed_at")
    op.drop_column("campaign", "ended_at")
    op.drop_column("campaign", "opened_at")
    op.drop_column("campaign", "member_goal")


def _create_about_members() -> None:
    op.create_table(
        "member_contact",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("place", _choice("place", "westminster", "constituency"), nullable=False),
        sa.Column("telephone", sa.String(length=40), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("read_on", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "telephone IS NOT NULL OR email IS NOT NULL", name=op.f("ck_member_contact_not_empty")
        ),
        _reference("member_contact", "member_id", "member"),
        sa.PrimaryKeyConstraint("member_id", "place", name="pk_member_contact"),
    )
    _create_of_team(
        "member_note",
        sa.Column("text", sa.LargeBinary(), nullable=True),
        sa.Column("ring_back_on", sa.Date(), nullable=True),
        _moment("rung_back_at", nullable=True),
        _moment("created_at"),
        sa.CheckConstraint(
            "text IS NOT NULL OR ring_back_on IS NOT NULL", name=op.f("ck_member_note_not_empty")
        ),
        sa.CheckConstraint(
            "rung_back_at IS NULL OR ring_back_on IS NOT NULL",
            name=op.f("ck_member_note_ring_back"),
        ),
    )
    _create_of_team(
        "quick_answer",
        sa.Column("kind", _choice("kind", "will_sign", "will_not", "no_answer"), nullable=False),
        _moment("recorded_at"),
    )


def _create_of_team(name: str, *parts: sa.Column[object] | sa.CheckConstraint) -> None:
    """Creates a table of what an organisation's team keeps about a member."""
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("organiser_id", sa.Uuid(), nullable=True),
        sa.Column("author", sa.LargeBinary(), nullable=False),
        *parts,
        _reference(name, "organisation_id", "organisation"),
        _reference(name, "campaign_id", "campaign"),
        _reference(name, "member_id", "member"),
        _reference(name, "organiser_id", "organiser", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
    )
    op.create_index(f"ix_{name}_organiser_id", name, ["organiser_id"])
    op.create_index(f"ix_{name}_campaign_id_member_id", name, ["campaign_id", "member_id"])


def _create_map() -> None:
    op.create_table(
        "map_tile",
        sa.Column("constituency_code", sa.String(length=9), nullable=False),
        sa.Column("q", sa.Integer(), nullable=False),
        sa.Column("r", sa.Integer(), nullable=False),
        _reference("map_tile", "constituency_code", "constituency", key="code"),
        sa.PrimaryKeyConstraint("constituency_code", name="pk_map_tile"),
        sa.UniqueConstraint("q", "r", name="uq_map_tile_q_r"),
    )
    op.create_table(
        "map_layout",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("is_imported", sa.Boolean(), nullable=False),
        sa.Column("credit", sa.String(), nullable=False),
        _moment("made_at"),
        sa.CheckConstraint("id = 1", name=op.f("ck_map_layout_one_row")),
        sa.PrimaryKeyConstraint("id", name="pk_map_layout"),
    )


def _create_alerts() -> None:
    table = "organiser_alert_choice"
    op.create_table(
        table,
        sa.Column("organiser_id", sa.Uuid(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("every", _choice("every", "hour", "day"), nullable=False),
        _moment("told_at"),
        sa.Column("told", sa.JSON(), nullable=False),
        _moment("updated_at"),
        _reference(table, "organiser_id", "organiser", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("organiser_id", name=f"pk_{table}"),
    )
    table = "organiser_alert_digest"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organiser_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        _moment("created_at"),
        _reference(table, "organiser_id", "organiser", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_organiser_id", table, ["organiser_id"])
    op.create_index(f"ix_{table}_created_at", table, ["created_at"])


def _count_letters_by_hour() -> None:
    op.create_table(
        "letter_hour",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        _moment("hour"),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.CheckConstraint("sent >= 0", name=op.f("ck_letter_hour_not_negative")),
        _reference("letter_hour", "campaign_id", "campaign"),
        sa.PrimaryKeyConstraint("campaign_id", "hour", name="pk_letter_hour"),
    )
    hour = _hour_of("sent_at")
    op.execute(
        "INSERT INTO letter_hour (campaign_id, hour, sent) "  # noqa: S608 - two fixed texts
        f"SELECT campaign_id, {hour}, count(*) FROM letter "
        f"WHERE state = 'sent' AND sent_at IS NOT NULL GROUP BY campaign_id, {hour}"
    )


def _move_imports(before: str, after: str) -> None:
    """Moves signatures that an importer vouches for between the hours of two of their times.

    Those that their signers have confirmed since stay: of them it is not known which time of
    theirs was counted. The sums of the petitions stay as they are.
    """
    imports = (
        "FROM signature WHERE provenance IS NOT NULL AND NOT confirmed_by_signer "
        "AND confirmed_at IS NOT NULL"
    )
    op.execute(
        "INSERT INTO petition_hour (petition_id, hour, change) "  # noqa: S608 - fixed texts
        "SELECT petition_id, hour, sum(step) FROM ("
        f"SELECT petition_id, {_hour_of(after)} AS hour, 1 AS step {imports} UNION ALL "
        f"SELECT petition_id, {_hour_of(before)} AS hour, -1 AS step {imports}) AS moves "
        "WHERE true GROUP BY petition_id, hour HAVING sum(step) <> 0 "
        "ON CONFLICT (petition_id, hour) "
        "DO UPDATE SET change = petition_hour.change + excluded.change"
    )
    op.execute("DELETE FROM petition_hour WHERE change = 0")


def _hour_of(column: str) -> str:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    return (
        f"strftime('%Y-%m-%d %H:00:00.000000', {column})"
        if is_sqlite
        else f"date_trunc('hour', {column}, 'UTC')"
    )


def _reference(
    table: str, column: str, other: str, *, key: str = "id", ondelete: str | None = None
) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.{key}"], name=f"fk_{table}_{column}_{other}", ondelete=ondelete
    )


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def _change_kinds(table: str, kinds: Sequence[str]) -> None:
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(f"ck_{table}_kind"), type_="check")
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        batch.create_check_constraint(op.f(f"ck_{table}_kind"), f"kind IN ({listed})")
