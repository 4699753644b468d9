"""Exports of a petition's signatures, for its organisation and for partners."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from models import Constituency, Partner, Petition, Signature, SignatureState, Supporter
from models.base import table_of
from services.files.export_lines import Column, Kind, Plain, Sealed
from services.files.exports import Export
from services.signatures import by_partner, signature_states
from services.supporters import partner_consents, supporters

_signature, _supporter = table_of(Signature), table_of(Supporter)
_constituency, _partner = table_of(Constituency), table_of(Partner)


def of_petition(
    petition: Petition,
    *,
    state: SignatureState | None = None,
    since: datetime | None = None,
    is_personal: bool = True,
    partner_id: UUID | None = None,
) -> Export:
    """Returns an export of a petition's signatures.

    It may be limited to one `state` and to those changed at `since` or later. With `partner_id` it
    has what that partner may see (`services.signatures.by_partner`).
    """
    conditions = [] if partner_id is None else by_partner.visible_to(partner_id)
    if state is not None:
        conditions.append(_signature.c.state == state)
    if since is not None:
        conditions.append(signature_states.changed_since(since))
    tables = _signature.outerjoin(
        _constituency, _constituency.c.code == _signature.c.constituency_code
    ).outerjoin(_partner, _partner.c.id == _signature.c.partner_id)
    if is_personal or partner_id:
        tables = tables.join(_supporter, _supporter.c.id == _signature.c.supporter_id)
    rows = sa.select(_signature.c.id).select_from(tables).where(*conditions)
    labels = {"of": "signatures", "petition": petition.slug}
    return Export(
        key=_signature.c.id,
        owner=_signature.c.petition_id,
        owner_id=petition.id,
        has_index=True,
        columns=_columns_of_partner(is_personal) if partner_id else _columns(is_personal),
        rows=rows,
        labels=labels,
    )


def _columns(is_personal: bool) -> tuple[Column, ...]:
    signature = _signature.c
    personal = (
        Sealed("name", signature.name),
        Sealed("email", _supporter.c.email),
        Sealed("postcode", signature.postcode),
        Sealed("comment", signature.comment),
        # Beside the email address, because it says whether that may be used.
        Plain("updates", Kind.FLAG, supporters.may_be_sent_updates()),
        Plain("partner_contact", Kind.FLAG, partner_consents.may_contact()),
    )
    return (
        Plain("id", Kind.ID, signature.id),
        Plain("state", Kind.WORD, signature.state),
        *(personal if is_personal else ()),
        Plain("country", Kind.WORD, signature.country),
        Plain("constituency_code", Kind.WORD, signature.constituency_code),
        Plain("constituency_name", Kind.TEXT, _constituency.c.name),
        Plain("locale", Kind.WORD, signature.locale),
        Plain("source", Kind.TEXT, signature.source),
        Plain("partner", Kind.TEXT, _partner.c.slug),
        Plain("provenance", Kind.TEXT, signature.provenance),
        Plain("signed_at", Kind.MOMENT, signature.signed_at),
        Plain("confirmed_at", Kind.MOMENT, signature.confirmed_at),
        Plain("ended_at", Kind.MOMENT, signature.ended_at),
    )


def _columns_of_partner(is_personal: bool) -> tuple[Column, ...]:
    """Personal data is only exported for signers who let the partner contact them."""
    signature, contact = _signature.c, partner_consents.may_contact()
    personal = (
        Sealed("name", signature.name, only_if=contact),
        Sealed("email", _supporter.c.email, only_if=contact),
        Sealed("postcode", signature.postcode, only_if=contact),
        Sealed("comment", signature.comment, only_if=contact),
    )
    return (
        Plain("id", Kind.ID, signature.id),
        Plain("state", Kind.WORD, signature.state),
        Plain("contact", Kind.FLAG, contact),
        *(personal if is_personal else ()),
        Plain("country", Kind.WORD, signature.country),
        Plain("constituency_code", Kind.WORD, signature.constituency_code),
        Plain("constituency_name", Kind.TEXT, _constituency.c.name),
        Plain("locale", Kind.WORD, signature.locale),
        Plain("source", Kind.TEXT, signature.source),
        Plain("signed_at", Kind.MOMENT, signature.signed_at),
        Plain("confirmed_at", Kind.MOMENT, signature.confirmed_at),
        Plain("ended_at", Kind.MOMENT, signature.ended_at),
    )
