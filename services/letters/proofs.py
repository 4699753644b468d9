"""Proofs that the sender of a letter has the mailbox whose address is in it.

The answer to the confirmation of a signature has a token (`Purpose.WRITE`) for two hours. A letter
that comes with it needs no confirmation by email.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Campaign, Keyring, Petition, Signature, SignatureState, Supporter
from models.base import table_of
from services.supporters.supporters import EmailAddress

_signature, _supporter = table_of(Signature), table_of(Supporter)
_petition = table_of(Petition)


def can_prove(signature: Signature) -> bool:
    """Returns whether a signature shows that its signer has the mailbox: imports do not."""
    return signature.state is SignatureState.CONFIRMED and signature.provenance is None


def is_of(
    session: Session, signature_id: UUID, campaign: Campaign, email: str, *, keyring: Keyring
) -> bool:
    """Returns whether a signature proves that a sender has this address, in this campaign.

    It must stand, and must not be an import; its signer must have the address and want mail. Only
    the proven signature is looked up, so that nobody learns anything about another address.
    """
    statement = (
        sa.select(_supporter.c.email_index)
        .join(_signature, _signature.c.supporter_id == _supporter.c.id)
        .join(_petition, _petition.c.id == _signature.c.petition_id)
        .where(
            _signature.c.id == signature_id,
            _signature.c.state == SignatureState.CONFIRMED,
            _signature.c.provenance.is_(None),
            _petition.c.campaign_id == campaign.id,
            _supporter.c.mail_off_at.is_(None),
        )
    )
    index = session.connection().execute(statement).scalar()
    address = EmailAddress.of(campaign.organisation_id, email, keyring)
    return index is not None and bytes(index) == address.index
