"""Keys for the API: who speaks with one, what it may do, and its life from a name to its end."""

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
    """Who a key speaks for, and what it may do. No petitions are all of its organisation."""

    key_id: UUID
    organisation_id: UUID
    partner_id: UUID | None
    scopes: frozenset[str]
    key_prefix: str
    petition_ids: frozenset[UUID] = frozenset()

    @property
    def name(self) -> str:
        """For the log: the key by the part of it that is no secret."""
        return f"key {self.key_prefix}"

    @property
    def viewer(self) -> UUID | None:
        """Whose drafts it may see: its organisation's, but nobody's with a partner's key."""
        return None if self.partner_id else self.organisation_id

    @property
    def may_know_signers(self) -> bool:
        """Whether it may be told, of somebody whom it sends, that they were here already.

        Never with a partner's key, even of the partner's own: some signed on its page without
        letting it know who they are, and it would find out by sending us its address book.
        """
        return Scope.SIGNATURES_READ in self.scopes and self.partner_id is None

    def require(self, scope: Scope) -> None:
        """Forbidden without the scope."""
        if scope not in self.scopes:
            raise Forbidden("scope_missing", f"This key lacks the scope {scope}.")

    def require_petition(self, petition: Petition) -> None:
        """Forbidden where the key was given other petitions than this one of its organisation."""
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
    """Add a key and return it whole: this is the only time that its secret is known.

    Conflict where two keys of that name, and partner, are live already: revoke one first. Invalid
    for a scope that is unknown or not for partners, and an end that is past; NotFound for a partner
    or petition that is not the organisation's.

    Whoever names its `key_id`, a new one, makes one key at most, however often it is sent: after
    that it is Conflict, `key_made_already`.
    """
    _require_known(scopes)
    partner = None
    if partner_slug is not None:
        partner = partners.own(session, partner_slug, organisation_id=organisation.id)
        _require_for_partners(scopes)
    if expires_at is not None and expires_at <= now:
        raise Invalid.field("expires", "in_the_past", "This is in the past.")
    wanted = [
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
        for petition_id in sorted({petition.id for petition in wanted})
    )
    session.flush()
    return f"lobby_{prefix}_{secret}"


def revoke(
    session: Session, prefix: str, *, now: datetime, organisation_id: UUID | None = None
) -> ApiKey:
    """End a key at once: every request looks it up. Again: the same. NotFound where there is none,
    or none of the organisation that is named.

    `prefix` is the part of it that is no secret; more of the key is understood.
    """
    digits = prefix.strip().removeprefix("lobby_").partition("_")[0]
    statement = select(ApiKey).where(ApiKey.prefix == digits)
    if organisation_id is not None:
        statement = statement.where(ApiKey.organisation_id == organisation_id)
    found = session.exec(statement).first()
    if found is None:
        raise NotFound("key_unknown", f"There is no key '{texts.visible(digits)[:20]}'.")
    found.revoked_at = found.revoked_at or now
    found.slot = None
    session.add(found)
    session.flush()
    return found


def revoke_as(session: Session, prefix: str, caller: Caller, *, now: datetime) -> ApiKey:
    """End the caller's own key, whatever it may do: who finds one can end it. Another one of its
    organisation needs `campaigns:write`, which no partner's key has."""
    if prefix != caller.key_prefix:
        caller.require(Scope.CAMPAIGNS_WRITE)
    return revoke(session, prefix, now=now, organisation_id=caller.organisation_id)


def end_of_day(day: str, field: str = "expires") -> datetime:
    """The end of a key whose last day this is, in London. Invalid where it is no day."""
    try:
        after = texts.day(day, field) + timedelta(days=1)
    except OverflowError as error:
        raise Invalid.field(field, "out_of_range", "No calendar has the day after.") from error
    return datetime.combine(after, time(), LONDON).astimezone(UTC)


def caller_of(session: Session, key: str, *, now: datetime) -> Caller:
    """Who a key speaks for, in one statement.

    Unauthenticated where it is malformed, unknown or revoked (`key_invalid`), or has expired
    (`key_expired`): that is told to nobody but who has the whole key, and spares them a search.
    """
    match = _KEY.fullmatch(key)
    prefix, secret = match.groups() if match else ("", "")
    statement = (
        select(ApiKey, ApiKeyPetition.petition_id)
        .outerjoin(ApiKeyPetition, col(ApiKeyPetition.api_key_id) == ApiKey.id)
        .where(ApiKey.prefix == prefix)
    )
    rows = session.exec(statement).all()
    found = rows[0][0] if rows else None
    # Compared even where nothing was found, so that the time tells nothing.
    expected = found.secret_hash if found else bytes(32)
    if not hmac.compare_digest(_digest(secret), expected) or found is None or found.revoked_at:
        raise Unauthenticated("key_invalid", "This key is not valid.")
    if has_expired(found, now):
        raise Unauthenticated("key_expired", "This key has expired. Please ask for a new one.")
    return Caller(
        key_id=found.id,
        organisation_id=found.organisation_id,
        partner_id=found.partner_id,
        scopes=_scopes(found),
        key_prefix=prefix,
        petition_ids=frozenset(petition_id for _, petition_id in rows if petition_id),
    )


def key_is_good(now: Any) -> sa.ColumnElement[bool]:
    """For statements that have keys: whether a key is neither revoked nor expired."""
    has_time = sa.or_(_key.c.expires_at.is_(None), _key.c.expires_at > now)
    return sa.and_(_key.c.revoked_at.is_(None), has_time)


def own_petition(session: Session, caller: Caller, slug: str) -> Petition:
    """A petition that this key is for. Another organisation's is NotFound, and so is a draft to a
    partner; one of its organisation that the key was not given is Forbidden."""
    found = petitions.public(session, slug, viewer=caller.viewer)
    if found.organisation_id != caller.organisation_id:
        raise NotFound("petition_unknown", f"There is no petition '{slug}'.")
    caller.require_petition(found)
    return found


def _scopes(key: ApiKey) -> frozenset[str]:
    """A partner's key from before the rule keeps only what one may have."""
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
    """In the first slot of its name that is free. The constraint says which is, so that of several
    at once no more than two find one."""
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
            _require_new(session, key.id)  # not its slot was taken, but its id, a moment ago
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


def has_expired(key: ApiKey, now: datetime) -> bool:
    return key.expires_at is not None and key.expires_at <= now


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
