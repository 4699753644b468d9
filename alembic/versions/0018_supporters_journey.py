"""Adds the face of organisations and campaigns, pictures, dates, drafts of letters and requests.

Members get a salutation, which the next import or sync fills in. Existing news gets slugs from its
titles. On the way down all of this goes.
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

FACE = (
    "website",
    "charity_number",
    "company_number",
    "postal_address",
    "contact_email",
)
CAMPAIGN_TEXTS = ("hero_line", "purpose", "purpose_welsh", "outcome")
LONGEST_SLUG = 80  # two digits and a hyphen fit behind it


def upgrade() -> None:
    for name in FACE:
        op.add_column("organisation", sa.Column(name, sa.String(), nullable=True))
    op.add_column("organisation", sa.Column("brand_colour", sa.String(length=7), nullable=True))
    for name in CAMPAIGN_TEXTS:
        op.add_column("campaign", sa.Column(name, sa.String(), server_default="", nullable=False))
    op.add_column("campaign", sa.Column("outcome_on", sa.Date(), nullable=True))
    op.add_column(
        "campaign",
        sa.Column("letter_points_welsh", sa.JSON(), server_default="[]", nullable=False),
    )
    op.add_column("member", sa.Column("salutation", sa.String(), server_default="", nullable=False))
    _create_texts()
    _create_pictures()
    _add_slugs()
    _create_events()
    _create_drafts()
    _create_requests()


def downgrade() -> None:
    for name in (
        "submission_request",
        "letter_draft",
        "campaign_event",
        "picture_file",
        "picture",
        "installation_text",
        "privacy_notice",
    ):
        op.drop_table(name)
    op.drop_column("member", "salutation")
    op.drop_index("uq_campaign_update_slug", "campaign_update")
    op.drop_column("campaign_update", "updated_at")
    op.drop_column("campaign_update", "slug")
    for name in ("letter_points_welsh", "outcome_on", *reversed(CAMPAIGN_TEXTS)):
        op.drop_column("campaign", name)
    for name in ("brand_colour", *reversed(FACE)):
        op.drop_column("organisation", name)


def _create_texts() -> None:
    op.create_table(
        "privacy_notice",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_privacy_notice_version")),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name="fk_privacy_notice_organisation_id_organisation",
        ),
        sa.PrimaryKeyConstraint("organisation_id", "version", name="pk_privacy_notice"),
    )
    op.create_table(
        "installation_text",
        sa.Column("name", _choice("name", "accessibility"), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation_text"),
    )


def _create_pictures() -> None:
    op.create_table(
        "picture",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("alt", sa.String(), nullable=False),
        sa.Column("credit", sa.String(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_picture_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_picture_campaign_id_campaign"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_picture"),
        sa.UniqueConstraint("campaign_id", name="uq_picture_campaign_id"),
    )
    is_logo = sa.text("campaign_id IS NULL")
    op.create_index(
        "uq_picture_logo",
        "picture",
        ["organisation_id"],
        unique=True,
        sqlite_where=is_logo,
        postgresql_where=is_logo,
    )
    op.create_table(
        "picture_file",
        sa.Column("picture_id", sa.Uuid(), nullable=False),
        sa.Column("width", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("width > 0 AND height > 0", name=op.f("ck_picture_file_size")),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["picture.id"], name="fk_picture_file_picture_id_picture"
        ),
        sa.PrimaryKeyConstraint("picture_id", "width", name="pk_picture_file"),
    )
    op.create_index("ix_picture_file_digest", "picture_file", ["digest"])


def _add_slugs() -> None:
    table = "campaign_update"
    op.add_column(table, sa.Column("slug", sa.String(length=100), nullable=True))
    op.add_column(table, sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE campaign_update SET updated_at = published_at")
    update = sa.table(
        table, *(sa.column(name) for name in ("id", "campaign_id", "title", "slug", "published_at"))
    )
    connection = op.get_bind()
    taken: set[tuple[object, str]] = set()
    columns = (update.c.id, update.c.campaign_id, update.c.title)
    rows = connection.execute(sa.select(*columns).order_by(update.c.published_at, update.c.id))
    for row in rows.all():
        slug = _free_slug(_slug(row.title), row.campaign_id, taken)
        connection.execute(sa.update(update).where(update.c.id == row.id).values(slug=slug))
    with op.batch_alter_table(table) as batch:
        batch.alter_column("slug", existing_type=sa.String(length=100), nullable=False)
        batch.alter_column("updated_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    op.create_index("uq_campaign_update_slug", table, ["campaign_id", "slug"], unique=True)


def _slug(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].strip("-") or "news"


def _free_slug(slug: str, campaign_id: object, taken: set[tuple[object, str]]) -> str:
    free, number = slug, 2
    while (campaign_id, free) in taken:
        free, number = f"{slug}-{number}", number + 1
    taken.add((campaign_id, free))
    return free


def _create_events() -> None:
    op.create_table(
        "campaign_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _choice("kind", "debate", "delivery", "vote", "other"), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("link", sa.String(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_campaign_event_campaign_id_campaign"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_campaign_event"),
    )
    op.create_index("ix_campaign_event_campaign_id_day", "campaign_event", ["campaign_id", "day"])


def _create_drafts() -> None:
    op.create_table(
        "letter_draft",
        sa.Column("signature_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_letter_draft_version")),
        sa.ForeignKeyConstraint(
            ["signature_id"], ["signature.id"], name="fk_letter_draft_signature_id_signature"
        ),
        sa.PrimaryKeyConstraint("signature_id", name="pk_letter_draft"),
    )
    op.create_index("ix_letter_draft_expires_at", "letter_draft", ["expires_at"])


def _create_requests() -> None:
    op.create_table(
        "submission_request",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _choice("kind", "send_again", "delete"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("submission_id", "kind", name="pk_submission_request"),
    )
    unserved = sa.text("served_at IS NULL")
    op.create_index(
        "ix_submission_request_to_serve",
        "submission_request",
        ["asked_at"],
        sqlite_where=unserved,
        postgresql_where=unserved,
    )


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)
