"""Records signatures: posts become submissions, imports that count become signatures.

`record` writes any number of requests in a small, fixed number of statements. Single requests, bulk
requests, imports and other APIs' formats all call it, so that the rules are in one place. What a
signer then confirms becomes a signature in `services.signatures.confirming`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from models import Campaign, Keyring, Petition, SignatureState
from models.base import table_of
from models.constituency import OVERSEAS, UNKNOWN
from models.postcode import PostcodeResult, PostcodeStatus
from services.campaigns import petitions
from services.common import texts
from services.errors import LobbyError, NotFound
from services.signatures import attribution, imported, pending_imports
from services.signatures.attribution import Partners
from services.signatures.entries import (
    HOME,
    ImportOrigin,
    OpenPetition,
    Outcome,
    SignatureEntry,
    SignatureRequest,
)
from services.signatures.submitted import new_submission
from services.submissions import intake

__all__ = [
    "HOME",
    "ImportOrigin",
    "Lookup",
    "Outcome",
    "SignatureRequest",
    "constituency_at",
    "constituency_of",
    "record",
]

Lookup = Callable[[str], PostcodeResult]
# Columns instead of a Petition: building the object costs more than finding the row.
_petition, _campaign = table_of(Petition), table_of(Campaign)
_BY_SLUG = (
    sa.select(
        _petition.c.id,
        _petition.c.slug,
        _petition.c.organisation_id,
        _petition.c.state,
        _petition.c.closes_at,
        _campaign.c.status,
    )
    .join(_campaign, _campaign.c.id == _petition.c.campaign_id)
    .where(_petition.c.slug.in_(sa.bindparam("slugs", expanding=True)))
)


def record(
    session: Session,
    requests: Sequence[SignatureRequest],
    *,
    postcodes: Lookup,
    keyring: Keyring,
    now: datetime,
    is_one_sender: bool = False,
) -> list[Outcome]:
    """Record signatures, pending until confirmed by email; returns their outcomes in order.

    Posts become submissions in two statements, whatever is known of their addresses. A request for
    an unknown or closed petition, or with a malformed postcode, gets an error and does not affect
    the others. With `is_one_sender` an address that an earlier request of the batch had is recorded
    once. An import is confirmed already, unless it says otherwise; a repeated import changes
    nothing and queues no email.
    """
    outcomes: dict[int, Outcome] = {}
    entries = _entries(session, requests, outcomes, postcodes=postcodes, now=now)
    posted = [entry for entry in entries if entry.request.imported is None]
    outcomes |= _submit(session, posted, now, is_one_sender=is_one_sender)
    from_elsewhere = [entry for entry in entries if entry.request.imported is not None]
    if from_elsewhere:
        outcomes |= imported.record(session, from_elsewhere, keyring=keyring, now=now)
        outcomes |= pending_imports.record(session, from_elsewhere, keyring=keyring, now=now)
    return [outcomes[position] for position in range(len(requests))]


def constituency_of(request: SignatureRequest, postcodes: Lookup) -> str:
    """Returns a constituency's code, 'unknown' (also without a postcode) or 'overseas'.

    Raises Invalid for a malformed postcode.
    """
    if request.country == HOME and not request.postcode:
        return UNKNOWN
    return constituency_at(request.country, request.postcode, postcodes)


def constituency_at(country: str, postcode: str, postcodes: Lookup) -> str:
    """Works like `constituency_of`, for a country and a postcode."""
    if country != HOME:
        return OVERSEAS
    result = postcodes(postcode)
    if result.status is PostcodeStatus.NOT_IN_UK_PARLIAMENT:
        return OVERSEAS
    return result.constituency_code or UNKNOWN


def _entries(
    session: Session,
    requests: Sequence[SignatureRequest],
    outcomes: dict[int, Outcome],
    *,
    postcodes: Lookup,
    now: datetime,
) -> list[SignatureEntry]:
    """Returns the valid requests, and puts the errors of the others into `outcomes`."""
    entries = []
    targets = _open_petitions(session, {request.petition_slug for request in requests}, now)
    owners = [
        target.organisation_id for target in targets.values() if isinstance(target, OpenPetition)
    ]
    partners = attribution.find(session, requests, owners)
    for position, request in enumerate(requests):
        try:
            entries.append(_entry(position, request, targets, partners, postcodes))
        except LobbyError as error:
            outcomes[position] = Outcome(error=error)
    return entries


def _open_petitions(
    session: Session, slugs: set[str], now: datetime
) -> dict[str, OpenPetition | LobbyError]:
    """Returns by slug the open petitions, and for the others the error."""
    rows = session.connection().execute(_BY_SLUG, {"slugs": list(slugs)})
    targets: dict[str, OpenPetition | LobbyError] = {}
    for petition in rows:
        try:
            petitions.require_open(petition, campaign_status=petition.status, now=now)
            targets[petition.slug] = OpenPetition(petition.id.hex, petition.organisation_id)
        except LobbyError as error:
            targets[petition.slug] = error
    return targets


def _entry(
    position: int,
    request: SignatureRequest,
    targets: Mapping[str, OpenPetition | LobbyError],
    partners: Partners,
    postcodes: Lookup,
) -> SignatureEntry:
    petition = targets.get(request.petition_slug)
    if petition is None:
        raise NotFound("petition_unknown", f"There is no petition '{request.petition_slug}'.")
    if isinstance(petition, LobbyError):
        raise petition
    code = constituency_of(request, postcodes)
    partner = partners.of(request, petition.organisation_id)
    return SignatureEntry(position, request, petition, code, partner)


def _submit(
    session: Session, entries: Sequence[SignatureEntry], now: datetime, *, is_one_sender: bool
) -> dict[int, Outcome]:
    """Inserts submissions, and returns the outcomes by position."""
    firsts: dict[object, SignatureEntry] = {}
    for entry in entries:
        firsts.setdefault(_key(entry) if is_one_sender else entry.position, entry)
    submissions = [new_submission(entry) for entry in firsts.values()]
    ids = dict(zip(firsts, intake.insert(session, submissions, now=now), strict=True))
    outcomes = {}
    for entry in entries:
        key = _key(entry) if is_one_sender else entry.position
        is_first = firsts[key] is entry
        outcomes[entry.position] = Outcome(
            row_id=ids[key],
            constituency_code=entry.code,
            is_new=is_first,
            is_repeat_in_batch=not is_first,
            state=SignatureState.PENDING,
        )
    return outcomes


def _key(entry: SignatureEntry) -> tuple[str, str]:
    return entry.petition.id, texts.canonical_email(entry.request.email)
