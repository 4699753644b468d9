"""Partners: organisations whose sites post signatures to a campaign of ours."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from lobby.models import Organisation, Partner
from lobby.services import links, origins, texts
from lobby.services.errors import Invalid, NotFound
from lobby.services.organisations import add_unique

LONGEST_NAME = 120


def create(
    session: Session,
    *,
    organisation: Organisation,
    name: str,
    slug: str,
    website: str | None = None,
    allowed_origins: Sequence[str] = (),
    now: datetime,
) -> Partner:
    """Add a partner. Conflict where the organisation has one of that slug, which never changes:
    links and consents carry it. Invalid with all that is wrong."""
    partner = Partner(
        organisation_id=organisation.id,
        slug=texts.slug(slug),
        created_at=now,
        **_checked(name=name, website=website, allowed_origins=allowed_origins),
    )
    return add_unique(session, partner, f"There is a partner '{slug}' already.")


def change(
    session: Session,
    partner: Partner,
    *,
    name: str | None = None,
    website: str | None = None,
    allowed_origins: Sequence[str] | None = None,
) -> Partner:
    """Change what is given; None leaves it as it is, an empty website takes it away, and no origins
    take away all of them. Invalid with all that is wrong."""
    given = {"name": name, "website": website, "allowed_origins": allowed_origins}
    partner.sqlmodel_update(
        _checked(**{field: value for field, value in given.items() if value is not None})
    )
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


def _checked(**given: Any) -> dict[str, Any]:
    rules: dict[str, Callable[[Any], Any]] = {
        "name": lambda text: texts.line(text, "name", longest=LONGEST_NAME),
        "website": lambda text: links.web_link(text, "website") if text else None,
        "allowed_origins": lambda each: origins.checked(each, "allowed_origins"),
    }
    found: dict[str, Any] = {}
    problems: list[Invalid] = []
    for field, value in given.items():
        try:
            found[field] = rules[field](value)
        except Invalid as error:
            problems.append(error)
    if problems:
        raise texts.together(problems)
    return found
