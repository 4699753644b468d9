"""API keys: making and revoking them, and the caller that a key identifies."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from models import PARTNER_SCOPES, ApiKey, ApiKeyPetition, Organisation, Petition, Scope
from models.api_key import LIVE_KEYS
from models.base import new_id, table_of
from services.campaigns import petitions
from services.common import texts
from services.common.times import LONDON
from services.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from services.organisations import partners

LONGEST_NAME = 120
_KEY = re.compile(r"lobby_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_key = table_of(ApiKey)


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a valid key and what it may do.

    An empty `petition_ids` means all petitions of the organisation.
    """

    key_id: UUID
    organisation_id: UUID
    partner_id: UUID | None
    scopes: frozenset[str]
    key_prefix: str
    petition_ids: frozenset[UUID] = frozenset()

    @property
    def name(self) -> str:
        """The name for logs: the part of the key that is not secret."""
        return f"key {self.key_prefix}"

    @property
    def viewer(self) -> UUID | None:
        """The organisation whose drafts this caller may see; None with a partner's key."""
        return None if self.partner_id else self.organisation_id

    @property
    def may_know_signers(self) -> bool:
        """Returns whether answers may say that somebody has signed before.

        Never with a partner's key, not even for the partner's own signatures: some people signed on
        its page without giving it their details, and it could find out who by posting its address
        book.
        """
        return Scope.SIGNATURES_READ in self.scopes and self.partner_id is None

    def require(self, scope: Scope) -> None:
        """Raises Forbidden without the scope."""
        if scope not in self.scopes:
            raise Forbidden("scope_missing", f"This key lacks the scope {scope}.")

    def require_petition(self, petition: Petition) -> None:
        """Raises Forbidden if the key is limited to other petitions of its organisation."""
        if self.petition_ids and petition.id not in self.petition_ids:
            message = f"This key is not for the petition '{petition.slug}'."
            raise Forbidden("petition_not_allowed", message)


def create(
    session: Session,
    *,
    organisation: Organisation,
    scopes: Sequence[str],
    now: datetime,
    partner_slug: str | None = None,
    name: str = "",
    expires_at: datetime | None = None,
    petition_slugs: Iterable[str] = (),
    key_id: UUID | None = None,
) -> str:
    """Add a key and return it in full. Only a hash is stored, so it cannot be shown again.

    Raises Conflict if two keys of that name and partner are live already; Invalid for a scope that
    is unknown or not for partners, and for an expiry in the past; NotFound for a partner or
    petition of another organisation.

    A caller may choose a new `key_id` to make retries safe: the second call with it raises
    Conflict, `key_made_already`.
    """
    _require_known(scopes)
    partner = None
    if partner_slug is not None:
        partner = partners.own(session, partner_slug, organisation_id=organisation.id)
        _require_for_partners(scopes)
    if expires_at is not None and expires_at <= now:
        raise Invalid.field("expires", "in_the_past", "This is in the past.")
    allowed = [
        petitions.own(session, slug, organisation_id=organisation.id) for slug in petition_slugs
    ]
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(
        id=key_id or new_id(),
        organisation_id=organisation.id,
        partner_id=partner.id if partner else None,
        name=texts.line(name, "name", longest=LONGEST_NAME, shortest=0),
        prefix=prefix,
        secret_hash=_digest(secret),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=expires_at,
    )
    _add(session, key, now)
    session.add_all(
        ApiKeyPetition(api_key_id=key.id, petition_id=petition_id)
        for petition_id in sorted({petition.id for petition in allowed})
    )
    session.flush()
    return f"lobby_{prefix}_{secret}"


def revoke(
    session: Session, prefix: str, *, now: datetime, organisation_id: UUID | None = None
) -> ApiKey:
    """Revoke a key. It stops working at once, because every request looks it up.

    `prefix` is the part of the key that is not secret; a longer part is accepted too. Revoking a
    key twice changes nothing. Raises NotFound if there is no such key, or, with `organisation_id`,
    if it belongs to another organisation.
    """
    digits = prefix.strip().removeprefix("lobby_").partition("_")[0]
    statement = select(ApiKey).where(ApiKey.prefix == digits)
    if organisation_id is not None:
        statement = statement.where(ApiKey.organisation_id == organisation_id)
    key = session.exec(statement).first()
    if key is None:
        raise NotFound("key_unknown", f"There is no key '{texts.visible(digits)[:20]}'.")
    key.revoked_at = key.revoked_at or now
    key.slot = None
    session.add(key)
    session.flush()
    return key


def revoke_as(session: Session, prefix: str, caller: Caller, *, now: datetime) -> ApiKey:
    """Revoke a key on behalf of a caller.

    Every key may revoke itself, so that anybody who finds a leaked key can end it. Revoking another
    key of the organisation requires `campaigns:write`, which no partner's key has.
    """
    if prefix != caller.key_prefix:
        caller.require(Scope.CAMPAIGNS_WRITE)
    return revoke(session, prefix, now=now, organisation_id=caller.organisation_id)


def end_of_day(day: str, field: str = "expires") -> datetime:
    """Returns the end of a day (ISO 8601) in London, as UTC; raises Invalid naming `field`."""
    try:
        after = texts.day(day, field) + timedelta(days=1)
    except OverflowError as error:
        raise Invalid.field(field, "out_of_range", "No calendar has the day after.") from error
    return datetime.combine(after, time(), LONDON).astimezone(UTC)


def caller_of(session: Session, key: str, *, now: datetime) -> Caller:
    """Returns the caller that a key identifies, in one statement.

    Raises Unauthenticated: `key_invalid` if it is malformed, unknown or revoked, `key_expired` if
    it has expired. Only a client with the whole key learns that it has expired.
    """
    match = _KEY.fullmatch(key)
    prefix, secret = match.groups() if match else ("", "")
    statement = (
        select(ApiKey, ApiKeyPetition.petition_id)
        .outerjoin(ApiKeyPetition, col(ApiKeyPetition.api_key_id) == ApiKey.id)
        .where(ApiKey.prefix == prefix)
    )
    rows = session.exec(statement).all()
    row = rows[0][0] if rows else None
    # Compared even without a row, so that the time does not reveal which prefixes exist.
    expected = row.secret_hash if row else bytes(32)
    if not hmac.compare_digest(_digest(secret), expected) or row is None or row.revoked_at:
        raise Unauthenticated("key_invalid", "This key is not valid.")
    if has_expired(row, now):
        raise Unauthenticated("key_expired", "This key has expired. Please ask for a new one.")
    return Caller(
        key_id=row.id,
        organisation_id=row.organisation_id,
        partner_id=row.partner_id,
        scopes=_scopes(row),
        key_prefix=prefix,
        petition_ids=frozenset(petition_id for _, petition_id in rows if petition_id),
    )


def key_is_good(now: Any) -> sa.ColumnElement[bool]:
    """SQL condition on keys: neither revoked nor expired at `now`."""
    is_unexpired = sa.or_(_key.c.expires_at.is_(None), _key.c.expires_at > now)
    return sa.and_(_key.c.revoked_at.is_(None), is_unexpired)


def has_expired(key: ApiKey, now: datetime) -> bool:
    return key.expires_at is not None and key.expires_at <= now


def own_petition(session: Session, caller: Caller, slug: str) -> Petition:
    """Returns a petition that the caller may use.

    Raises NotFound for another organisation's petition and, with a partner's key, for a draft;
    Forbidden if the key is limited to other petitions.
    """
    petition = petitions.public(session, slug, viewer=caller.viewer)
    if petition.organisation_id != caller.organisation_id:
        raise NotFound("petition_unknown", f"There is no petition '{slug}'.")
    caller.require_petition(petition)
    return petition


def _scopes(key: ApiKey) -> frozenset[str]:
    # A partner's key may be older than the rule about partners' scopes.
    scopes = frozenset(key.scopes)
    return scopes & PARTNER_SCOPES if key.partner_id else scopes


def _require_known(scopes: Sequence[str]) -> None:
    unknown = sorted(set(scopes) - set(Scope))
    if unknown or not scopes:
        message = f"Unknown scope {', '.join(unknown) or '(none)'}; known: {', '.join(Scope)}."
        raise Invalid.field("scope", "scope_unknown", message)


def _require_for_partners(scopes: Sequence[str]) -> None:
    wrong = sorted(set(scopes) - PARTNER_SCOPES)
    if wrong:
        message = (
            f"A partner's key cannot have {', '.join(wrong)}; "
            f"it may have: {', '.join(sorted(PARTNER_SCOPES))}."
        )
        raise Invalid.field("scope", "scope_not_for_partners", message)


def _add(session: Session, key: ApiKey, now: datetime) -> None:
    """Insert a key in the first free slot of its name.

    A UNIQUE constraint on the slot enforces the limit of live keys per name, also for concurrent
    requests.
    """
    _require_new(session, key.id)
    if not key.name:
        session.add(key)
        session.flush()
        return
    _free_slots_of_expired(session, key, now)
    for slot in range(1, LIVE_KEYS + 1):
        key.slot = slot
        try:
            with session.begin_nested():
                session.add(key)
        except IntegrityError:
            _require_new(session, key.id)  # a concurrent request may have taken the id
            continue
        return
    message = f"There are {LIVE_KEYS} live keys named '{key.name}' already: revoke one first."
    raise Conflict("too_many_live_keys", message)


def _require_new(session: Session, key_id: UUID) -> None:
    if session.connection().execute(sa.select(_key.c.id).where(_key.c.id == key_id)).first():
        raise Conflict("key_made_already", "This key has been made already.")


def _free_slots_of_expired(session: Session, key: ApiKey, now: datetime) -> None:
    session.connection().execute(
        sa.update(_key)
        .where(
            _key.c.organisation_id == key.organisation_id,
            _key.c.partner_id.is_not_distinct_from(key.partner_id),
            _key.c.name == key.name,
            _key.c.expires_at <= now,
        )
        .values(slot=None)
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
