"""Creates the first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "constituency",
        sa.Column("code", sa.String(length=9), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_welsh", sa.String(), nullable=True),
        sa.Column("nation", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("boundary_set", sa.String(), nullable=False),
        sa.Column("electorate", sa.Integer(), nullable=True),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("easting", sa.Integer(), nullable=True),
        sa.Column("northing", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("code", name="pk_constituency"),
    )
    op.create_table(
        "member",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("party", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_member"),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_demonstration", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisation"),
        sa.UniqueConstraint("slug", name="uq_organisation_slug"),
    )
    op.create_table(
        "outbox_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "confirm_signature",
                "already_signed",
                "confirm_letter",
                "letter",
                "letter_held",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_index", sa.LargeBinary(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "claimed",
                "dot_pending",
                "accepted",
                "deferred",
                "rejected",
                "uncertain",
                "dropped",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_message"),
    )
    op.create_index(
        "ix_outbox_message_recipient_index_created_at",
        "outbox_message",
        ["recipient_index", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_outbox_message_state_due_at", "outbox_message", ["state", "due_at"], unique=False
    )
    op.create_index("ix_outbox_message_subject_id", "outbox_message", ["subject_id"], unique=False)
    op.create_index(
        "uq_outbox_message_letter",
        "outbox_message",
        ["subject_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'letter'"),
        postgresql_where=sa.text("kind = 'letter'"),
    )

    op.create_table(
        "parliament_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_parliament_session"),
        sa.UniqueConstraint("name", name="uq_parliament_session_name"),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "open",
                "closed",
                "won",
                "lost",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("nations", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("letter_points", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_campaign_organisation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_campaign"),
        sa.UniqueConstraint("slug", name="uq_campaign_slug"),
    )
    op.create_index("ix_campaign_organisation_id", "campaign", ["organisation_id"], unique=False)

    op.create_table(
        "member_override",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("refuses", name="kind", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("link", sa.String(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_member_override_member_id"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_member_override_organisation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_member_override"),
    )
    op.create_index(
        "ix_member_override_organisation_id", "member_override", ["organisation_id"], unique=False
    )

    op.create_table(
        "membership",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("constituency_code", sa.String(length=9), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "ends_on IS NULL OR ends_on >= starts_on", name=op.f("ck_membership_ends_after_start")
        ),
        sa.ForeignKeyConstraint(
            ["constituency_code"], ["constituency.code"], name="fk_membership_constituency_code"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_membership_member_id"),
        sa.PrimaryKeyConstraint("id", name="pk_membership"),
    )
    op.create_index(
        "ix_membership_constituency_code", "membership", ["constituency_code"], unique=False
    )
    op.create_index("ix_membership_member_id", "membership", ["member_id"], unique=False)
    op.create_index(
        "uq_membership_open_member",
        "membership",
        ["member_id"],
        unique=True,
        sqlite_where=sa.text("ends_on IS NULL"),
        postgresql_where=sa.text("ends_on IS NULL"),
    )
    op.create_index(
        "uq_membership_open_seat",
        "membership",
        ["constituency_code"],
        unique=True,
        sqlite_where=sa.text("ends_on IS NULL"),
        postgresql_where=sa.text("ends_on IS NULL"),
    )

    op.create_table(
        "motion",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("tabled_on", sa.Date(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "published",
                "withdrawn",
                "lapsed",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("parliament_session_id", sa.Integer(), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sync_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sync_error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["parliament_session_id"],
            ["parliament_session.id"],
            name="fk_motion_parliament_session_id",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_motion"),
    )
    op.create_table(
        "organiser",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.LargeBinary(), nullable=False),
        sa.Column("email_index", sa.LargeBinary(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_organiser_organisation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_organiser"),
        sa.UniqueConstraint("email_index", name="uq_organiser_email_index"),
    )
    op.create_index("ix_organiser_organisation_id", "organiser", ["organisation_id"], unique=False)

    op.create_table(
        "partner",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_partner_organisation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_partner"),
        sa.UniqueConstraint("organisation_id", "slug", name="uq_partner_organisation_id_slug"),
    )
    op.create_table(
        "post",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "minister",
                "whip",
                "pps",
                "speaker",
                "deputy_speaker",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_post_member_id"),
        sa.PrimaryKeyConstraint("id", name="pk_post"),
    )
    op.create_index(
        "uq_post_open",
        "post",
        ["member_id", "title"],
        unique=True,
        sqlite_where=sa.text("ends_on IS NULL"),
        postgresql_where=sa.text("ends_on IS NULL"),
    )

    op.create_table(
        "supporter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.LargeBinary(), nullable=False),
        sa.Column("email_index", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("postcode", sa.LargeBinary(), nullable=True),
        sa.Column("constituency_code", sa.String(length=9), nullable=True),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_supporter_organisation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_supporter"),
        sa.UniqueConstraint(
            "organisation_id", "email_index", name="uq_supporter_organisation_id_email_index"
        ),
    )
    op.create_table(
        "wording",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_wording_organisation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_wording"),
        sa.UniqueConstraint(
            "organisation_id",
            "kind",
            "locale",
            "text",
            name="uq_wording_organisation_id_kind_locale_text",
        ),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_api_key_organisation_id"
        ),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.id"], name="fk_api_key_partner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("prefix", name="uq_api_key_prefix"),
    )
    op.create_index("ix_api_key_organisation_id", "api_key", ["organisation_id"], unique=False)

    op.create_table(
        "campaign_motion",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("motion_id", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_campaign_motion_campaign_id"
        ),
        sa.ForeignKeyConstraint(["motion_id"], ["motion.id"], name="fk_campaign_motion_motion_id"),
        sa.PrimaryKeyConstraint("campaign_id", "motion_id", name="pk_campaign_motion"),
    )
    op.create_index(
        "uq_campaign_motion_current",
        "campaign_motion",
        ["campaign_id"],
        unique=True,
        sqlite_where=sa.text("is_current"),
        postgresql_where=sa.text("is_current"),
    )

    op.create_table(
        "campaign_update",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_campaign_update_campaign_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_campaign_update"),
    )
    op.create_index(
        "ix_campaign_update_campaign_id", "campaign_update", ["campaign_id"], unique=False
    )

    op.create_table(
        "letter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("motion_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("supporter_id", sa.Uuid(), nullable=False),
        sa.Column("constituency_code", sa.String(length=9), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "queued",
                "sent",
                "held",
                "cancelled",
                "rejected",
                "uncertain",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column(
            "variant",
            sa.Enum(
                "ask",
                "thank",
                "minister",
                "another_way",
                name="variant",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_letter_campaign_id"),
        sa.ForeignKeyConstraint(
            ["constituency_code"], ["constituency.code"], name="fk_letter_constituency_code"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_letter_member_id"),
        sa.ForeignKeyConstraint(["motion_id"], ["motion.id"], name="fk_letter_motion_id"),
        sa.ForeignKeyConstraint(["supporter_id"], ["supporter.id"], name="fk_letter_supporter_id"),
        sa.PrimaryKeyConstraint("id", name="pk_letter"),
        sa.UniqueConstraint(
            "supporter_id",
            "member_id",
            "motion_id",
            name="uq_letter_supporter_id_member_id_motion_id",
        ),
    )
    op.create_index("ix_letter_campaign_id", "letter", ["campaign_id"], unique=False)

    op.create_table(
        "letter_tally",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("motion_id", sa.Integer(), nullable=False),
        sa.Column("constituency_code", sa.String(length=9), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.CheckConstraint("sent >= 0 AND opened >= 0", name=op.f("ck_letter_tally_not_negative")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_letter_tally_campaign_id"
        ),
        sa.ForeignKeyConstraint(
            ["constituency_code"], ["constituency.code"], name="fk_letter_tally_constituency_code"
        ),
        sa.ForeignKeyConstraint(["motion_id"], ["motion.id"], name="fk_letter_tally_motion_id"),
        sa.PrimaryKeyConstraint(
            "campaign_id", "motion_id", "constituency_code", name="pk_letter_tally"
        ),
    )
    op.create_table(
        "motion_signatory",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("motion_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("sponsoring_order", sa.Integer(), nullable=True),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.Column("withdrawn_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_motion_signatory_member_id"),
        sa.ForeignKeyConstraint(["motion_id"], ["motion.id"], name="fk_motion_signatory_motion_id"),
        sa.PrimaryKeyConstraint("id", name="pk_motion_signatory"),
    )
    op.create_index(
        "ix_motion_signatory_motion_id_member_id",
        "motion_signatory",
        ["motion_id", "member_id"],
        unique=False,
    )

    op.create_table(
        "petition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("background", sa.String(), nullable=False),
        sa.Column("addressed_to", sa.String(), nullable=False),
        sa.Column("goal", sa.Integer(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "open",
                "closed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("goal IS NULL OR goal > 0", name=op.f("ck_petition_goal")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_petition_campaign_id"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_petition_organisation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_petition"),
        sa.UniqueConstraint("number", name="uq_petition_number"),
        sa.UniqueConstraint("slug", name="uq_petition_slug"),
    )
    op.create_index("ix_petition_campaign_id", "petition", ["campaign_id"], unique=False)

    op.create_table(
        "petition_tally",
        sa.Column("petition_id", sa.Uuid(), nullable=False),
        sa.Column("constituency_code", sa.String(length=9), nullable=False),
        sa.Column("confirmed", sa.Integer(), nullable=False),
        sa.CheckConstraint("confirmed >= 0", name=op.f("ck_petition_tally_not_negative")),
        sa.ForeignKeyConstraint(
            ["petition_id"], ["petition.id"], name="fk_petition_tally_petition_id"
        ),
        sa.PrimaryKeyConstraint("petition_id", "constituency_code", name="pk_petition_tally"),
    )
    op.create_table(
        "signature",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("petition_id", sa.Uuid(), nullable=False),
        sa.Column("supporter_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "confirmed",
                "withdrawn",
                "rejected",
                "expired",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("constituency_code", sa.String(length=9), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("postcode", sa.LargeBinary(), nullable=False),
        sa.Column("comment", sa.LargeBinary(), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("locale", sa.String(length=5), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.id"], name="fk_signature_partner_id"),
        sa.ForeignKeyConstraint(["petition_id"], ["petition.id"], name="fk_signature_petition_id"),
        sa.ForeignKeyConstraint(
            ["supporter_id"], ["supporter.id"], name="fk_signature_supporter_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_signature"),
        sa.UniqueConstraint(
            "petition_id", "supporter_id", name="uq_signature_petition_id_supporter_id"
        ),
    )
    op.create_index("ix_signature_petition_id_id", "signature", ["petition_id", "id"], unique=False)
    op.create_index("ix_signature_supporter_id", "signature", ["supporter_id"], unique=False)

    op.create_table(
        "consent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("supporter_id", sa.Uuid(), nullable=False),
        sa.Column("wording_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signature_id", sa.Uuid(), nullable=True),
        sa.Column("letter_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"], name="fk_consent_letter_id"),
        sa.ForeignKeyConstraint(["signature_id"], ["signature.id"], name="fk_consent_signature_id"),
        sa.ForeignKeyConstraint(["supporter_id"], ["supporter.id"], name="fk_consent_supporter_id"),
        sa.ForeignKeyConstraint(["wording_id"], ["wording.id"], name="fk_consent_wording_id"),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
    )
    op.create_index("ix_consent_letter_id", "consent", ["letter_id"], unique=False)
    op.create_index("ix_consent_signature_id", "consent", ["signature_id"], unique=False)
    op.create_index("ix_consent_supporter_id", "consent", ["supporter_id"], unique=False)


def downgrade() -> None:
    # The indexes go with their tables.
    op.drop_table("consent")
    op.drop_table("signature")
    op.drop_table("petition_tally")
    op.drop_table("petition")
    op.drop_table("motion_signatory")
    op.drop_table("letter_tally")
    op.drop_table("letter")
    op.drop_table("campaign_update")
    op.drop_table("campaign_motion")
    op.drop_table("api_key")
    op.drop_table("wording")
    op.drop_table("supporter")
    op.drop_table("post")
    op.drop_table("partner")
    op.drop_table("organiser")
    op.drop_table("motion")
    op.drop_table("membership")
    op.drop_table("member_override")
    op.drop_table("campaign")
    op.drop_table("parliament_session")
    op.drop_table("outbox_message")
    op.drop_table("organisation")
    op.drop_table("member")
    op.drop_table("constituency")
