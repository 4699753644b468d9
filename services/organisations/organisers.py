"""The organisers of an organisation: looking them up, their sessions and passwords, and leaving."""

import hashlib
from uuid import UUID

from sqlmodel import Session, col, select

from models import Organisation, Organiser
from services.common import texts
from services.common.tokens import Purpose, Tokens
from services.errors import Conflict, NotFound
from services.organisations import organisations

_FINGERPRINT = 16  # bytes


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


def set_password(session: Session, organiser: Organiser, password: str) -> None:
    """Change the password, which ends all sessions. Raises Invalid if it is too short."""
    organiser.password_hash = organisations.hash_password(password)
    session.add(organiser)
    session.flush()


def require_another(session: Session, organiser: Organiser) -> None:
    """Raises Conflict for the only organiser of an organisation, which needs somebody to run it.

    Locks its organisation and all its organisers, so that two cannot leave at the same time.
    """
    owner = select(Organisation).where(Organisation.id == organiser.organisation_id)
    slug = session.exec(owner.with_for_update()).one().slug
    organisers = select(Organiser.id).where(Organiser.organisation_id == organiser.organisation_id)
    if len(session.exec(organisers.with_for_update()).all()) < 2:
        raise Conflict(
            "last_organiser",
            f"{organiser.email.text} is the only organiser of '{slug}'. Add another one first: "
            f"`lobby organiser create EMAIL --organisation {slug}`.",
        )


def delete(session: Session, organiser: Organiser) -> None:
    """Delete an organiser, which ends all sessions. No webhook may be theirs any more."""
    session.delete(organiser)
    session.flush()


def cookie_of(organiser: Organiser, tokens: Tokens) -> str:
    """Returns the cookie of a new session. It ends after 12 hours, and with the password."""
    return tokens.issue(Purpose.ORGANISER, organiser.id, bound_to=_fingerprint(organiser))


def of_cookie(session: Session, tokens: Tokens, cookie: str) -> Organiser | None:
    """Returns the organiser of a session, or None if they have left or changed the password.

    :raises Gone: the session has expired
    :raises Invalid: the cookie is forged or damaged
    """
    organiser_id, fingerprint = tokens.read_bound(Purpose.ORGANISER, cookie)
    organiser = session.get(Organiser, organiser_id)
    return organiser if organiser and fingerprint == _fingerprint(organiser) else None


def _fingerprint(organiser: Organiser) -> bytes:
    # The hash has a random salt, so that setting the same password again ends sessions too.
    return hashlib.sha256(organiser.password_hash.encode()).digest()[:_FINGERPRINT]


def _folded(address: str) -> str:
    return texts.canonical_email(address).lower()
