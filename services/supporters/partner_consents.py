"""What people said to the question whether a partner may contact them.

It is asked apart from the organisation's own, with a box that is not ticked, and takes effect as
that does: when the signature that it came with is confirmed.
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
    """What somebody said to one partner, with a signature."""

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
    """Keep answers with the exact words that were asked, in three statements; none without any.

    They take effect when their signatures are confirmed, or at `effective_at`, where the address is
    known to be theirs.
    """
    if not answers:
        return
    asked = [each.partner for each in answers]
    keys = [(each.organisation_id, each.slug, each.name) for each in asked]
    wording = wordings.of_partners(session, set(keys), now=now)
    varying: dict[str, list[Any]] = {
        "id": new_ids(len(answers)),
        "supporter_id": [each.supporter_id for each in answers],
        "signature_id": [each.signature_id for each in answers],
        "wording_id": [wording[key] for key in keys],
        "kind": [wordings.partner_kind(partner.slug) for partner in asked],
        "granted": [each.granted for each in answers],
    }
    shared = {"given_at": now, "effective_at": effective_at}
    bulk.insert_columns(session, _consent, varying, shared, skip_existing=False)


def allowed(session: Session, supporter: Supporter) -> list[NamedPartner]:
    """The partners that may contact somebody, as far as they said so, by their slugs."""
    said = (
        sa.select(_consent.c.kind, _consent.c.granted)
        .where(
            _consent.c.supporter_id == supporter.id,
            _consent.c.kind.startswith(wordings.PARTNER_KIND),
            _consent.c.effective_at.is_not(None),
        )
        .order_by(_consent.c.given_at, _consent.c.id)
    )
    last = {row[0]: row[1] for row in session.connection().execute(said)}
    slugs = [kind.removeprefix(wordings.PARTNER_KIND) for kind in last if last[kind]]
    if not slugs:
        return []
    of_them = (
        sa.select(_partner.c.id, _partner.c.organisation_id, _partner.c.slug, _partner.c.name)
        .where(_partner.c.organisation_id == supporter.organisation_id, _partner.c.slug.in_(slugs))
        .order_by(_partner.c.slug)
    )
    return [NamedPartner(*row) for row in session.connection().execute(of_them)]


def may_contact() -> Flag:
    """For statements that have signatures with their supporters and partners: whether the partner
    may contact the signer.

    That is what the signer said to it last, of all that has taken effect; NULL where they said
    nothing, or there is no partner. Never where the signature does not stand, and not where they
    want no mail at all.
    """
    said = (
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
        else_=said.scalar_subquery(),
    )
