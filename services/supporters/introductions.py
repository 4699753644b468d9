"""Supporters whom an organisation introduces itself, and what it changes of what it knows.

It is the organisation's own list: a key that may only post fills in what nobody knew, and overrides
nothing that a person confirmed.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import Keyring, Private, Supporter
from services.errors import NotFound
from services.supporters import supporters


@dataclass(frozen=True, slots=True)
class PersonDetails:
    """What is told of somebody, already checked for form; None where nothing is."""

    name: str | None = None
    postcode: str | None = None
    constituency_code: str | None = None
    locale: str | None = None
    wants_no_updates: bool = False


def introduce(
    session: Session,
    *,
    organisation_id: UUID,
    email: str,
    facts: PersonDetails | None,
    keyring: Keyring,
    now: datetime,
) -> UUID:
    """Add somebody by their address, or find them; their id.

    Of the `facts` only what nobody knew is kept, and that they want no news. Where they are None
    nothing but the address is.
    """
    address = supporters.EmailAddress.of(organisation_id, email, keyring)
    ((row_id, is_new),) = supporters.find_or_add(session, [address], now=now)
    supporter_id = UUID(row_id)
    if facts is not None:
        supporter = locked(session, supporter_id)
        if supporter.name is None and _set(supporter, facts) and not is_new:
            supporter.changed_at = now
        _note_refusal(session, supporter, facts, now)
        session.flush()
    return supporter_id


def change(session: Session, supporter_id: UUID, facts: PersonDetails, *, now: datetime) -> None:
    """Put what is told in place of what was known."""
    supporter = locked(session, supporter_id)
    _set(supporter, facts)
    _note_refusal(session, supporter, facts, now)
    supporter.changed_at = now
    session.flush()


def locked(session: Session, supporter_id: UUID) -> Supporter:
    """Somebody whom nobody else changes meanwhile. Before anything is written that refers to them:
    two who had done so would wait for each other (PostgreSQL locks what a new row refers to)."""
    found = session.get(Supporter, supporter_id, populate_existing=True, with_for_update=True)
    if found is None:
        raise NotFound("person_unknown", "There is no such person.")
    return found


def _set(supporter: Supporter, facts: PersonDetails) -> bool:
    """Whether there was anything to set."""
    owner = supporter.organisation_id
    if facts.name is not None:
        supporter.name = Private(owner, facts.name)
    if facts.postcode is not None:
        supporter.postcode = Private(owner, facts.postcode)
        supporter.constituency_code = facts.constituency_code
    if facts.locale is not None:
        supporter.locale = facts.locale
    return (facts.name, facts.postcode, facts.locale) != (None, None, None)


def _note_refusal(
    session: Session, supporter: Supporter, facts: PersonDetails, now: datetime
) -> None:
    """A no holds at once. A yes is never taken from here: it needs their own confirmation."""
    if not facts.wants_no_updates:
        return
    if supporters.last_answer(session, supporter.id, is_effective=True) is False:
        return
    answer = supporters.UpdatesAnswer(supporter.organisation_id, supporter.id, granted=False)
    supporters.note_answers(session, [answer], now=now, effective_at=now)
