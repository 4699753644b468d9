"""The signatures of a petition as a file."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from models import Constituency, Partner, Petition, Signature, SignatureState, Supporter
from models.base import table_of
from services.files.export_lines import Column, ColumnKind, EncryptedColumn, PlainColumn
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
    conditions = [] if partner_id is None else by_partner.seen_by(partner_id)
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
        EncryptedColumn("name", its.name),
        EncryptedColumn("email", _supporter.c.email),
        EncryptedColumn("postcode", its.postcode),
        EncryptedColumn("comment", its.comment),
        # Beside the address, since it is what says whether the address may be used.
        PlainColumn("updates", ColumnKind.FLAG, supporters.may_be_sent_updates()),
        PlainColumn("partner_contact", ColumnKind.FLAG, partner_consents.may_contact()),
    )
    return (
        PlainColumn("id", ColumnKind.ID, its.id),
        PlainColumn("state", ColumnKind.WORD, its.state),
        *(personal if is_personal else ()),
        PlainColumn("country", ColumnKind.WORD, its.country),
        PlainColumn("constituency_code", ColumnKind.WORD, its.constituency_code),
        PlainColumn("constituency_name", ColumnKind.TEXT, _constituency.c.name),
        PlainColumn("locale", ColumnKind.WORD, its.locale),
        PlainColumn("source", ColumnKind.TEXT, its.source),
        PlainColumn("partner", ColumnKind.TEXT, _partner.c.slug),
        PlainColumn("provenance", ColumnKind.TEXT, its.provenance),
        PlainColumn("signed_at", ColumnKind.MOMENT, its.signed_at),
        PlainColumn("confirmed_at", ColumnKind.MOMENT, its.confirmed_at),
        PlainColumn("ended_at", ColumnKind.MOMENT, its.ended_at),
    )


def _columns_of_partner(is_personal: bool) -> tuple[Column, ...]:
    """Whose a signature is only where its signer said that the partner may contact them."""
    its, contact = _signature.c, partner_consents.may_contact()
    personal = (
        EncryptedColumn("name", its.name, only_if=contact),
        EncryptedColumn("email", _supporter.c.email, only_if=contact),
        EncryptedColumn("postcode", its.postcode, only_if=contact),
        EncryptedColumn("comment", its.comment, only_if=contact),
    )
    return (
        PlainColumn("id", ColumnKind.ID, its.id),
        PlainColumn("state", ColumnKind.WORD, its.state),
        PlainColumn("contact", ColumnKind.FLAG, contact),
        *(personal if is_personal else ()),
        PlainColumn("country", ColumnKind.WORD, its.country),
        PlainColumn("constituency_code", ColumnKind.WORD, its.constituency_code),
        PlainColumn("constituency_name", ColumnKind.TEXT, _constituency.c.name),
        PlainColumn("locale", ColumnKind.WORD, its.locale),
        PlainColumn("source", ColumnKind.TEXT, its.source),
        PlainColumn("signed_at", ColumnKind.MOMENT, its.signed_at),
        PlainColumn("confirmed_at", ColumnKind.MOMENT, its.confirmed_at),
        PlainColumn("ended_at", ColumnKind.MOMENT, its.ended_at),
    )
