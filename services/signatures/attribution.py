"""Whose site a signature came through: known by the key of who sends it, or named in it.

That a signature names a partner is only its sender's word: anybody can write down any partner of
the petition's organisation. Who speaks with a partner's key is that partner and no other.
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
    """Those that a batch needs to know, by organisation and slug, and by organisation and id."""

    by_slug: Mapping[tuple[UUID, str], NamedPartner]
    by_id: Mapping[tuple[UUID, UUID], NamedPartner]

    def of(self, request: SignatureRequest, organisation_id: UUID) -> NamedPartner | None:
        """Whose question and whose name a request has; None where it needs neither.

        Invalid where the organisation has no such partner, where it is not the sender's own, and
        where an answer is to nobody.
        """
        found = None
        if request.partner is not None:
            found = self.by_slug.get((organisation_id, request.partner))
            if found is None or request.partner_id not in (None, found.id):
                message = f"There is no partner '{request.partner}' of this petition."
                raise Invalid.field("partner", "partner_unknown", message)
        elif request.partner_id is not None:
            found = self.by_id.get((organisation_id, request.partner_id))
        if found is None and request.partner_contact is not None:
            message = "Say which partner asked: with its key, or with its slug as 'partner'."
            raise Invalid.field("consents.partner", "partner_missing", message)
        if request.imported is not None and request.partner_contact is not None:
            message = "What was said elsewhere to a partner is the partner's to keep."
            raise Invalid.field("consents.partner", "not_for_imports", message)
        return found


_NONE = Partners({}, {})


def find(
    session: Session, requests: Sequence[SignatureRequest], organisations: Iterable[UUID]
) -> Partners:
    """In one statement, and in none where no request names a partner or has an answer to one."""
    asked = [each for each in requests if each.partner or each.partner_contact is not None]
    if not asked:
        return _NONE
    wanted = {
        "organisations": list(set(organisations)),
        "slugs": list({each.partner for each in asked if each.partner}),
        "ids": list({each.partner_id for each in asked if each.partner_id}),
    }
    found = [NamedPartner(*row) for row in session.connection().execute(_NAMED, wanted)]
    return Partners(
        {(each.organisation_id, each.slug): each for each in found},
        {(each.organisation_id, each.id): each for each in found},
    )
