"""Adds members' replies, more kinds of overrides, watches of vacant seats, and amendments."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
OLD_OVERRIDES = ("refuses",)
OVERRIDES = ("refuses", "pps", "says_will_sign", "says_will_not")
OLD_MESSAGES = (
    "confirm_signature",
    "already_signed",
    "confirm_letter",
    "letter",
    "letter_held",
)
MESSAGES = (*OLD_MESSAGES, "seat_filled")
REPLIES = ("will_sign", "will_not", "undecided", "ministers_reply", "meeting", "other")
FITS_KIND = "(campaign_id IS NOT NULL) = (kind IN ('says_will_sign', 'says_will_not'))"
ONE_ROLE = "ck_campaign_motion_one_role"
ENDS_AFTER_START = "ends_on IS NULL OR ends_on >= starts_on"


def upgrade() -> None:
    _change_kinds("outbox_message", MESSAGES)
    _add_override_columns()
    _add_motion_columns()
    _create_replies()
    _create_watches()


def downgrade() -> None:
    op.drop_table("seat_watch")
    op.drop_table("member_reply")
    _drop_motion_columns()
    _drop_override_columns()
    # What the older program does not know cannot be kept.
    op.execute("DELETE FROM outbox_message WHERE kind = 'seat_filled'")
    _change_kinds("outbox_message", OLD_MESSAGES)


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _change_kinds(table: str, kinds: Sequence[str]) -> None:
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(f"ck_{table}_kind"), type_="check")
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        batch.create_check_constraint(op.f(f"ck_{table}_kind"), f"kind IN ({listed})")


def _add_override_columns() -> None:
    table = "member_override"
    op.drop_index("ix_member_override_organisation_id", table)
    op.add_column(table, sa.Column("campaign_id", sa.Uuid(), nullable=True))
    op.add_column(table, sa.Column("recorded_at", MOMENT, nullable=True))
    op.add_column(table, sa.Column("ended_at", MOMENT, nullable=True))
    # When they were recorded is not known any more; the day on which they began is.
    began = "starts_on || ' 00:00:00.000000'" if _is_sqlite() else "starts_on AT TIME ZONE 'UTC'"
    op.execute(f"UPDATE member_override SET recorded_at = {began}")  # noqa: S608 - a fixed text
    _change_kinds(table, OVERRIDES)
    with op.batch_alter_table(table) as batch:
        batch.alter_column("recorded_at", nullable=False)
        batch.create_foreign_key(
            "fk_member_override_campaign_id", "campaign", ["campaign_id"], ["id"]
        )
        batch.create_check_constraint(op.f(f"ck_{table}_campaign_fits_kind"), FITS_KIND)
        batch.create_check_constraint(op.f(f"ck_{table}_ends_after_start"), ENDS_AFTER_START)
    op.create_index(
        "ix_member_override_organisation_id_member_id", table, ["organisation_id", "member_id"]
    )


def _drop_override_columns() -> None:
    table = "member_override"
    op.execute("DELETE FROM member_override WHERE kind <> 'refuses'")
    op.drop_index("ix_member_override_organisation_id_member_id", table)
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(op.f(f"ck_{table}_campaign_fits_kind"), type_="check")
        batch.drop_constraint(op.f(f"ck_{table}_ends_after_start"), type_="check")
        batch.drop_constraint("fk_member_override_campaign_id", type_="foreignkey")
        for column in ("campaign_id", "recorded_at", "ended_at"):
            batch.drop_column(column)
    _change_kinds(table, OLD_OVERRIDES)
    op.create_index("ix_member_override_organisation_id", table, ["organisation_id"])


def _add_motion_columns() -> None:
    op.add_column("motion", sa.Column("etag", sa.String(), nullable=True))
    op.add_column("motion", sa.Column("last_modified", sa.String(), nullable=True))
    op.add_column("motion", sa.Column("amends_id", sa.Integer(), nullable=True))
    column = sa.Column("is_amendment", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("campaign_motion", column)
    with op.batch_alter_table("campaign_motion") as batch:
        batch.create_check_constraint(op.f(ONE_ROLE), "NOT (is_current AND is_amendment)")


def _drop_motion_columns() -> None:
    # To the older program an amendment would be an earlier motion of the campaign.
    op.execute("DELETE FROM campaign_motion WHERE is_amendment")
    with op.batch_alter_table("campaign_motion") as batch:
        batch.drop_constraint(op.f(ONE_ROLE), type_="check")
        batch.drop_column("is_amendment")
    for name in ("etag", "last_modified", "amends_id"):
        op.drop_column("motion", name)


def _create_replies() -> None:
    op.create_table(
        "member_reply",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("motion_id", sa.Integer(), nullable=True),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(*REPLIES, name="kind", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("text", sa.LargeBinary(), nullable=True),
        sa.Column("said_on", sa.Date(), nullable=False),
        sa.Column("link", sa.String(), nullable=True),
        sa.Column("verified_by", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_member_reply_campaign_id"
        ),
        sa.ForeignKeyConstraint(["motion_id"], ["motion.id"], name="fk_member_reply_motion_id"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_member_reply_member_id"),
        sa.PrimaryKeyConstraint("id", name="pk_member_reply"),
    )
    op.create_index("ix_member_reply_member_id", "member_reply", ["member_id"])
    columns = ["campaign_id", "member_id"]
    op.create_index("ix_member_reply_campaign_id_member_id", "member_reply", columns)


def _create_watches() -> None:
    op.create_table(
        "seat_watch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supporter_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("constituency_code", sa.String(length=9), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["supporter_id"], ["supporter.id"], name="fk_seat_watch_supporter_id"
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_seat_watch_campaign_id"),
        sa.ForeignKeyConstraint(
            ["constituency_code"], ["constituency.code"], name="fk_seat_watch_constituency_code"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_seat_watch"),
    )
    op.create_index(
        "uq_seat_watch_waiting",
        "seat_watch",
        ["supporter_id", "campaign_id", "constituency_code"],
        unique=True,
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )
