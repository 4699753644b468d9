"""Organisations, and who acts for them."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from pwdlib import PasswordHash
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, select

from lobby.models import ApiKey, Keyring, Organisation, Organiser, Partner, Private, Scope
from lobby.services import texts
from lobby.services.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated

MINIMUM_PASSWORD = 10
_KEY = re.compile(r"lobby_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
RowT = TypeVar("RowT", bound=SQLModel)
_hasher = PasswordHash.recommended()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a key speaks for, and what it may do."""

    key_id: UUID
    organisation_id: UUID
    partner_id: UUID | None
    scopes: frozenset[str]
    key_prefix: str

    @property
    def name(self) -> str:
        """For the log: the key by the part of it that is no secret."""
        return f"key {self.key_prefix}"

    def require(self, scope: Scope) -> None:
        """Forbidden without the scope."""
        if scope not in self.scopes:
            raise Forbidden("scope_missing", f"This key lacks the scope {scope}.")


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


def create_partner(
    session: Session, *, organisation: Organisation, name: str, slug: str, now: datetime
) -> Partner:
    """Add a partner. Conflict where the organisation has one of that slug."""
    partner = Partner(
        organisation_id=organisation.id,
        name=texts.line(name, "name", longest=120),
        slug=texts.slug(slug),
        created_at=now,
    )
    return add_unique(session, partner, f"There is a partner '{slug}' already.")


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


def create_key(
    session: Session,
    *,
    organisation: Organisation,
    scopes: list[str],
    now: datetime,
    partner_slug: str | None = None,
) -> str:
    """Add a key and return it whole: this is the only time that its secret is known."""
    unknown = sorted(set(scopes) - set(Scope))
    if unknown or not scopes:
        message = f"Unknown scope {', '.join(unknown) or '(none)'}; known: {', '.join(Scope)}."
        raise Invalid.field("scope", "scope_unknown", message)
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(
        organisation_id=organisation.id,
        partner_id=_partner_id(session, organisation, partner_slug),
        prefix=prefix,
        secret_hash=_digest(secret),
        scopes=sorted(set(scopes)),
        created_at=now,
    )
    session.add(key)
    session.flush()
    return f"lobby_{prefix}_{secret}"


def caller_of(session: Session, key: str) -> Caller:
    """Who a key speaks for; Unauthenticated where it is malformed, unknown or revoked."""
    match = _KEY.fullmatch(key)
    prefix, secret = match.groups() if match else ("", "")
    found = session.exec(select(ApiKey).where(ApiKey.prefix == prefix)).first()
    # Compared even where nothing was found, so that the time tells nothing.
    expected = found.secret_hash if found else bytes(32)
    if not hmac.compare_digest(_digest(secret), expected) or found is None or found.revoked_at:
        raise Unauthenticated("key_invalid", "This key is not valid.")
    scopes = frozenset(found.scopes)
    return Caller(found.id, found.organisation_id, found.partner_id, scopes, prefix)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _partner_id(session: Session, organisation: Organisation, slug: str | None) -> UUID | None:
    if slug is None:
        return None
    statement = select(Partner.id).where(
        Partner.organisation_id == organisation.id, Partner.slug == slug
    )
    found = session.exec(statement).first()
    if found is None:
        raise NotFound("partner_unknown", f"There is no partner '{slug}'.")
    return found


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


@lru_cache(maxsize=1)
def _unknown_hash() -> str:
    """Something to compare with where there is no organiser, so that the time tells nothing."""
    return _hasher.hash(secrets.token_hex())
