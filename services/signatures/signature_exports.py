"""The signatures of a petition as a file."""

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
    """All signatures, those in one state, or those that changed at `since` or later; for a partner
    what it may see of its own (`services.signatures.by_partner`)."""
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
    its = _signature.c
    personal = (
        Sealed("name", its.name),
        Sealed("email", _supporter.c.email),
        Sealed("postcode", its.postcode),
        Sealed("comment", its.comment),
        # Beside the address, since it is what says whether the address may be used.
        Plain("updates", Kind.FLAG, supporters.may_be_sent_updates()),
        Plain("partner_contact", Kind.FLAG, partner_consents.may_contact()),
    )
    return (
        Plain("id", Kind.ID, its.id),
        Plain("state", Kind.WORD, its.state),
        *(personal if is_personal else ()),
        Plain("country", Kind.WORD, its.country),
        Plain("constituency_code", Kind.WORD, its.constituency_code),
        Plain("constituency_name", Kind.TEXT, _constituency.c.name),
        Plain("locale", Kind.WORD, its.locale),
        Plain("source", Kind.TEXT, its.source),
        Plain("partner", Kind.TEXT, _partner.c.slug),
        Plain("provenance", Kind.TEXT, its.provenance),
        Plain("signed_at", Kind.MOMENT, its.signed_at),
        Plain("confirmed_at", Kind.MOMENT, its.confirmed_at),
        Plain("ended_at", Kind.MOMENT, its.ended_at),
    )


def _columns_of_partner(is_personal: bool) -> tuple[Column, ...]:
    """Whose a signature is only where its signer said that the partner may contact them."""
    its, contact = _signature.c, partner_consents.may_contact()
    personal = (
        Sealed("name", its.name, only_if=contact),
        Sealed("email", _supporter.c.email, only_if=contact),
        Sealed("postcode", its.postcode, only_if=contact),
        Sealed("comment", its.comment, only_if=contact),
    )
    return (
        Plain("id", Kind.ID, its.id),
        Plain("state", Kind.WORD, its.state),
        Plain("contact", Kind.FLAG, contact),
        *(personal if is_personal else ()),
        Plain("country", Kind.WORD, its.country),
        Plain("constituency_code", Kind.WORD, its.constituency_code),
        Plain("constituency_name", Kind.TEXT, _constituency.c.name),
        Plain("locale", Kind.WORD, its.locale),
        Plain("source", Kind.TEXT, its.source),
        Plain("signed_at", Kind.MOMENT, its.signed_at),
        Plain("confirmed_at", Kind.MOMENT, its.confirmed_at),
        Plain("ended_at", Kind.MOMENT, its.ended_at),
    )
