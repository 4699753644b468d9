"""A supporter's email preferences for one organisation.

Nothing is deleted: an answer about news adds a consent, and the other preferences store when they
were turned off.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import Organisation, Supporter
from services.consents.following import followed
from services.errors import NotFound
from services.organisations.partners import NamedPartner
from services.supporters import partner_consents, seat_watches, supporters, wordings
from services.supporters.supporters import UpdatesAnswer


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences that are on, with the organisation's name and the masked email address.

    `wording` is the text that turning on `updates` consents to. `partners` are those that may
    contact the supporter.
    """

    organisation_id: UUID
    organisation: str
    address: str
    updates: bool
    questions: bool
    mail: bool
    wording: str
    partners: tuple[NamedPartner, ...] = ()


def read(session: Session, supporter_id: UUID) -> Preferences:
    """Returns the current preferences; raises NotFound."""
    supporter = _get(session, supporter_id)
    owner = session.get_one(Organisation, supporter.organisation_id)
    return Preferences(
        organisation_id=owner.id,
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
    """Change the given preferences; None leaves one unchanged.

    `partners` are the slugs of those that may still contact the supporter: it can only remove
    consents, not add any.
    """
    supporter = _get(session, supporter_id, for_update=True)
    with followed(session, [supporter_id], now=now):
        if updates is not None:
            _note_updates(session, supporter, updates, now)
        if partners is not None:
            _note_refusals(session, supporter, partners, now)
        _turn_off_or_on(supporter, questions=questions, mail=mail, now=now)
        session.flush()
    return read(session, supporter_id)


def unsubscribe(session: Session, supporter_id: UUID, *, now: datetime) -> Preferences:
    """Apply an email client's 'unsubscribe': turn off news and questions, and end seat watches.

    Emails that the supporter requests, such as confirmation links, are still sent.
    """
    preferences = change(session, supporter_id, updates=False, questions=False, now=now)
    seat_watches.end_all(session, supporter_id)
    return preferences


def masked(address: str) -> str:
    """Masks an email address, such as `a…@example.org` for `anna@example.org`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def _get(session: Session, supporter_id: UUID, *, for_update: bool = False) -> Supporter:
    lock = True if for_update else None
    supporter = session.get(Supporter, supporter_id, populate_existing=True, with_for_update=lock)
    if supporter is None:
        raise NotFound("supporter_unknown", "We no longer hold this address.")
    return supporter


def _turn_off_or_on(
    supporter: Supporter, *, questions: bool | None, mail: bool | None, now: datetime
) -> None:
    was_off = supporter.questions_off_at, supporter.mail_off_at
    if questions is not None:
        supporter.questions_off_at = None if questions else supporter.questions_off_at or now
    if mail is not None:
        supporter.mail_off_at = None if mail else supporter.mail_off_at or now
    if (supporter.questions_off_at is None and was_off[0]) or (
        supporter.mail_off_at is None and was_off[1]
    ):
        # The time at which it was turned off is gone: lists by the time of change need another.
        supporter.changed_at = now


def _note_refusals(
    session: Session, supporter: Supporter, partners: Collection[str], now: datetime
) -> None:
    """Takes consents away from all partners but these."""
    refusals = [
        partner_consents.PartnerConsentAnswer(partner, supporter.id, granted=False)
        for partner in partner_consents.allowed(session, supporter)
        if partner.slug not in partners
    ]
    partner_consents.note(session, refusals, now=now, effective_at=now)


def _note_updates(session: Session, supporter: Supporter, granted: bool, now: datetime) -> None:
    # A refusal is saved even if the consent before it is not confirmed yet, because it is newer.
    last = supporters.last_answer(session, supporter.id, is_effective=granted)
    if last is not granted:
        answer = UpdatesAnswer(supporter.organisation_id, supporter.id, granted)
        supporters.note_answers(session, [answer], now=now, effective_at=now)
