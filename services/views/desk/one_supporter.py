"""What an organisation keeps about one person, found by their exact email address."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Campaign,
    Consent,
    Constituency,
    Keyring,
    Letter,
    LetterState,
    Member,
    Petition,
    Signature,
    SignatureState,
    Supporter,
    Wording,
)
from services.common import texts
from services.supporters.supporters import EmailAddress
from services.views.desk.supporter_counts import CONTACT, Contact


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer with the words that the person saw. `effective_at` is None until confirmed."""

    granted: bool
    wording: str
    given_at: datetime
    effective_at: datetime | None


@dataclass(frozen=True, slots=True)
class GivenSignature:
    """A signature. `at` is when it was given."""

    petition: str
    state: SignatureState
    at: datetime


@dataclass(frozen=True, slots=True)
class WrittenLetter:
    """A letter without its text, which the desk never shows.

    `at` is when it went, or when it was written if it has not gone.
    """

    campaign: str
    member: str
    state: LetterState
    at: datetime


@dataclass(frozen=True, slots=True)
class KnownSupporter:
    """A person with all that pages may show of them, the newest first."""

    supporter: Supporter
    contact: Contact
    constituency: str | None
    answers: tuple[GivenAnswer, ...]
    signatures: tuple[GivenSignature, ...]
    letters: tuple[WrittenLetter, ...]


def find(
    session: Session, email: str, *, organisation_id: UUID, keyring: Keyring
) -> KnownSupporter | None:
    """Returns the person with this address, or None where the organisation knows nobody.

    :raises Invalid: the text is no email address
    """
    address = EmailAddress.of(organisation_id, texts.email_address(email), keyring)
    statement = (
        sa.select(Supporter, CONTACT, col(Constituency.name))
        .outerjoin(Constituency, col(Constituency.code) == Supporter.constituency_code)
        .where(
            col(Supporter.organisation_id) == organisation_id,
            col(Supporter.email_index) == address.index,
        )
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        return None
    supporter, contact, constituency = found
    return KnownSupporter(
        supporter=supporter,
        contact=Contact(contact),
        constituency=constituency,
        answers=_answers(session, supporter.id),
        signatures=_signatures(session, supporter.id),
        letters=_letters(session, supporter.id),
    )


def _answers(session: Session, supporter_id: UUID) -> tuple[GivenAnswer, ...]:
    statement = (
        select(Consent.granted, Wording.text, Consent.given_at, Consent.effective_at)
        .join(Wording, col(Wording.id) == Consent.wording_id)
        .where(Consent.supporter_id == supporter_id)
        .order_by(col(Consent.given_at).desc(), col(Consent.id).desc())
    )
    return tuple(GivenAnswer(*row) for row in session.exec(statement))


def _signatures(session: Session, supporter_id: UUID) -> tuple[GivenSignature, ...]:
    statement = (
        sa.select(col(Petition.action), col(Signature.state), col(Signature.signed_at))
        .join(Petition, col(Petition.id) == Signature.petition_id)
        .where(col(Signature.supporter_id) == supporter_id)
        .order_by(col(Signature.signed_at).desc(), col(Signature.id).desc())
    )
    return tuple(GivenSignature(*row) for row in session.execute(statement))


def _letters(session: Session, supporter_id: UUID) -> tuple[WrittenLetter, ...]:
    statement = (
        sa.select(
            col(Campaign.title),
            col(Member.name),
            col(Letter.state),
            col(Letter.sent_at),
            col(Letter.created_at),
        )
        .join(Campaign, col(Campaign.id) == Letter.campaign_id)
        .join(Member, col(Member.id) == Letter.member_id)
        .where(col(Letter.supporter_id) == supporter_id)
        .order_by(col(Letter.created_at).desc(), col(Letter.id).desc())
    )
    return tuple(
        WrittenLetter(title, member, state, sent_at or created_at)
        for title, member, state, sent_at, created_at in session.execute(statement)
    )
