"""Removing an organiser: their webhooks pass to somebody else, and everything else of theirs ends.

It is here because webhooks are above accounts.
"""

from datetime import datetime

from sqlmodel import Session

from models import AccountEventKind, Organiser
from services.accounts import invitations, record
from services.errors import Conflict
from services.organisations import organisers
from services.webhooks import responsible


def remove(
    session: Session,
    organiser: Organiser,
    *,
    by: Organiser | None,
    webhooks_to: Organiser | None,
    now: datetime,
) -> None:
    """Remove an organiser with their sessions, second step, known devices and invitations.

    `by` is the owner who does it, who must still be one, or None for somebody at the server.
    `webhooks_to` takes over their webhooks. Raises Conflict for the last owner (`last_owner`), and
    where webhooks would be left without anybody (`organiser_responsible`); Invalid or Forbidden for
    a successor who cannot take over.
    """
    if by is not None:
        by = organisers.acting_owner(session, by)
    organiser = organisers.locked(session, organiser)
    organisers.require_another_owner(session, organiser)
    _hand_over(session, organiser, webhooks_to, now)
    invitations.end_all_of(session, organiser, by=by, now=now)
    record.note(
        session,
        AccountEventKind.REMOVED,
        organisation_id=organiser.organisation_id,
        now=now,
        organiser=by,
        about=organiser.email.text,
    )
    organisers.delete(session, organiser)


def _hand_over(
    session: Session, organiser: Organiser, successor: Organiser | None, now: datetime
) -> None:
    if not responsible.of_organiser(session, organiser):
        return
    if successor is None:
        message = f"Say who becomes responsible for the webhooks of {organiser.email.text}."
        raise Conflict("organiser_responsible", message)
    responsible.hand_over(session, organiser, successor=successor, now=now)
