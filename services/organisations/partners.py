"""Partners: organisations whose sites post signatures to a campaign of ours."""

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
"""Of an organisation: each answer about one of its campaigns lists them."""
_PAGES = frozenset({"new"})
"""Words that stand for something else where a slug stands in the addresses of organisers' pages."""
_partner = table_of(Partner)


class NamedPartner(NamedTuple):
    """What is needed of a partner."""

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
    """Add a partner. Conflict where the organisation has one of that slug, which never changes:
    links and consents carry it; or too many that are public. Invalid with all that is wrong."""
    given = {"name": name, "slug": slug, "website": website, "allowed_origins": allowed_origins}
    checked = _checked(**given)
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
    """Change what is given; None leaves it as it is, an empty website takes it away, and no origins
    take away all of them. Invalid with all that is wrong; Conflict where too many are public."""
    given = {"name": name, "website": website, "allowed_origins": allowed_origins}
    checked = _checked(**{field: value for field, value in given.items() if value is not None})
    if is_public is not None:
        if is_public and not partner.is_public:
            _require_room(session, partner.organisation_id)
        checked["is_public"] = is_public
    partner.sqlmodel_update(checked)
    session.add(partner)
    session.flush()
    return partner


def own(session: Session, slug: str, *, organisation_id: UUID) -> Partner:
    """A partner of one organisation; another's is NotFound."""
    statement = select(Partner).where(
        Partner.organisation_id == organisation_id, Partner.slug == slug
    )
    found = session.exec(statement).first()
    if found is None:
        raise NotFound("partner_unknown", f"There is no partner '{slug}'.")
    return found


def of_organisation(session: Session, organisation_id: UUID) -> list[Partner]:
    """All partners, by their slugs."""
    statement = select(Partner).where(Partner.organisation_id == organisation_id)
    return list(session.exec(statement.order_by(col(Partner.slug))))


def page(
    session: Session, organisation_id: UUID, *, after: UUID | None, limit: int
) -> list[Partner]:
    """Partners of one organisation, the oldest first, starting behind the id `after`."""
    statement = select(Partner).where(Partner.organisation_id == organisation_id)
    if after is not None:
        statement = statement.where(Partner.id > after)
    return list(session.exec(statement.order_by(col(Partner.id)).limit(limit)))


def public_of(
    session: Session, organisation_ids: Collection[UUID]
) -> dict[UUID, tuple[Partner, ...]]:
    """The partners that the public may see, by organisation and then by name, in one statement."""
    statement = select(Partner).where(
        col(Partner.organisation_id).in_(organisation_ids), col(Partner.is_public)
    )
    # Databases have orders of their own for letters.
    found: dict[UUID, list[Partner]] = {}
    for each in sorted(session.exec(statement), key=lambda each: (each.name.casefold(), each.slug)):
        found.setdefault(each.organisation_id, []).append(each)
    return {owner: tuple(found.get(owner, ())) for owner in organisation_ids}


def _require_room(session: Session, organisation_id: UUID) -> None:
    statement = sa.select(sa.func.count()).where(
        _partner.c.organisation_id == organisation_id, _partner.c.is_public
    )
    if session.connection().execute(statement).scalar_one() >= MOST_PUBLIC:
        message = f"The public sees {MOST_PUBLIC} partners already: take away one first."
        raise Conflict("public_partners_too_many", message)


def _slug(text: str) -> str:
    found = texts.slug(text)
    if found in _PAGES:
        message = f"'{found}' is a word of our own addresses: choose another."
        raise Invalid.field("slug", "slug_reserved", message)
    return found


def _checked(**given: Any) -> dict[str, Any]:
    rules: dict[str, Callable[[Any], Any]] = {
        "slug": _slug,
        "name": lambda text: texts.line(text, "name", longest=LONGEST_NAME),
        "website": lambda text: urls.web_link(text, "website") if text else None,
        "allowed_origins": lambda each: urls.checked_origins(each, "allowed_origins"),
    }
    found: dict[str, Any] = {}
    problems: list[Invalid] = []
    for field, value in given.items():
        try:
            found[field] = rules[field](value)
        except Invalid as error:
            problems.append(error)
    if problems:
        raise texts.combined(problems)
    return found
