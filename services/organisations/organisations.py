"""Organisations, and the organisers who act for them."""

from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

from models import Keyring, Organisation, Organiser, Private, Role
from services.common import texts
from services.errors import Conflict, Invalid, NotFound, Unauthenticated
from services.organisations import password_rules, passwords

RowT = TypeVar("RowT", bound=SQLModel)


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
    role: Role = Role.OWNER,
) -> Organiser:
    """Add an organiser. Raises Conflict if the email address has one, Invalid for a bad value.

    Addresses that differ only in capitals are the same.
    """
    email = texts.email_address(email)
    return add_organiser(
        session,
        keyring,
        organisation=organisation,
        email=email,
        password_hash=hash_password(password, email=email, organisation=organisation),
        role=role,
        now=now,
    )


def add_organiser(
    session: Session,
    keyring: Keyring,
    *,
    organisation: Organisation,
    email: str,
    password_hash: str,
    role: Role,
    now: datetime,
) -> Organiser:
    """Works like `create_organiser`, for a caller who hashed the password before.

    Hashing takes a tenth of a second, for which a transaction should not wait.
    """
    email = texts.email_address(email)
    fold_addresses(session, keyring)
    organiser = Organiser(
        organisation_id=organisation.id,
        email=Private(organisation.id, email),
        email_index=keyring.everywhere_index(account_of(email)),
        password_hash=password_hash,
        role=role,
        created_at=now,
    )
    return add_unique(session, organiser, f"There is an organiser {email} already.")


def hash_password(password: str, *, email: str, organisation: Organisation) -> str:
    """Returns the hash to store. Raises Invalid if the password is too short or easy to guess."""
    password_rules.check(password, email=email, organisation=organisation)
    return passwords.hashed(password)


def sign_in(session: Session, keyring: Keyring, *, email: str, password: str) -> Organiser:
    """Returns the organiser with this email address and password, or raises Unauthenticated.

    Both outcomes take the same time, so that it does not reveal who is an organiser.
    """
    organiser = _at(session, keyring, email)
    is_right = passwords.fits(password, organiser.password_hash if organiser else None)
    if organiser is None or not is_right:
        raise Unauthenticated("sign_in_failed", "This address and password do not fit together.")
    return organiser


def organiser_at(session: Session, keyring: Keyring, email: str) -> Organiser:
    """Returns the organiser who signs in with this email address; raises NotFound.

    It looks the address up by its index. `organisers.by_email` also finds misspellings, for
    commands.
    """
    organiser = _at(session, keyring, email)
    if organiser is None:
        raise NotFound("organiser_unknown", "There is no such organiser.")
    return organiser


def indexes_of(keyring: Keyring, email: str) -> tuple[bytes, bytes]:
    """Returns the indexes that the organiser at an address can have, the exact one first.

    Older versions told capitals apart.
    """
    account = _canonical(email)
    return keyring.everywhere_index(account), keyring.everywhere_index(account.lower())


def _at(session: Session, keyring: Keyring, email: str) -> Organiser | None:
    exact, folded = indexes_of(keyring, email)
    statement = select(Organiser).where(col(Organiser.email_index).in_((exact, folded)))
    found = {row.email_index: row for row in session.exec(statement)}
    return found.get(exact) or found.get(folded)


def account_of(email: str) -> str:
    """Returns the one spelling of an email address by which attempts to sign in are counted."""
    return _canonical(email).lower()


def fold_addresses(session: Session, keyring: Keyring) -> None:
    """Gives organisers of earlier versions, which told capitals apart, the index of today.

    Of two whose addresses differ only in capitals, one keeps its own: it signs in as before. There
    are few organisers, so all are read.
    """
    organisers = session.exec(select(Organiser).order_by(col(Organiser.id))).all()
    taken = {row.email_index for row in organisers}
    for row in organisers:
        folded = keyring.everywhere_index(account_of(row.email.text))
        if folded not in taken:
            row.email_index = folded
            taken.add(folded)
            session.add(row)
    session.flush()


def _canonical(email: str) -> str:
    try:
        return texts.canonical_email(texts.email_address(email))
    except Invalid:  # nobody's
        return email


def require_password(organiser: Organiser, password: str) -> None:
    """Raises Invalid if this is not the organiser's password.

    A session is enough for actions that end with it. Making something that outlasts the session,
    such as an API key, requires the password again.
    """
    if not passwords.fits(password, organiser.password_hash):
        raise Invalid.field("password", "password_wrong", "This is not your password.")
