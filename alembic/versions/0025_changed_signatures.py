"""Adds when a signature last changed, for copies of them, and the event of changed preferences.

Every signature is written once. Signatures of people who have changed their answers since they
signed are dated to the migration: copies missed these changes, and get them with the next look.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

OLD_EVENTS = (
    "signature.confirmed",
    "signature.withdrawn",
    "letter.sent",
    "letter.answered",
    "motion.signed",
    "motion.withdrawn",
    "motion.lapsed",
    "petition.goal_reached",
)
TEST, NEW_EVENT = "webhook.test", "supporter.preferences_changed"
WHEN = sa.DateTime(timezone=True)
# SQLite cannot add a column without a default. No row keeps it.
PLACEHOLDER = sa.text("'1970-01-01 00:00:00.000000'")
OF_PARTNER = sa.text("partner_id IS NOT NULL")
OF_SIGNATURES, OF_PARTNERS = (
    "ix_signature_petition_id_changed_at",
    "ix_signature_partner_id_partner_changed_at",
)


def upgrade() -> None:
    _change_events((*OLD_EVENTS, NEW_EVENT, TEST))
    op.add_column(
        "signature", sa.Column("changed_at", WHEN, server_default=PLACEHOLDER, nullable=False)
    )
    op.add_column("signature", sa.Column("partner_changed_at", WHEN, nullable=True))
    _date_changes()
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("signature", "changed_at", server_default=None)
    op.create_index(OF_SIGNATURES, "signature", ["petition_id", "changed_at", "id"])
    op.create_index(
        OF_PARTNERS,
        "signature",
        ["partner_id", "petition_id", "partner_changed_at", "id"],
        sqlite_where=OF_PARTNER,
        postgresql_where=OF_PARTNER,
    )


def downgrade() -> None:
    op.drop_index(OF_PARTNERS, "signature")
    op.drop_index(OF_SIGNATURES, "signature")
    op.drop_column("signature", "partner_changed_at")
    op.drop_column("signature", "changed_at")
    # The older version cannot read these rows.
    event = sa.column("event")
    op.execute(sa.delete(sa.table("webhook_delivery", event)).where(event == NEW_EVENT))
    _end_subscriptions()
    _change_events((*OLD_EVENTS, TEST))


def _change_events(events: Sequence[str]) -> None:
    with op.batch_alter_table("webhook_delivery") as batch:
        batch.drop_constraint(op.f("ck_webhook_delivery_event"), type_="check")
        listed = ", ".join(f"'{event}'" for event in events)
        batch.create_check_constraint(op.f("ck_webhook_delivery_event"), f"event IN ({listed})")


def _date_changes() -> None:
    signature = sa.table(
        "signature",
        *(sa.column(name) for name in ("supporter_id", "partner_id")),
        *(sa.column(name, WHEN) for name in ("signed_at", "confirmed_at", "ended_at")),
        *(sa.column(name, WHEN) for name in ("changed_at", "partner_changed_at")),
    )
    partner = sa.table("partner", sa.column("id"), sa.column("slug", sa.String()))
    kind = sa.literal("partner:", sa.String()).concat(partner.c.slug)
    partners_kind = (
        sa.select(kind).where(partner.c.id == signature.c.partner_id).correlate(signature)
    )
    own_kind = sa.literal("updates", sa.String())
    is_of_partner = _answered_later(signature, [partners_kind.scalar_subquery()])
    is_changed = _answered_later(signature, [own_kind, partners_kind.scalar_subquery()])
    now, last = sa.literal(datetime.now(UTC), WHEN), _last_time(signature)
    op.execute(
        sa.update(signature).values(
            changed_at=sa.case((is_changed, now), else_=last),
            partner_changed_at=sa.case(
                (signature.c.partner_id.is_(None), sa.null()), (is_of_partner, now), else_=last
            ),
        )
    )


def _answered_later(
    signature: sa.TableClause, kinds: Sequence[sa.ColumnElement[Any]]
) -> sa.ColumnElement[bool]:
    """SQL condition: the signer has wanted no email, or answered again, since they confirmed."""
    supporter = sa.table("supporter", sa.column("id"), sa.column("mail_off_at", WHEN))
    consent = sa.table(
        "consent",
        *(sa.column(name) for name in ("supporter_id", "kind")),
        sa.column("effective_at", WHEN),
    )
    is_off = sa.exists().where(
        supporter.c.id == signature.c.supporter_id, supporter.c.mail_off_at.is_not(None)
    )
    has_answered = sa.exists().where(
        consent.c.supporter_id == signature.c.supporter_id,
        consent.c.effective_at > signature.c.confirmed_at,
        sa.or_(*(consent.c.kind == kind for kind in kinds)),
    )
    return sa.or_(is_off, has_answered)


def _last_time(signature: sa.TableClause) -> sa.ColumnElement[datetime]:
    latest = sa.func.max if op.get_bind().dialect.name == "sqlite" else sa.func.greatest
    signed_at, *later = (signature.c[name] for name in ("signed_at", "confirmed_at", "ended_at"))
    # SQLite's max() is NULL if one of its arguments is.
    return latest(signed_at, *(sa.func.coalesce(time, signed_at) for time in later), type_=WHEN)


def _end_subscriptions() -> None:
    """Takes the event away from endpoints that are subscribed to it."""
    endpoint = sa.table("webhook_endpoint", sa.column("id"), sa.column("events", sa.JSON()))
    for row_id, events in op.get_bind().execute(sa.select(endpoint)).all():
        known = json.loads(events) if isinstance(events, str) else events
        if NEW_EVENT in known:
            kept = [event for event in known if event != NEW_EVENT]
            op.execute(sa.update(endpoint).where(endpoint.c.id == row_id).values(events=kept))
