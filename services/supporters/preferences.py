"""What a supporter wants to get by mail from one organisation, and how they change it.

Nothing is deleted: an answer about news is a new consent, and the rest are moments since when
something is off.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import Organisation, Supporter
from services.errors import NotFound
from services.organisations.partners import NamedPartner
from services.supporters import partner_consents, seat_watches, supporters, wordings
from services.supporters.supporters import UpdatesAnswer


@dataclass(frozen=True, slots=True)
class Preferences:
    """What is on, and whose: the organisation, and just enough of the address to know it again.

    `wording` is what somebody agrees to who turns `updates` on. `partners` are those to whom they
    said, with a signature, that they may contact them.
    """

    organisation: str
    address: str
    updates: bool
    questions: bool
    mail: bool
    wording: str
    partners: tuple[NamedPartner, ...] = ()


def read(session: Session, supporter_id: UUID) -> Preferences:
    """As they stand."""
    supporter = _get(session, supporter_id)
    owner = session.get_one(Organisation, supporter.organisation_id)
    return Preferences(
        organisation=owner.name,
        address=masked(supporter.email.text),
        updates=supporters.wants_updates(session, supporter_id),
        questions=supporter.questions_off_at is None,
        mail=supporter.mail_off_at is None,
        wording=wordings.updates_texts(session, [owner.id])[owner.id],
        partners=tuple(partner_consents.allowed(session, supporter)),
    )


def change(
    session: Session,
    supporter_id: UUID,
    *,
    updates: bool | None = None,
    questions: bool | None = None,
    mail: bool | None = None,
    partners: Collection[str] | None = None,
    now: datetime,
) -> Preferences:
    """Turn on and off what is given, at once; None leaves it as it is.

    `partners` are the slugs of those that may go on to contact them; no other is let in so.
    """
    supporter = _get(session, supporter_id, for_update=True)
    if updates is not None:
        _note_updates(session, supporter, updates, now)
    if questions is not None:
        supporter.questions_off_at = None if questions else supporter.questions_off_at or now
    if mail is not None:
        supporter.mail_off_at = None if mail else supporter.mail_off_at or now
    if partners is not None:
        taken_back = [
            partner_consents.PartnerConsentAnswer(partner, supporter.id, granted=False)
            for partner in partner_consents.allowed(session, supporter)
            if partner.slug not in partners
        ]
        partner_consents.note(session, taken_back, now=now, effective_at=now)
    session.flush()
    return read(session, supporter_id)


def unsubscribe(session: Session, supporter_id: UUID, *, now: datetime) -> Preferences:
    """What 'unsubscribe' in a mail program means: no news, no questions, no more waiting for a
    vacant seat. What the supporter asks for themselves, such as a link to confirm, still comes."""
    found = change(session, supporter_id, updates=False, questions=False, now=now)
    seat_watches.end_all(session, supporter_id)
    return found


def masked(address: str) -> str:
    """`anna@example.org` -> `a…@example.org`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _get(session: Session, supporter_id: UUID, *, for_update: bool = False) -> Supporter:
    lock = True if for_update else None
    found = session.get(Supporter, supporter_id, populate_existing=True, with_for_update=lock)
    if found is None:
        raise NotFound("supporter_unknown", "We know nothing of this address any more.")
    return found


def _note_updates(session: Session, supporter: Supporter, granted: bool, now: datetime) -> None:
    """A no is written down even where a yes only waits for its confirmation: it was said later."""
    last = supporters.last_answer(session, supporter.id, is_effective=granted)
    if last is not granted:
        answer = UpdatesAnswer(supporter.organisation_id, supporter.id, granted)
        supporters.note_answers(session, [answer], now=now, effective_at=now)
