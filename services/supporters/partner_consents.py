"""Supporters' answers to the question whether a partner may contact them.

The question is separate from the organisation's own and has an unticked box. An answer takes effect
when the signature that it came with is confirmed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from models import Consent, Partner, Signature, SignatureState, Supporter
from models.base import RowId, new_ids, table_of
from services.database import bulk
from services.organisations.partners import NamedPartner
from services.supporters import wordings
from services.supporters.supporters import NEWEST

_consent, _partner = table_of(Consent), table_of(Partner)
_signature, _supporter = table_of(Signature), table_of(Supporter)
Flag = sa.ColumnElement[bool | None]


@dataclass(frozen=True, slots=True)
class PartnerConsentAnswer:
    """A supporter's answer to one partner, usually given with a signature."""

    partner: NamedPartner
    supporter_id: RowId
    granted: bool
    signature_id: RowId | None = None


def note(
    session: Session,
    answers: Sequence[PartnerConsentAnswer],
    *,
    now: datetime,
    effective_at: datetime | None = None,
) -> None:
    """Save answers with the exact wording of the question, in three statements; none without any.

    They take effect when their signatures are confirmed, or at `effective_at` if the email address
    is verified already.
    """
    if not answers:
        return
    partners = [answer.partner for answer in answers]
    keys = [(partner.organisation_id, partner.slug, partner.name) for partner in partners]
    wording_ids = wordings.of_partners(session, set(keys), now=now)
    varying: dict[str, list[Any]] = {
        "id": new_ids(len(answers)),
        "supporter_id": [answer.supporter_id for answer in answers],
        "signature_id": [answer.signature_id for answer in answers],
        "wording_id": [wording_ids[key] for key in keys],
        "kind": [wordings.partner_kind(partner.slug) for partner in partners],
        "granted": [answer.granted for answer in answers],
    }
    shared = {"given_at": now, "effective_at": effective_at}
    bulk.insert_columns(session, _consent, varying, shared, skip_existing=False)


def allowed(session: Session, supporter: Supporter) -> list[NamedPartner]:
    """Returns the partners that a supporter lets contact them, ordered by slug."""
    answers = (
        sa.select(_consent.c.kind, _consent.c.granted)
        .where(
            _consent.c.supporter_id == supporter.id,
            _consent.c.kind.startswith(wordings.PARTNER_KIND),
            _consent.c.effective_at.is_not(None),
        )
        .order_by(_consent.c.given_at, _consent.c.id)
    )
    latest = {row[0]: row[1] for row in session.connection().execute(answers)}
    slugs = [kind.removeprefix(wordings.PARTNER_KIND) for kind in latest if latest[kind]]
    if not slugs:
        return []
    statement = (
        sa.select(_partner.c.id, _partner.c.organisation_id, _partner.c.slug, _partner.c.name)
        .where(_partner.c.organisation_id == supporter.organisation_id, _partner.c.slug.in_(slugs))
        .order_by(_partner.c.slug)
    )
    return [NamedPartner(*row) for row in session.connection().execute(statement)]


def may_contact() -> Flag:
    """SQL for signatures joined with supporters and partners: may the partner contact the signer?

    It is the signer's latest answer that has taken effect; NULL if there is none, or no partner.
    It is false for a signature that does not count, and for a supporter who wants no email at all.
    """
    latest = (
        sa.select(_consent.c.granted)
        .where(
            _consent.c.supporter_id == _signature.c.supporter_id,
            _consent.c.kind == sa.literal(wordings.PARTNER_KIND, sa.Text).concat(_partner.c.slug),
            _consent.c.effective_at.is_not(None),
        )
        .order_by(*NEWEST)
        .limit(1)
        .correlate(_signature, _partner)
    )
    is_off = sa.or_(
        _signature.c.state != SignatureState.CONFIRMED, _supporter.c.mail_off_at.is_not(None)
    )
    return sa.case(
        (_partner.c.id.is_(None), sa.null()),
        (is_off, sa.false()),
        else_=latest.scalar_subquery(),
    )
