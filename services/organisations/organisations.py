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
    """Add an organisation. Conflict where the slug is taken."""
    organisation = Organisation(
        name=texts.line(name, "name", longest=120),
        slug=texts.slug(slug),
        is_demonstration=is_demonstration,
        created_at=now,
    )
    return add_unique(session, organisation, f"There is an organisation '{slug}' already.")


def add_unique(session: Session, row: RowT, message: str) -> RowT:
    """Add a row; Conflict where a UNIQUE constraint forbids it. Nothing else is undone."""
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
    """One organisation, or NotFound."""
    found = session.exec(select(Organisation).where(Organisation.slug == slug)).first()
    if found is None:
        raise NotFound("organisation_unknown", f"There is no organisation '{slug}'.")
    return found


def has_demonstration(session: Session) -> bool:
    """True where `lobby demo` has been run."""
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
    """Add an organiser, who signs in with this password. Conflict where the address has one."""
    email = texts.email_address(email)
    if len(password) < MINIMUM_PASSWORD:
        message = f"At least {MINIMUM_PASSWORD} characters, please."
        raise Invalid.field("password", "too_short", message)
    organiser = Organiser(
        organisation_id=organisation.id,
        email=Private(organisation.id, email),
        email_index=keyring.everywhere_index(texts.canonical_email(email)),
        password_hash=_hasher.hash(password),
        created_at=now,
    )
    return add_unique(session, organiser, f"There is an organiser {email} already.")


def sign_in(session: Session, keyring: Keyring, *, email: str, password: str) -> Organiser:
    """The organiser with this address and password, or Unauthenticated; the same time for both."""
    try:
        canonical = texts.canonical_email(texts.email_address(email))
    except Invalid:
        canonical = ""
    index = keyring.everywhere_index(canonical)
    found = session.exec(select(Organiser).where(Organiser.email_index == index)).first()
    is_right = _hasher.verify(password, found.password_hash if found else _unknown_hash())
    if found is None or not is_right:
        raise Unauthenticated("sign_in_failed", "This address and password do not fit together.")
    return found


def find_organiser(session: Session, organiser_id: UUID) -> Organiser | None:
    """Returns an organiser, or None where there is none with this id any more."""
    return session.get(Organiser, organiser_id)


def require_password(organiser: Organiser, password: str) -> None:
    """Invalid for another password than this organiser's own. Being signed in is enough for what
    ends with it; what lasts longer, such as a key, wants the password again."""
    if not _hasher.verify(password, organiser.password_hash):
        raise Invalid.field("password", "password_wrong", "This is not your password.")


@lru_cache(maxsize=1)
def _unknown_hash() -> str:
    """Something to compare with where there is no organiser, so that the time tells nothing."""
    return _hasher.hash(secrets.token_hex())
