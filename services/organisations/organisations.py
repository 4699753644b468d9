"""Organisations, and the organisers who act for them."""

import secrets
from datetime import datetime
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from pwdlib import PasswordHash
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

from models import Keyring, Organisation, Organiser, Private
from services.common import texts
from services.errors import Conflict, Invalid, NotFound, Unauthenticated

MINIMUM_PASSWORD = 10
RowT = TypeVar("RowT", bound=SQLModel)
_hasher = PasswordHash.recommended()


def create(
    session: Session, *, name: str, slug: str, now: datetime, is_demonstration: bool = False
) -> Organisation:
    """Add an organisation. Raises Conflict if the slug is taken."""
    organisation = Organisation(
        name=texts.line(name, "name", longest=120),
        slug=texts.slug(slug),
        is_demonstration=is_demonstration,
        created_at=now,
    )
    return add_unique(session, organisation, f"There is an organisation '{slug}' already.")


def add_unique(session: Session, row: RowT, message: str) -> RowT:
    """Add a row in a savepoint; raises Conflict with `message` if it breaks a constraint."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict("exists_already", message) from error
    return row


def get(session: Session, organisation_id: UUID) -> Organisation:
    """Returns the organisation that a row refers to by its id."""
    return session.get_one(Organisation, organisation_id)


def by_slug(session: Session, slug: str) -> Organisation:
    """Returns one organisation; raises NotFound."""
    organisation = session.exec(select(Organisation).where(Organisation.slug == slug)).first()
    if organisation is None:
        raise NotFound("organisation_unknown", f"There is no organisation '{slug}'.")
    return organisation


def has_demonstration(session: Session) -> bool:
    """Returns whether `lobby demo` has been run."""
    statement = select(Organisation.id).where(col(Organisation.is_demonstration))
    return session.exec(statement).first() is not None


def create_organiser(
    session: Session,
    keyring: Keyring,
    *,
    organisation: Organisation,
    email: str,
    password: str,
    now: datetime,
) -> Organiser:
    """Add an organiser. Raises Conflict if the email address has one, Invalid for a bad value.

    Addresses that differ only in capitals are the same.
    """
    email = texts.email_address(email)
    if len(password) < MINIMUM_PASSWORD:
        message = f"At least {MINIMUM_PASSWORD} characters, please."
        raise Invalid.field("password", "too_short", message)
    fold_addresses(session, keyring)
    organiser = Organiser(
        organisation_id=organisation.id,
        email=Private(organisation.id, email),
        email_index=_folded_index(keyring, email),
        password_hash=_hasher.hash(password),
        created_at=now,
    )
    return add_unique(session, organiser, f"There is an organiser {email} already.")


def sign_in(session: Session, keyring: Keyring, *, email: str, password: str) -> Organiser:
    """Returns the organiser with this email address and password, or raises Unauthenticated.

    Both outcomes take the same time, so that it does not reveal who is an organiser.
    """
    try:
        address = texts.email_address(email)
    except Invalid:
        address = ""
    exact, folded = _exact_index(keyring, address), _folded_index(keyring, address)
    statement = select(Organiser).where(col(Organiser.email_index).in_((exact, folded)))
    found = {row.email_index: row for row in session.exec(statement)}
    organiser = found.get(exact) or found.get(folded)
    is_right = _hasher.verify(password, organiser.password_hash if organiser else _dummy_hash())
    if organiser is None or not is_right:
        raise Unauthenticated("sign_in_failed", "This address and password do not fit together.")
    return organiser


def fold_addresses(session: Session, keyring: Keyring) -> None:
    """Gives organisers of earlier versions, which told capitals apart, the index of today.

    Of two whose addresses differ only in capitals, one keeps its own: it signs in as before. There
    are few organisers, so all are read.
    """
    organisers = session.exec(select(Organiser).order_by(col(Organiser.id))).all()
    taken = {row.email_index for row in organisers}
    for row in organisers:
        folded = _folded_index(keyring, row.email.text)
        if folded not in taken:
            row.email_index = folded
            taken.add(folded)
            session.add(row)
    session.flush()


def _folded_index(keyring: Keyring, address: str) -> bytes:
    return keyring.everywhere_index(texts.canonical_email(address).lower())


def _exact_index(keyring: Keyring, address: str) -> bytes:
    return keyring.everywhere_index(texts.canonical_email(address))


def find_organiser(session: Session, organiser_id: UUID) -> Organiser | None:
    """Returns an organiser, or None where there is none with this id any more."""
    return session.get(Organiser, organiser_id)


def require_password(organiser: Organiser, password: str) -> None:
    """Raises Invalid if this is not the organiser's password.

    A session is enough for actions that end with it. Making something that outlasts the session,
    such as an API key, requires the password again.
    """
    if not _hasher.verify(password, organiser.password_hash):
        raise Invalid.field("password", "password_wrong", "This is not your password.")


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    """A hash to verify against if there is no organiser, so that this takes the same time."""
    return _hasher.hash(secrets.token_hex())
