"""Who has signed a petition already, for keys that may know it."""

from collections.abc import Collection, Mapping
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
    )
)
_SUBMITTED = BulkLookup(
    lambda among: sa.select(
        _submission.c.address_index, _submission.c.petition_id, _submission.c.id
    ).where(among(_submission.c.address_index, "indexes"))
)


def standing(
    session: Session, petition: Petition, emails: Collection[str], *, keyring: Keyring
) -> dict[str, UUID]:
    """Returns the ids of confirmed signatures by canonical address."""
    addresses = _by_index(petition, emails, keyring)
    rows = _STANDING.rows(session, organisation=petition.organisation_id, indexes=list(addresses))
    return {
        addresses[bytes(index)]: row_id
        for index, petition_id, row_id in rows
        if petition_id == petition.id
    }


def submitted(
    session: Session, petition: Petition, emails: Collection[str], *, keyring: Keyring
) -> dict[str, set[UUID]]:
    """Returns the ids of submissions by canonical address; those not sorted yet are left out."""
    addresses = _by_index(petition, emails, keyring)
    ids: dict[str, set[UUID]] = {}
    for index, petition_id, row_id in _SUBMITTED.rows(session, indexes=list(addresses)):
        if petition_id == petition.id:
            ids.setdefault(addresses[bytes(index)], set()).add(row_id)
    return ids


def _by_index(petition: Petition, emails: Collection[str], keyring: Keyring) -> Mapping[bytes, str]:
    canonical = {texts.canonical_email(email) for email in emails}
    return {keyring.blind_index(petition.organisation_id, email): email for email in canonical}
