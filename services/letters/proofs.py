"""Proofs that the sender of a letter has the mailbox whose address is in it.

The answer to the confirmation of a signature has a token (`Purpose.WRITE`) for two hours. A letter
that comes with it needs no confirmation by email.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, Petition, Signature, SignatureState, Supporter
from models.base import table_of
from services.letters.drafting.situations import Situation
from services.supporters.supporters import EmailAddress

_signature, _supporter = table_of(Signature), table_of(Supporter)
_petition = table_of(Petition)


def can_prove(signature: Signature) -> bool:
    """Returns whether a signature shows that its signer has the mailbox."""
    return signature.state is SignatureState.CONFIRMED and signature.confirmed_by_signer


def is_of(
    session: Session, signature_id: UUID, situation: Situation, email: str, *, keyring: Keyring
) -> bool:
    """Returns whether a signature proves that the sender of a letter has this address.

    It must stand, confirmed by its signer, and be of the same campaign; its signer must have the
    address and want mail. It must be from the seat to which the letter goes: otherwise one proof
    would be enough for letters to all members. Only this signature is looked up, so that nobody
    learns anything about another address.
    """
    campaign = situation.campaign
    statement = (
        sa.select(_supporter.c.email_index)
        .join(_signature, _signature.c.supporter_id == _supporter.c.id)
        .join(_petition, _petition.c.id == _signature.c.petition_id)
        .where(
            _signature.c.id == signature_id,
            _signature.c.state == SignatureState.CONFIRMED,
            _signature.c.confirmed_by_signer,
            _signature.c.constituency_code == situation.seat.constituency.code,
            _petition.c.campaign_id == campaign.id,
            _supporter.c.mail_off_at.is_(None),
        )
    )
    index = session.connection().execute(statement).scalar()
    address = EmailAddress.of(campaign.organisation_id, email, keyring)
    return index is not None and bytes(index) == address.index
