"""What organisers want to be told, as they choose it themselves. Nobody begins with a choice."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, delete, select

from models import AlertChoice, AlertInterval, AlertKind, Organiser
from services.alerts import composing, facts
from services.errors import Invalid
from services.organisations import organisers


def of_organiser(session: Session, organiser_id: UUID) -> AlertChoice | None:
    """Returns what an organiser wants; None for somebody who wants nothing."""
    return session.get(AlertChoice, organiser_id)


def of_organisation(
    session: Session, organisation_id: UUID
) -> list[tuple[Organiser, AlertChoice | None]]:
    """Returns everybody in an organisation with what they want, the longest-serving first."""
    statement = (
        select(Organiser, AlertChoice)
        .outerjoin(AlertChoice, col(AlertChoice.organiser_id) == Organiser.id)
        .where(Organiser.organisation_id == organisation_id)
        .order_by(col(Organiser.created_at), col(Organiser.id))
    )
    return [(organiser, choice) for organiser, choice in session.exec(statement)]


def checked(kinds: Sequence[str], every: str) -> tuple[list[AlertKind], AlertInterval]:
    """Returns what was chosen, each kind once. Invalid for what is no choice."""
    if unknown := set(kinds) - set(AlertKind):
        raise Invalid.field("kinds", "alert_unknown", f"There is no alert {min(unknown)!r}.")
    if every not in set(AlertInterval):
        raise Invalid.field("every", "interval_unknown", "Choose every hour or once a day.")
    return [kind for kind in AlertKind if kind in kinds], AlertInterval(every)


def save(
    session: Session,
    organiser: Organiser,
    kinds: Sequence[AlertKind],
    every: AlertInterval,
    *,
    now: datetime,
) -> None:
    """Keeps what an organiser wants to be told from now on; without kinds, nothing.

    Goals that are reached already are no news for somebody who asks for goals now. Raises NotFound
    for somebody who has been removed.
    """
    organisers.locked(session, organiser)
    if not kinds:
        switch_off(session, organiser)
        return
    choice = session.get(AlertChoice, organiser.id, with_for_update=True, populate_existing=True)
    if choice is None:
        choice = AlertChoice(organiser_id=organiser.id, every=every, told_at=now, updated_at=now)
    if AlertKind.GOAL in kinds and AlertKind.GOAL not in choice.kinds:
        running = facts.running_campaigns(session, organiser.organisation_id, now=now)
        choice.told = sorted({*choice.told, *composing.reached_goals(running)})
    choice.kinds, choice.every, choice.updated_at = [str(kind) for kind in kinds], every, now
    session.add(choice)
    session.flush()


def switch_off(session: Session, organiser: Organiser) -> None:
    """Ends an organiser's digests, also one that waits. Doing it twice changes nothing more."""
    session.exec(delete(AlertChoice).where(col(AlertChoice.organiser_id) == organiser.id))
