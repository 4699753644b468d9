"""Reads signatures from before submissions, which wait for confirmation, as submissions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Consent, Keyring, Partner, Signature, Supporter, Wording
from models.base import table_of
from services.submissions import payload
from services.submissions.payload import PayloadPartner, SignaturePayload
from services.supporters import wordings

_signature, _supporter = table_of(Signature), table_of(Supporter)
_partner, _consent, _wording = table_of(Partner), table_of(Consent), table_of(Wording)
_IDS: sa.BindParameter[Sequence[UUID]] = sa.bindparam("ids", expanding=True)
# Written exactly as in the partial index, so that it is used.
_IS_PENDING = sa.and_(
    _signature.c.state == sa.literal_column("'pending'"), _signature.c.ended_at.is_(None)
)
# Sealed texts are read as bytes: a damaged one must not stop the other rows.
ROWS = (
    sa.select(
        _signature.c.id,
        _signature.c.petition_id,
        _signature.c.supporter_id,
        _signature.c.constituency_code,
        _signature.c.country,
        _signature.c.locale,
        _signature.c.source,
        _signature.c.provenance,
        _signature.c.signed_at,
        *(
            sa.type_coerce(_signature.c[name], sa.LargeBinary).label(name)
            for name in ("name", "postcode", "comment")
        ),
        sa.type_coerce(_supporter.c.email, sa.LargeBinary).label("email"),
        _supporter.c.email_index,
        _supporter.c.organisation_id,
        _supporter.c.created_at,
        _partner.c.id.label("partner_id"),
        _partner.c.slug.label("partner_slug"),
        _partner.c.name.label("partner_name"),
    )
    .select_from(
        _signature.join(_supporter, _supporter.c.id == _signature.c.supporter_id).outerjoin(
            _partner, _partner.c.id == _signature.c.partner_id
        )
    )
    .where(_IS_PENDING)
)
BY_ID = ROWS.where(_signature.c.id.in_(_IDS)).order_by(_signature.c.id)
_ANSWERS = (
    sa.select(
        _consent.c.signature_id,
        _consent.c.kind,
        _consent.c.granted,
        _consent.c.given_at,
        _wording.c.kind.label("wording_kind"),
        _wording.c.text,
    )
    .join(_wording, _wording.c.id == _consent.c.wording_id)
    .where(_consent.c.signature_id.in_(_IDS), _consent.c.effective_at.is_(None))
    .order_by(_consent.c.given_at, _consent.c.id)
)


@dataclass(frozen=True, slots=True)
class PendingSignature:
    """A pending signature as the submission that it becomes."""

    id: UUID
    petition_id: UUID
    constituency_code: str
    received_at: datetime
    organisation_id: UUID
    contents: SignaturePayload


def find(session: Session, signature_id: UUID, *, keyring: Keyring) -> PendingSignature | None:
    """Returns a pending signature without adopting it; None if there is none.

    Raises Unavailable if it cannot be decrypted.
    """
    rows = session.connection().execute(BY_ID, {"ids": [signature_id]}).all()
    found, left = opened(session, rows, keyring)
    if left:
        raise payload.unreadable()
    return found[0] if found else None


def opened(
    session: Session, rows: Sequence[Any], keyring: Keyring
) -> tuple[list[PendingSignature], list[UUID]]:
    """Decrypts rows of `ROWS`; also returns the ids of those that cannot be decrypted."""
    answers: defaultdict[UUID, list[Any]] = defaultdict(list)
    if rows:
        params = {"ids": [row.id for row in rows]}
        for answer in session.connection().execute(_ANSWERS, params):
            answers[answer.signature_id].append(answer)
    found, left = [], []
    for row in rows:
        try:
            contents = _payload(row, answers[row.id], keyring)
        except ValueError:
            left.append(row.id)
            continue
        pending = PendingSignature(
            row.id,
            row.petition_id,
            row.constituency_code,
            row.signed_at,
            row.organisation_id,
            contents,
        )
        found.append(pending)
    return found, left


def _payload(row: Any, answers: Iterable[Any], keyring: Keyring) -> SignaturePayload:
    """Raises ValueError if the signature cannot be decrypted."""
    is_imported = row.provenance is not None
    kind = wordings.IMPORTED if is_imported else wordings.UPDATES
    # The last answer to each question. Answers that were given elsewhere belong to an import.
    last = {answer.kind: answer for answer in answers if _belongs(answer, kind)}
    updates = last.get(wordings.UPDATES)
    to_partner = last.get(wordings.partner_kind(row.partner_slug)) if row.partner_slug else None
    given_at = updates.given_at if updates and is_imported else row.signed_at
    return SignaturePayload(
        name=keyring.text_of(bytes(row.name), "signature.name"),
        email=keyring.text_of(bytes(row.email), "supporter.email"),
        postcode=keyring.text_of(bytes(row.postcode), "signature.postcode"),
        country=row.country,
        locale=row.locale,
        comment=keyring.text_of(bytes(row.comment), "signature.comment") if row.comment else None,
        source=row.source,
        updates=updates.granted if updates else None,
        partner=_named(row, to_partner),
        partner_contact=to_partner.granted if to_partner else None,
        provenance=row.provenance,
        given_at=given_at.isoformat() if given_at != row.signed_at else None,
    )


def _belongs(answer: Any, kind: str) -> bool:
    return bool(answer.kind != wordings.UPDATES or answer.wording_kind == kind)


def _named(row: Any, answer: Any) -> PayloadPartner | None:
    """Returns the partner with its name as in the question that was answered."""
    if row.partner_id is None:
        return None
    asked = wordings.partner_in(answer.text) if answer else None
    return PayloadPartner(row.partner_id, row.partner_slug, asked or row.partner_name)
