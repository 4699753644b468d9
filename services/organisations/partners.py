"""Partners: organisations whose sites post signatures to another organisation's campaigns."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Organisation, Partner
from models.base import table_of
from services.common import texts, urls
from services.errors import Conflict, Invalid, NotFound
from services.organisations.organisations import add_unique

LONGEST_NAME = 120
MOST_PUBLIC = 100
"""The limit per organisation: each answer about one of its campaigns lists all of them."""
_RESERVED_SLUGS = frozenset({"new"})
"""Slugs that would clash with the URLs of organisers' pages."""
_partner = table_of(Partner)


class NamedPartner(NamedTuple):
    """The columns of a partner that recording signatures and consents needs."""

    id: UUID
    organisation_id: UUID
    slug: str
    name: str


def create(
    session: Session,
    *,
    organisation: Organisation,
    name: str,
    slug: str,
    website: str | None = None,
    allowed_origins: Sequence[str] = (),
    is_public: bool = False,
    now: datetime,
) -> Partner:
    """Add a partner.

    The slug never changes, because links and consents contain it. Raises Conflict if the
    organisation has a partner of that slug, or too many public ones; Invalid with all problems.
    """
    checked = _checked(name=name, slug=slug, website=website, allowed_origins=allowed_origins)
    if is_public:
        _require_room(session, organisation.id)
    partner = Partner(
        organisation_id=organisation.id, is_public=is_public, created_at=now, **checked
    )
    return add_unique(session, partner, f"There is a partner '{slug}' already.")


def change(
    session: Session,
    partner: Partner,
    *,
    name: str | None = None,
    website: str | None = None,
    allowed_origins: Sequence[str] | None = None,
    is_public: bool | None = None,
) -> Partner:
    """Change the given values; None leaves a value unchanged.

    An empty website and an empty list of origins remove them. Raises Invalid with all problems, and
    Conflict if there are too many public partners.
    """
    changes = {"name": name, "website": website, "allowed_origins": allowed_origins}
    checked = _checked(**{field: value for field, value in changes.items() if value is not None})
    if is_public is not None:
        if is_public and not partner.is_public:
            _require_room(session, partner.organisation_id)
        checked["is_public"] = is_public
    partner.sqlmodel_update(checked)
    session.add(partner)
    session.flush()
    return partner


def own(session: Session, slug: str, *, organisation_id: UUID) -> Partner:
    """Returns a partner of this organisation; raises NotFound for any other."""
    statement = select(Partner).where(
        Partner.organisation_id == organisation_id, Partner.slug == slug
    )
    partner = session.exec(statement).first()
    if partner is None:
        raise NotFound("partner_unknown", f"There is no partner '{slug}'.")
    return partner


def get(session: Session, partner_id: UUID) -> Partner:
    """Returns the partner that a row refers to by its id."""
    return session.get_one(Partner, partner_id)


def of_organisation(session: Session, organisation_id: UUID) -> list[Partner]:
    """Returns all partners of an organisation, ordered by slug."""
    statement = select(Partner).where(Partner.organisation_id == organisation_id)
    return list(session.exec(statement.order_by(col(Partner.slug))))


def page(
    session: Session, organisation_id: UUID, *, after: UUID | None, limit: int
) -> list[Partner]:
    """Returns partners of one organisation, the oldest first, starting after the id `after`."""
    statement = select(Partner).where(Partner.organisation_id == organisation_id)
    if after is not None:
        statement = statement.where(Partner.id > after)
    return list(session.exec(statement.order_by(col(Partner.id)).limit(limit)))


def public_of(
    session: Session, organisation_ids: Collection[UUID]
) -> dict[UUID, tuple[Partner, ...]]:
    """Returns each organisation's public partners, ordered by name, in one statement."""
    statement = select(Partner).where(
        col(Partner.organisation_id).in_(organisation_ids), col(Partner.is_public)
    )
    # Sorted here, because the databases collate text differently.
    partners = sorted(session.exec(statement), key=lambda row: (row.name.casefold(), row.slug))
    by_owner: dict[UUID, list[Partner]] = {}
    for partner in partners:
        by_owner.setdefault(partner.organisation_id, []).append(partner)
    return {owner: tuple(by_owner.get(owner, ())) for owner in organisation_ids}


def _require_room(session: Session, organisation_id: UUID) -> None:
    statement = sa.select(sa.func.count()).where(
        _partner.c.organisation_id == organisation_id, _partner.c.is_public
    )
    if session.connection().execute(statement).scalar_one() >= MOST_PUBLIC:
        message = f"The public sees {MOST_PUBLIC} partners already: take away one first."
        raise Conflict("public_partners_too_many", message)


def _slug(text: str) -> str:
    slug = texts.slug(text)
    if slug in _RESERVED_SLUGS:
        message = f"'{slug}' is a word of our own addresses: choose another."
        raise Invalid.field("slug", "slug_reserved", message)
    return slug


def _checked(**values: Any) -> dict[str, Any]:
    """Returns the values in the form in which they are stored; raises Invalid with all problems."""
    rules: dict[str, Callable[[Any], Any]] = {
        "slug": _slug,
        "name": lambda text: texts.line(text, "name", longest=LONGEST_NAME),
        "website": lambda text: urls.web_link(text, "website") if text else None,
        "allowed_origins": lambda origins: urls.checked_origins(origins, "allowed_origins"),
    }
    checked: dict[str, Any] = {}
    problems: list[Invalid] = []
    for field, value in values.items():
        try:
            checked[field] = rules[field](value)
        except Invalid as error:
            problems.append(error)
    if problems:
        raise texts.combined(problems)
    return checked
