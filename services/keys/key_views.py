"""API keys as their organisation sees them: without secrets, with partner and petitions."""

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
    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key with the slugs of its partner and of the petitions that it is limited to."""

    key: ApiKey
    partner: str | None
    petitions: tuple[str, ...]

    def state(self, now: datetime) -> KeyState:
        if self.key.revoked_at:
            return KeyState.REVOKED
        return KeyState.EXPIRED if has_expired(self.key, now) else KeyState.LIVE


def of_organisation(session: Session, organisation_id: UUID) -> list[KeyView]:
    """Returns all keys of an organisation and its partners, oldest first, in two statements."""
    return _views(session, _key.c.organisation_id == organisation_id)


def page(
    session: Session, organisation_id: UUID, *, after: UUID | None, limit: int
) -> list[KeyView]:
    """Returns up to `limit` keys, ordered by id, starting after the id `after`."""
    conditions = [_key.c.organisation_id == organisation_id]
    if after is not None:
        conditions.append(_key.c.id > after)
    return _views(session, *conditions, order=[_key.c.id], limit=limit)


def live(
    session: Session, organisation_id: UUID, *, now: datetime, partner_id: UUID | None = None
) -> list[KeyView]:
    """Returns the keys that are neither revoked nor expired, optionally of one partner."""
    conditions = [_key.c.organisation_id == organisation_id, key_is_good(now)]
    if partner_id is not None:
        conditions.append(_key.c.partner_id == partner_id)
    return _views(session, *conditions)


def own(session: Session, prefix: str, *, organisation_id: UUID) -> KeyView:
    """Returns one key of an organisation or its partners; raises NotFound for any other."""
    conditions = (_key.c.organisation_id == organisation_id, _key.c.prefix == prefix)
    views = _views(session, *conditions)
    if not views:
        raise NotFound("key_unknown", f"There is no key '{prefix}'.")
    return views[0]


def by_id(session: Session, key_id: UUID, *, organisation_id: UUID) -> KeyView:
    """Works like `own`, but finds the key by its id."""
    views = _views(session, _key.c.organisation_id == organisation_id, _key.c.id == key_id)
    if not views:
        raise NotFound("key_unknown", "There is no such key.")
    return views[0]


def _views(
    session: Session,
    *conditions: sa.ColumnElement[bool],
    order: Sequence[sa.Column[Any]] = (_key.c.created_at, _key.c.id),
    limit: int | None = None,
) -> list[KeyView]:
    statement = (
        select(ApiKey, Partner.slug)
        .outerjoin(Partner, col(Partner.id) == ApiKey.partner_id)
        .where(*conditions)
        .order_by(*order)
        .limit(limit)
    )
    keys = session.exec(statement).all()
    slugs = _petitions(session, [key.id for key, _ in keys])
    return [KeyView(key, partner, tuple(slugs.get(key.id, ()))) for key, partner in keys]


def _petitions(session: Session, key_ids: list[UUID]) -> dict[UUID, list[str]]:
    """Returns the slugs of petitions by key, ordered by the petitions' numbers."""
    slugs: dict[UUID, list[str]] = {}
    for key_id, slug in session.exec(
        select(ApiKeyPetition.api_key_id, Petition.slug)
        .join(Petition, col(Petition.id) == ApiKeyPetition.petition_id)
        .where(col(ApiKeyPetition.api_key_id).in_(key_ids))
        .order_by(col(Petition.number))
    ):
        slugs.setdefault(key_id, []).append(slug)
    return slugs
