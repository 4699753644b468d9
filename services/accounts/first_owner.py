"""The first organisation of an installation and its owner, made together in the browser."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, select

from models import AccountEventKind, Keyring, Organisation, Organiser, Role
from services.accounts import record
from services.common import texts
from services.common.tokens import Purpose, Tokens
from services.database.engine import wait_for_lock
from services.errors import Conflict, Invalid
from services.organisations import organisations

_LOCK = 0x1F0BB2
_NO_ROW = UUID(int=0)  # the token is about no row: that there is none is what makes it good


@dataclass(frozen=True, slots=True)
class FirstOwner:
    """What the form asks for, checked, with the hash of the password."""

    name: str
    slug: str
    email: str
    password_hash: str


def is_needed(session: Session) -> bool:
    """Returns whether there is no organisation yet."""
    return session.exec(select(Organisation.id).limit(1)).first() is None


def issue_token(tokens: Tokens) -> str:
    """Returns the token of a link that lets somebody set up this installation for a day."""
    return tokens.issue(Purpose.SET_UP, _NO_ROW)


def check(*, name: str, slug: str, email: str, password: str, now: datetime) -> FirstOwner:
    """Checks what somebody typed, and hashes the password. Raises Invalid with all problems."""
    problems: list[Invalid] = []

    def checked(rule: Callable[[], str]) -> str:
        try:
            return rule()
        except Invalid as error:
            problems.append(error)
            return ""

    organisation = Organisation(name=name, slug=slug, created_at=now)
    name = checked(lambda: texts.line(name, "name", longest=120))
    slug = checked(lambda: texts.slug(slug))
    address = checked(lambda: texts.email_address(email))
    password_hash = checked(
        lambda: organisations.hash_password(password, email=email, organisation=organisation)
    )
    if problems:
        raise texts.combined(problems)
    return FirstOwner(name, slug, address, password_hash)


def make(session: Session, keyring: Keyring, first: FirstOwner, *, now: datetime) -> Organiser:
    """Add the organisation with its owner. Raises Conflict if there is an organisation by now.

    Of two people who do this at once, the second waits for the first and is refused.
    """
    wait_for_lock(session, _LOCK)
    if not is_needed(session):
        raise Conflict("set_up_already", "Somebody has just set up this service.")
    organisation = organisations.create(session, name=first.name, slug=first.slug, now=now)
    organiser = organisations.add_organiser(
        session,
        keyring,
        organisation=organisation,
        email=first.email,
        password_hash=first.password_hash,
        role=Role.OWNER,
        now=now,
    )
    record.note(
        session,
        AccountEventKind.JOINED,
        organisation_id=organisation.id,
        now=now,
        organiser=organiser,
        detail=str(Role.OWNER),
    )
    return organiser
