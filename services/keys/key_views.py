"""Keys as their organisation sees them: without their secrets, with whose and what they are for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import ApiKey, ApiKeyPetition, Partner, Petition
from models.base import table_of
from services.errors import NotFound
from services.keys.api_keys import has_expired, key_is_good

_key = table_of(ApiKey)


class KeyState(StrEnum):
    """What has become of a key."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key, without its secret: whose it is, and the slugs of the petitions that it is for."""

    key: ApiKey
    partner: str | None
    petitions: tuple[str, ...]

    def state(self, now: datetime) -> KeyState:
        """At that moment."""
        if self.key.revoked_at:
            return KeyState.REVOKED
        return KeyState.EXPIRED if has_expired(self.key, now) else KeyState.LIVE


def of_organisation(session: Session, organisation_id: UUID) -> list[KeyView]:
    """All its keys and its partners', oldest first, in two statements."""
    return _views(session, _key.c.organisation_id == organisation_id)


def page(
    session: Session, organisation_id: UUID, *, after: UUID | None, limit: int
) -> list[KeyView]:
    """Some of them, by their ids, starting behind the id `after`."""
    wanted = [_key.c.organisation_id == organisation_id]
    if after is not None:
        wanted.append(_key.c.id > after)
    return _views(session, *wanted, order=[_key.c.id], limit=limit)


def live(
    session: Session, organisation_id: UUID, *, now: datetime, partner_id: UUID | None = None
) -> list[KeyView]:
    """Those that are neither revoked nor expired; of one partner, where it is named."""
    wanted = [_key.c.organisation_id == organisation_id, key_is_good(now)]
    if partner_id is not None:
        wanted.append(_key.c.partner_id == partner_id)
    return _views(session, *wanted)


def own(session: Session, prefix: str, *, organisation_id: UUID) -> KeyView:
    """One key of an organisation or of its partners; another's is NotFound."""
    wanted = (_key.c.organisation_id == organisation_id, _key.c.prefix == prefix)
    found = _views(session, *wanted)
    if not found:
        raise NotFound("key_unknown", f"There is no key '{prefix}'.")
    return found[0]


def by_id(session: Session, key_id: UUID, *, organisation_id: UUID) -> KeyView:
    """As `own`."""
    found = _views(session, _key.c.organisation_id == organisation_id, _key.c.id == key_id)
    if not found:
        raise NotFound("key_unknown", "There is no such key.")
    return found[0]


def _views(
    session: Session,
    *wanted: sa.ColumnElement[bool],
    order: Sequence[sa.Column[Any]] = (_key.c.created_at, _key.c.id),
    limit: int | None = None,
) -> list[KeyView]:
    statement = (
        select(ApiKey, Partner.slug)
        .outerjoin(Partner, col(Partner.id) == ApiKey.partner_id)
        .where(*wanted)
        .order_by(*order)
        .limit(limit)
    )
    keys = session.exec(statement).all()
    slugs = _petitions(session, [key.id for key, _ in keys])
    return [KeyView(key, partner, tuple(slugs.get(key.id, ()))) for key, partner in keys]


def _petitions(session: Session, key_ids: list[UUID]) -> dict[UUID, list[str]]:
    """By key, in the order of their numbers."""
    slugs: dict[UUID, list[str]] = {}
    for key_id, slug in session.exec(
        select(ApiKeyPetition.api_key_id, Petition.slug)
        .join(Petition, col(Petition.id) == ApiKeyPetition.petition_id)
        .where(col(ApiKeyPetition.api_key_id).in_(key_ids))
        .order_by(col(Petition.number))
    ):
        slugs.setdefault(key_id, []).append(slug)
    return slugs
