"""Finds the partner whose site a signature came through.

A partner's API key proves it. Without such a key the request may name any partner of the petition's
organisation, which is a claim that nothing proves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Partner
from models.base import table_of
from services.errors import Invalid
from services.organisations.partners import NamedPartner
from services.signatures.entries import SignatureRequest

_partner = table_of(Partner)
_NAMED = sa.select(
    _partner.c.id, _partner.c.organisation_id, _partner.c.slug, _partner.c.name
).where(
    _partner.c.organisation_id.in_(sa.bindparam("organisations", expanding=True)),
    sa.or_(
        _partner.c.slug.in_(sa.bindparam("slugs", expanding=True)),
        _partner.c.id.in_(sa.bindparam("ids", expanding=True)),
    ),
)


@dataclass(frozen=True, slots=True)
class Partners:
    """The partners of a batch, by organisation and slug, and by organisation and id."""

    by_slug: Mapping[tuple[UUID, str], NamedPartner]
    by_id: Mapping[tuple[UUID, UUID], NamedPartner]

    def of(self, request: SignatureRequest, organisation_id: UUID) -> NamedPartner | None:
        """Returns the partner that a request names or answers; None if it does neither.

        Raises Invalid if the organisation has no such partner, if it is not the sender's own, if
        there is an answer to a partner's question without a partner, and for such an answer in an
        import.
        """
        partner = None
        if request.partner is not None:
            partner = self.by_slug.get((organisation_id, request.partner))
            if partner is None or request.partner_id not in (None, partner.id):
                message = f"There is no partner '{request.partner}' of this petition."
                raise Invalid.field("partner", "partner_unknown", message)
        elif request.partner_id is not None:
            partner = self.by_id.get((organisation_id, request.partner_id))
        if partner is None and request.partner_contact is not None:
            message = "Say which partner asked: with its key, or with its slug as 'partner'."
            raise Invalid.field("consents.partner", "partner_missing", message)
        if request.imported is not None and request.partner_contact is not None:
            message = "What was said elsewhere to a partner is the partner's to keep."
            raise Invalid.field("consents.partner", "not_for_imports", message)
        return partner


_NO_PARTNERS = Partners({}, {})


def find(
    session: Session, requests: Sequence[SignatureRequest], organisations: Iterable[UUID]
) -> Partners:
    """Looks up the partners of a batch in one statement; in none if no request needs one."""
    relevant = [
        request for request in requests if request.partner or request.partner_contact is not None
    ]
    if not relevant:
        return _NO_PARTNERS
    params = {
        "organisations": list(set(organisations)),
        "slugs": list({request.partner for request in relevant if request.partner}),
        "ids": list({request.partner_id for request in relevant if request.partner_id}),
    }
    partners = [NamedPartner(*row) for row in session.connection().execute(_NAMED, params)]
    return Partners(
        {(partner.organisation_id, partner.slug): partner for partner in partners},
        {(partner.organisation_id, partner.id): partner for partner in partners},
    )
