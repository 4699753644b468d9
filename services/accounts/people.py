"""The people of an organisation: their roles, and when each was here last."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    AccountEvent,
    AccountEventKind,
    Organiser,
    OrganiserSession,
    Role,
    SecondStep,
)
from services.accounts import invitations, record
from services.errors import NotFound
from services.organisations import organisers


@dataclass(frozen=True, slots=True)
class Person:
    """A person in the list. `last_seen` is None for somebody who has never signed in."""

    organiser: Organiser
    has_second_step: bool
    last_seen: datetime | None

    @property
    def needs_second_step(self) -> bool:
        """Returns whether the role asks for a second step that this person has not set up."""
        return self.organiser.role is not Role.VIEWER and not self.has_second_step


def of_organisation(session: Session, organisation_id: UUID) -> list[Person]:
    """Returns the people of an organisation, the longest-serving first, in four statements."""
    found = organisers.of_organisation(session, organisation_id)
    with_step, seen = _with_second_step(session, organisation_id), _seen(session, organisation_id)
    return [Person(each, each.id in with_step, seen.get(each.id)) for each in found]


def own(session: Session, organiser_id: UUID, *, organisation_id: UUID) -> Organiser:
    """Returns a person of this organisation; raises NotFound for one of another."""
    organiser = session.get(Organiser, organiser_id)
    if organiser is None or organiser.organisation_id != organisation_id:
        raise NotFound("organiser_unknown", "There is no such person in your organisation.")
    return organiser


def change_role(
    session: Session, organiser: Organiser, role: Role, *, by: Organiser | None, now: datetime
) -> bool:
    """Give a person another role. Returns False where they have it already.

    `by` is the owner who does it, or None for somebody at the server. The invitations of somebody
    who is no owner any more end. Raises Conflict for the last owner, and what `acting_owner` does.
    """
    if by is not None:
        by = organisers.acting_owner(session, by)
    organiser = organisers.locked(session, organiser)
    before = organiser.role
    if role is before:
        return False
    if before is Role.OWNER:
        organisers.require_another_owner(session, organiser)
        invitations.end_all_of(session, organiser, by=by, now=now)
    organiser.role = role
    session.add(organiser)
    session.flush()
    record.note(
        session,
        AccountEventKind.ROLE_CHANGED,
        organisation_id=organiser.organisation_id,
        now=now,
        organiser=by,
        about=organiser.email.text,
        detail=f"{before} to {role}",
    )
    return True


def _with_second_step(session: Session, organisation_id: UUID) -> set[UUID]:
    statement = (
        select(SecondStep.organiser_id)
        .join(Organiser, col(Organiser.id) == SecondStep.organiser_id)
        .where(
            Organiser.organisation_id == organisation_id, col(SecondStep.confirmed_at).is_not(None)
        )
    )
    return set(session.exec(statement))


def _seen(session: Session, organisation_id: UUID) -> dict[UUID, datetime]:
    """Returns when each person was here last: by their sessions, and by what they did before."""
    in_sessions = (
        select(OrganiserSession.organiser_id, sa.func.max(OrganiserSession.seen_at))
        .join(Organiser, col(Organiser.id) == OrganiserSession.organiser_id)
        .where(Organiser.organisation_id == organisation_id)
        .group_by(col(OrganiserSession.organiser_id))
    )
    in_record = (
        select(AccountEvent.organiser_id, sa.func.max(AccountEvent.at))
        .where(
            AccountEvent.organisation_id == organisation_id,
            col(AccountEvent.organiser_id).is_not(None),
            AccountEvent.kind != AccountEventKind.SIGN_IN_FAILED,
        )
        .group_by(col(AccountEvent.organiser_id))
    )
    seen: dict[UUID, datetime] = {}
    for statement in (in_record, in_sessions):
        for organiser_id, at in session.exec(statement):
            if organiser_id is not None:
                seen[organiser_id] = max(at, seen.get(organiser_id, at))
    return seen
