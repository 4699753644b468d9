"""The organisers of an organisation: looking them up, their passwords, and leaving."""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Organisation, Organiser, OrganiserSession, Role
from services.common import texts
from services.errors import Conflict, Forbidden, NotFound, Unauthenticated
from services.organisations import organisations


def of_organisation(session: Session, organisation_id: UUID) -> list[Organiser]:
    """Returns the organisers of an organisation, the longest-serving first."""
    statement = select(Organiser).where(Organiser.organisation_id == organisation_id)
    return list(session.exec(statement.order_by(col(Organiser.created_at), col(Organiser.id))))


def by_email(session: Session, email: str) -> Organiser:
    """Returns the organiser with this address, in capital or small letters; raises NotFound.

    An installation has few organisers, so this compares with all of them. Older versions could
    store two that differ by case only: then the exact spelling decides, and raises Conflict if
    none fits.
    """
    wanted = texts.email_address(email)
    found = [
        organiser
        for organiser in session.exec(select(Organiser))
        if _folded(organiser.email.text) == _folded(wanted)
    ]
    exact = [organiser for organiser in found if organiser.email.text == wanted]
    if not found:
        raise NotFound("organiser_unknown", f"There is no organiser {wanted}.")
    if len(found) > 1 and not exact:
        spellings = " and ".join(sorted(organiser.email.text for organiser in found))
        raise Conflict("organiser_ambiguous", f"There are {spellings}: give one of them exactly.")
    return (exact or found)[0]


def get(session: Session, organiser_id: UUID) -> Organiser:
    """Returns the organiser with this id, who is there: it is that of somebody signed in."""
    return session.get_one(Organiser, organiser_id)


def set_password(session: Session, organiser: Organiser, password: str) -> None:
    """Change the password, which ends all sessions.

    Raises Invalid if the password is too short or easy to guess.
    """
    organisation = organisations.get(session, organiser.organisation_id)
    email = organiser.email.text
    password_hash = organisations.hash_password(password, email=email, organisation=organisation)
    set_password_hash(session, organiser, password_hash)


def set_password_hash(
    session: Session, organiser: Organiser, password_hash: str, *, but: UUID | None = None
) -> None:
    """Works like `set_password`, for a caller who hashed the password before.

    Hashing takes a tenth of a second, for which a transaction should not wait. The session with the
    id `but` goes on.
    """
    organiser.password_hash = password_hash
    session.add(organiser)
    ended = sa.delete(OrganiserSession).where(col(OrganiserSession.organiser_id) == organiser.id)
    if but is not None:
        ended = ended.where(col(OrganiserSession.id) != but)
    session.execute(ended)
    session.flush()


def acting_owner(session: Session, organiser: Organiser) -> Organiser:
    """Returns the organiser as they are now, with their organisation's people locked.

    Until the transaction ends, nobody else changes a role or removes anybody there. Raises
    Unauthenticated for somebody who has been removed meanwhile, Forbidden for one who is no owner.
    """
    try:
        current = locked(session, organiser)
    except NotFound as error:
        raise Unauthenticated("removed", "Your account has been removed.") from error
    if current.role is not Role.OWNER:
        message = "Only owners can do this. Ask one of your organisation’s owners."
        raise Forbidden("role_missing", message)
    return current


def locked(session: Session, organiser: Organiser) -> Organiser:
    """Returns the organiser as they are now, with their organisation's people locked.

    Raises NotFound for somebody who has been removed.
    """
    lock(session, organiser.organisation_id)
    current = session.get(Organiser, organiser.id, populate_existing=True, with_for_update=True)
    if current is None:
        raise NotFound("organiser_unknown", f"{organiser.email.text} has been removed already.")
    return current


def require_another_owner(session: Session, organiser: Organiser) -> None:
    """Raises Conflict for the only owner of an organisation, which needs somebody to run it.

    Locks the organisation's people, so that two owners cannot leave at the same time.
    """
    slug = lock(session, organiser.organisation_id).slug
    owners = select(Organiser.id).where(
        Organiser.organisation_id == organiser.organisation_id, Organiser.role == Role.OWNER
    )
    ids = session.exec(owners).all()
    if organiser.id in ids and len(ids) < 2:
        message = f"{organiser.email.text} is the only owner of '{slug}'. "
        raise Conflict("last_owner", message + "Make somebody else an owner first.")


def lock(session: Session, organisation_id: UUID) -> Organisation:
    """Locks the people of an organisation until the transaction ends, and returns it.

    The row of the organisation is the lock: SQLite has one writer at a time and needs none.
    """
    statement = select(Organisation).where(Organisation.id == organisation_id)
    return session.exec(statement.with_for_update()).one()


def delete(session: Session, organiser: Organiser) -> None:
    """Delete an organiser, which ends all sessions. No webhook may be theirs any more."""
    session.delete(organiser)
    session.flush()


def _folded(address: str) -> str:
    return texts.canonical_email(address).lower()
