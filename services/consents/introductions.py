"""Supporters that an organisation adds itself, and its changes to their details.

Adding a supporter only fills in missing details and never overrides what a person has confirmed,
so that a key that may only post cannot change existing data.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import Keyring, Private, Supporter
from services.consents.following import followed
from services.supporters import supporters
from services.supporters.supporters import SupporterDetails


@dataclass(frozen=True, slots=True)
class PersonDetails:
    """The details of a person, checked already; None means not given."""

    name: str | None = None
    postcode: str | None = None
    constituency_code: str | None = None
    locale: str | None = None
    wants_no_updates: bool = False

    @classmethod
    def of(cls, known: SupporterDetails) -> "PersonDetails":
        """Takes over what the details of a signature say of its signer."""
        has_place = known.has_place
        return cls(
            known.name or None,
            known.postcode if has_place else None,
            known.constituency_code if has_place else None,
            known.locale,
        )


def introduce(
    session: Session,
    *,
    organisation_id: UUID,
    email: str,
    details: PersonDetails | None,
    keyring: Keyring,
    now: datetime,
) -> UUID:
    """Add a supporter by email address, or find the existing one; returns their id.

    `details` are only saved if the supporter had no name; a refusal of news always is. With None
    only the address is saved.
    """
    address = supporters.EmailAddress.of(organisation_id, email, keyring)
    ((row_id, is_new),) = supporters.find_or_add(session, [address], now=now)
    supporter_id = UUID(row_id)
    if details is not None:
        supporter = supporters.locked(session, supporter_id)
        if supporter.name is None and _set(supporter, details) and not is_new:
            supporter.changed_at = now
        _note_refusal(session, supporter, details, now)
        session.flush()
    return supporter_id


def change(session: Session, supporter_id: UUID, details: PersonDetails, *, now: datetime) -> None:
    """Overwrite a supporter's details with those that are given."""
    supporter = supporters.locked(session, supporter_id)
    _set(supporter, details)
    _note_refusal(session, supporter, details, now)
    supporter.changed_at = now
    session.flush()


def _set(supporter: Supporter, details: PersonDetails) -> bool:
    """Sets the given details; returns whether there were any."""
    owner = supporter.organisation_id
    if details.name is not None:
        supporter.name = Private(owner, details.name)
    if details.postcode is not None:
        supporter.postcode = Private(owner, details.postcode)
        supporter.constituency_code = details.constituency_code
    if details.locale is not None:
        supporter.locale = details.locale
    return (details.name, details.postcode, details.locale) != (None, None, None)


def _note_refusal(
    session: Session, supporter: Supporter, details: PersonDetails, now: datetime
) -> None:
    # A refusal takes effect at once. Consent is not accepted here: only the person can confirm it.
    if not details.wants_no_updates:
        return
    if supporters.last_answer(session, supporter.id, is_effective=True) is False:
        return
    answer = supporters.UpdatesAnswer(supporter.organisation_id, supporter.id, granted=False)
    with followed(session, [supporter.id], now=now):
        supporters.note_answers(session, [answer], now=now, effective_at=now)
