"""Exports of a petition's signatures, for its organisation and for partners."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from models import Constituency, Partner, Petition, Signature, SignatureState, Supporter
from models.base import table_of
from services.files.export_lines import Column, ColumnKind, EncryptedColumn, PlainColumn
from services.files.exports import Export, ExportedChanges
from services.signatures import by_partner, pending_exports
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

    It may be limited to one `state` and to those changed at `since` or later, in the order of the
    changes, which are also those of the signer's answers. Submissions are in it
    with the state `pending` alone: a file of people who never confirmed needs a reason. With
    `partner_id` it has what that partner may see (`services.signatures.by_partner`).
    """
    has_submissions = state is SignatureState.PENDING and partner_id is None
    conditions = [] if partner_id is None else by_partner.visible_to(partner_id)
    if state is not None:
        conditions.append(_signature.c.state == state)
    tables = _signature.outerjoin(
        _constituency, _constituency.c.code == _signature.c.constituency_code
    ).outerjoin(_partner, _partner.c.id == _signature.c.partner_id)
    if is_personal or partner_id:
        tables = tables.join(_supporter, _supporter.c.id == _signature.c.supporter_id)
    rows = sa.select(_signature.c.id).select_from(tables).where(*conditions)
    labels = {"of": "signatures", "petition": petition.slug}
    changed_at = _signature.c.partner_changed_at if partner_id else _signature.c.changed_at
    return Export(
        key=_signature.c.id,
        owner=_signature.c.petition_id,
        owner_id=petition.id,
        has_index=True,
        columns=_columns_of_partner(is_personal) if partner_id else _columns(is_personal),
        rows=rows,
        labels=labels,
        # After the rows: one that was pending before there were submissions becomes one.
        opened=pending_exports.of_petition(petition, since=since) if has_submissions else None,
        changes=ExportedChanges(changed_at, since) if since else None,
    )


def _columns(is_personal: bool) -> tuple[Column, ...]:
    signature = _signature.c
    personal = (
        EncryptedColumn("name", signature.name),
        EncryptedColumn("email", _supporter.c.email),
        EncryptedColumn("postcode", signature.postcode),
        EncryptedColumn("comment", signature.comment),
        # Beside the email address, because it says whether that may be used.
        PlainColumn("updates", ColumnKind.FLAG, supporters.may_be_sent_updates()),
        PlainColumn("partner_contact", ColumnKind.FLAG, partner_consents.may_contact()),
    )
    return (
        PlainColumn("id", ColumnKind.ID, signature.id),
        PlainColumn("state", ColumnKind.WORD, signature.state),
        *(personal if is_personal else ()),
        PlainColumn("country", ColumnKind.WORD, signature.country),
        PlainColumn("constituency_code", ColumnKind.WORD, signature.constituency_code),
        PlainColumn("constituency_name", ColumnKind.TEXT, _constituency.c.name),
        PlainColumn("locale", ColumnKind.WORD, signature.locale),
        PlainColumn("source", ColumnKind.TEXT, signature.source),
        PlainColumn("partner", ColumnKind.TEXT, _partner.c.slug),
        PlainColumn("provenance", ColumnKind.TEXT, signature.provenance),
        PlainColumn("signed_at", ColumnKind.MOMENT, signature.signed_at),
        PlainColumn("confirmed_at", ColumnKind.MOMENT, signature.confirmed_at),
        PlainColumn("ended_at", ColumnKind.MOMENT, signature.ended_at),
    )


def _columns_of_partner(is_personal: bool) -> tuple[Column, ...]:
    """Personal data is only exported for signers who let the partner contact them."""
    signature, contact = _signature.c, partner_consents.may_contact()
    personal = (
        EncryptedColumn("name", signature.name, only_if=contact),
        EncryptedColumn("email", _supporter.c.email, only_if=contact),
        EncryptedColumn("postcode", signature.postcode, only_if=contact),
        EncryptedColumn("comment", signature.comment, only_if=contact),
    )
    return (
        PlainColumn("id", ColumnKind.ID, signature.id),
        PlainColumn("state", ColumnKind.WORD, signature.state),
        PlainColumn("contact", ColumnKind.FLAG, contact),
        *(personal if is_personal else ()),
        PlainColumn("country", ColumnKind.WORD, signature.country),
        PlainColumn("constituency_code", ColumnKind.WORD, signature.constituency_code),
        PlainColumn("constituency_name", ColumnKind.TEXT, _constituency.c.name),
        PlainColumn("locale", ColumnKind.WORD, signature.locale),
        PlainColumn("source", ColumnKind.TEXT, signature.source),
        PlainColumn("signed_at", ColumnKind.MOMENT, signature.signed_at),
        PlainColumn("confirmed_at", ColumnKind.MOMENT, signature.confirmed_at),
        PlainColumn("ended_at", ColumnKind.MOMENT, signature.ended_at),
    )
