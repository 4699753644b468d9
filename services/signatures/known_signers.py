"""Who has signed a petition already, for keys that may know it."""

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Keyring, Petition, Signature, SignatureState, Submission, Supporter
from models.base import table_of
from services.common import texts
from services.database.bulk import BulkLookup

_signature, _submission = table_of(Signature), table_of(Submission)
_supporter = table_of(Supporter)
_STANDING = BulkLookup(
    lambda among: (
        sa.select(_supporter.c.email_index, _signature.c.petition_id, _signature.c.id)
        .join(_signature, _signature.c.supporter_id == _supporter.c.id)
        .where(
            _supporter.c.organisation_id == sa.bindparam("organisation"),
            among(_supporter.c.email_index, "indexes"),
            _signature.c.state == SignatureState.CONFIRMED,
        )
    ),
    is_long=True,
)
_SUBMITTED = BulkLookup(
    lambda among: sa.select(_submission.c.address_index, _submission.c.petition_id).where(
        among(_submission.c.address_index, "indexes")
    ),
    is_long=True,
)


@dataclass(frozen=True, slots=True)
class KnownSigners:
    """Which addresses have signed a petition, or have sent a submission that was sorted.

    `standing` are the ids of confirmed signatures by canonical address.
    """

    standing: Mapping[str, UUID]
    submitted: Set[str]

    def has(self, email: str) -> bool:
        """Returns whether an address has signed, or can still confirm that."""
        canonical = texts.canonical_email(email)
        return canonical in self.standing or canonical in self.submitted

    def standing_id(self, email: str) -> UUID | None:
        """Returns the id of the confirmed signature of an address."""
        return self.standing.get(texts.canonical_email(email))


NOBODY = KnownSigners({}, frozenset())
"""For callers that may not know who has signed: nothing is looked up."""


def find(
    session: Session, petition: Petition, emails: Collection[str], *, keyring: Keyring
) -> KnownSigners:
    """Looks addresses up in two statements. Submissions that are not sorted yet are not found."""
    addresses = _by_index(petition, emails, keyring)
    submitted = {
        addresses[bytes(index)]
        for index, petition_id in _SUBMITTED.rows(session, indexes=list(addresses))
        if petition_id == petition.id
    }
    # Last: a submission that is confirmed meanwhile is found as its signature.
    return KnownSigners(_standing(session, petition, addresses), submitted)


def standing(
    session: Session, petition: Petition, emails: Collection[str], *, keyring: Keyring
) -> dict[str, UUID]:
    """Returns the ids of confirmed signatures by canonical address, in one statement."""
    return _standing(session, petition, _by_index(petition, emails, keyring))


def _standing(
    session: Session, petition: Petition, addresses: Mapping[bytes, str]
) -> dict[str, UUID]:
    rows = _STANDING.rows(session, organisation=petition.organisation_id, indexes=list(addresses))
    return {
        addresses[bytes(index)]: row_id
        for index, petition_id, row_id in rows
        if petition_id == petition.id
    }


def _by_index(petition: Petition, emails: Collection[str], keyring: Keyring) -> Mapping[bytes, str]:
    canonical = {texts.canonical_email(email) for email in emails}
    return {keyring.blind_index(petition.organisation_id, email): email for email in canonical}
