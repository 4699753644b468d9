"""What the links in a signer's emails are about: a submission, a signature, or nothing any more."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Keyring, Partner, Petition, Signature, SignatureState, Submission, Supporter
from models.base import table_of
from services.campaigns import petitions
from services.errors import NotFound
from services.signatures import pending_rows
from services.submissions import payload
from services.submissions.payload import SignaturePayload, Unreadable
from services.supporters import wordings
from services.supporters.supporters import EmailAddress

_NUMBER = 4  # bytes of a petition's number in a link
_submission = table_of(Submission)
_RAW = sa.select(
    _submission.c.id,
    _submission.c.petition_id,
    _submission.c.constituency_code,
    _submission.c.received_at,
    sa.type_coerce(_submission.c.payload, sa.LargeBinary).label("sealed"),
)


class LinkState(StrEnum):
    """What a link leads to.

    `pending`: a submission that can be confirmed. `other_stands`: a submission, and the signer's
    signature from another one. The others are states of a signature.
    """

    PENDING = "pending"
    OTHER_STANDS = "other_stands"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class LinkedSignature:
    """A submission or a signature, as its signer sees it.

    `agreed` and `refused` are the words of the questions that came with a submission. `signature`
    is the one that stands or has ended; None while there is none.
    """

    state: LinkState
    petition_id: UUID
    constituency_code: str
    name: str
    postcode: str
    country: str
    comment: str | None
    partner: str | None
    agreed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    received_at: datetime | None = None
    signature: Signature | None = None


def find(session: Session, row_id: UUID, *, keyring: Keyring) -> LinkedSignature | None:
    """Returns what a link is about, or None. Raises Unavailable for an unreadable submission."""
    decided = select(Signature).where(Signature.id == row_id, col(Signature.state).in_(_STATES))
    signature = session.exec(decided, execution_options={"populate_existing": True}).first()
    if signature is not None:
        return of_signature(session, signature)
    pending = pending_rows.find(session, row_id, keyring=keyring)
    if pending is not None:
        owner, contents = pending.organisation_id, pending.contents
        return _of_contents(session, pending, owner, contents, keyring)
    row = session.connection().execute(_RAW.where(_submission.c.id == row_id)).first()
    if row is None or row.petition_id is None:
        return None
    try:
        organisation_id, contents = payload.open_sealed(row.sealed, keyring)
    except Unreadable:
        raise payload.unreadable() from None
    return _of_contents(session, row, organisation_id, contents, keyring)


def bound_to(petition_number: int) -> bytes:
    """Returns what the token of a link is bound to, so that it knows its petition for ever."""
    return petition_number.to_bytes(_NUMBER, "big")


def petition_of(session: Session, row_id: UUID, bound: bytes) -> Petition | None:
    """Returns the public petition that a link was about, also if nothing of it is left.

    Links from before the petition was in them know it through their signature alone.
    """
    slug = select(Petition.slug)
    if bound:
        slug = slug.where(Petition.number == int.from_bytes(bound[:_NUMBER], "big"))
    else:
        slug = slug.join(Signature, col(Signature.petition_id) == Petition.id).where(
            Signature.id == row_id
        )
    with suppress(NotFound):
        found = session.exec(slug).first()
        return petitions.public(session, found) if found else None
    return None


def _of_contents(
    session: Session,
    row: Any,
    organisation_id: UUID,
    contents: SignaturePayload,
    keyring: Keyring,
) -> LinkedSignature:
    index = EmailAddress.of(organisation_id, contents.email, keyring).index
    standing = _standing(session, row.petition_id, organisation_id, index)
    if standing is not None:
        return of_signature(session, standing, state=LinkState.OTHER_STANDS)
    return _of_submission(session, row, organisation_id, contents)


_STATES = {
    SignatureState.CONFIRMED: LinkState.CONFIRMED,
    SignatureState.WITHDRAWN: LinkState.WITHDRAWN,
    SignatureState.REJECTED: LinkState.REJECTED,
}


def _standing(
    session: Session, petition_id: UUID, organisation_id: UUID, index: bytes
) -> Signature | None:
    """Returns the signature that the signer has confirmed, or None also for an import."""
    statement = (
        select(Signature)
        .join(Supporter, col(Supporter.id) == Signature.supporter_id)
        .where(
            Supporter.organisation_id == organisation_id,
            Supporter.email_index == index,
            Signature.petition_id == petition_id,
            Signature.state == SignatureState.CONFIRMED,
            col(Signature.confirmed_by_signer),
        )
    )
    return session.exec(statement).first()


def of_signature(
    session: Session, signature: Signature, *, state: LinkState | None = None
) -> LinkedSignature:
    """Returns a confirmed or ended signature, as its signer sees it."""
    partner = session.get(Partner, signature.partner_id) if signature.partner_id else None
    return LinkedSignature(
        state=state or _STATES[signature.state],
        petition_id=signature.petition_id,
        constituency_code=signature.constituency_code,
        name=signature.name.text,
        postcode=signature.postcode.text,
        country=signature.country,
        comment=signature.comment.text if signature.comment else None,
        partner=partner.name if partner else None,
        signature=signature,
    )


def _of_submission(
    session: Session, row: Any, organisation_id: UUID, contents: SignaturePayload
) -> LinkedSignature:
    questions = _questions(session, organisation_id, contents, row.received_at)
    return LinkedSignature(
        state=LinkState.PENDING,
        petition_id=row.petition_id,
        constituency_code=row.constituency_code,
        name=contents.name,
        postcode=contents.postcode,
        country=contents.country,
        comment=contents.comment,
        partner=contents.partner.name if contents.partner else None,
        agreed=tuple(text for text, granted in questions if granted),
        refused=tuple(text for text, granted in questions if not granted),
        received_at=row.received_at,
    )


def _questions(
    session: Session, organisation_id: UUID, contents: SignaturePayload, received_at: datetime
) -> Sequence[tuple[str, bool]]:
    """Returns the words of the questions that were answered, and the answers."""
    questions = []
    if contents.updates is not None and contents.provenance is None:
        text = wordings.updates_text_at(session, organisation_id, received_at)
        questions.append((text, contents.updates))
    elif contents.updates is not None:
        text = wordings.ELSEWHERE.format(provenance=contents.provenance)
        questions.append((text, contents.updates))
    if contents.partner is not None and contents.partner_contact is not None:
        questions.append((wordings.partner_text(contents.partner.name), contents.partner_contact))
    return questions
