"""Petitions: adding, changing and looking them up, and how many people signed them."""

from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, and_, col, func, or_, select

from models import Campaign, CampaignStatus, Petition, PetitionState, PetitionTally
from models.base import table_of
from services.campaigns import slugs
from services.errors import Conflict, Invalid, NotFound
from services.organisations.organisations import add_unique

_ATTEMPTS = 20
_tally = table_of(PetitionTally)
# Built once: each batch of confirmations executes it.
_COUNTS = (
    sa.select(_tally.c.petition_id, sa.func.sum(_tally.c.confirmed))
    .where(_tally.c.petition_id.in_(sa.bindparam("ids", expanding=True)))
    .group_by(_tally.c.petition_id)
)


class Closable(Protocol):
    """A petition, or a row with the columns that decide whether it takes signatures."""

    @property
    def slug(self) -> str:
        """The slug in its URL."""

    @property
    def state(self) -> PetitionState:
        """The state that its organisation has set."""

    @property
    def closes_at(self) -> datetime | None:
        """Returns when it closes; None if it has no closing date."""


def create(
    session: Session, *, campaign: Campaign, values: dict[str, Any], now: datetime
) -> Petition:
    """Add a petition with the next public number.

    Raises Conflict if the slug is taken, and Invalid if it is not a draft and has no addressee.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _create(session, campaign, values, now)
        except Conflict:
            # If the slug is free, a concurrent transaction took the number: try the next one.
            taken = select(Petition.id).where(Petition.slug == values["slug"])
            if session.exec(taken).first() is not None:
                raise
    raise _too_many()


def _create(
    session: Session, campaign: Campaign, values: dict[str, Any], now: datetime
) -> Petition:
    petition = Petition(
        number=session.exec(select(func.coalesce(func.max(Petition.number), 0))).one() + 1,
        organisation_id=campaign.organisation_id,
        campaign_id=campaign.id,
        created_at=now,
        updated_at=now,
        **values,
    )
    _require_addressee(petition)
    return add_unique(session, petition, f"There is a petition '{petition.slug}' already.")


def create_titled(
    session: Session, *, campaign: Campaign, values: dict[str, Any], now: datetime
) -> Petition:
    """Works like `create`, with a slug made from the `action`, and a number if that is taken."""
    wanted = slugs.made_of(values["action"], otherwise="petition")
    for _ in range(_ATTEMPTS):
        slug = slugs.free(session, Petition, wanted)
        # A concurrent request may take the slug first; the next attempt sees that.
        with suppress(Conflict):
            return create(session, campaign=campaign, values={**values, "slug": slug}, now=now)
    raise _too_many()


def _too_many() -> Conflict:
    message = "Too many petitions are being made at once. Please try again in a moment."
    return Conflict("too_many_at_once", message)


def update(
    session: Session, petition: Petition, *, values: dict[str, Any], now: datetime
) -> Petition:
    """Change the given values only; a new goal counts as not reached yet.

    Raises Invalid if the petition is not a draft and has no addressee.
    """
    if values.get("goal", petition.goal) != petition.goal:
        petition.goal_reached_at = None
    petition.sqlmodel_update(values)
    _require_addressee(petition)
    petition.updated_at = now
    session.add(petition)
    session.flush()
    return petition


def get(session: Session, petition_id: UUID) -> Petition:
    """Returns the petition that a row refers to by its id, a draft too."""
    return session.get_one(Petition, petition_id)


def public(session: Session, slug: str, *, viewer: UUID | None = None) -> Petition:
    """Returns a petition by slug; raises NotFound.

    Drafts and petitions of draft campaigns are returned only to their organisation (`viewer`).
    """
    statement = (
        select(Petition, Campaign.status)
        .join(Campaign, col(Campaign.id) == Petition.campaign_id)
        .where(Petition.slug == slug)
    )
    row = session.exec(statement).first()
    if row is not None:
        petition, status = row
        is_draft = petition.state is PetitionState.DRAFT or status is CampaignStatus.DRAFT
        if not is_draft or petition.organisation_id == viewer:
            return petition
    raise NotFound("petition_unknown", f"There is no petition '{slug}'.")


def page(
    session: Session,
    *,
    viewer: UUID | None,
    campaign: str | None,
    state: PetitionState | None,
    after: UUID | None,
    limit: int,
) -> list[tuple[Petition, Campaign]]:
    """Returns petitions with their campaigns, the newest first, starting after the id `after`.

    They are those that `public` returns: drafts are for their organisation, the `viewer`, alone.
    `campaign` is a slug.
    """
    not_draft = (Petition.state != PetitionState.DRAFT, Campaign.status != CampaignStatus.DRAFT)
    is_shown = and_(*not_draft)
    if viewer is not None:
        is_shown = or_(is_shown, col(Petition.organisation_id) == viewer)
    statement = (
        select(Petition, Campaign)
        .join(Campaign, col(Campaign.id) == Petition.campaign_id)
        .where(is_shown)
    )
    if campaign is not None:
        statement = statement.where(Campaign.slug == campaign)
    if state is not None:
        statement = statement.where(Petition.state == state)
    if after is not None:
        statement = statement.where(Petition.id < after)
    return list(session.exec(statement.order_by(col(Petition.id).desc()).limit(limit)))


def by_slug(session: Session, slug: str) -> Petition:
    """Returns any petition, including drafts: for operators. Raises NotFound."""
    petition = session.exec(select(Petition).where(Petition.slug == slug)).first()
    if petition is None:
        raise NotFound("petition_unknown", f"There is no petition '{slug}'.")
    return petition


def own(session: Session, slug: str, *, organisation_id: UUID) -> Petition:
    """Returns a petition of this organisation; raises NotFound for any other."""
    petition = public(session, slug, viewer=organisation_id)
    if petition.organisation_id != organisation_id:
        raise NotFound("petition_unknown", f"There is no petition '{slug}'.")
    return petition


def of_campaigns(
    session: Session, campaign_ids: list[UUID], *, with_drafts: bool = False
) -> dict[UUID, list[Petition]]:
    """Returns the public petitions of several campaigns, the oldest first, in one statement.

    `with_drafts` includes the others.
    """
    statement = select(Petition).where(col(Petition.campaign_id).in_(campaign_ids))
    if not with_drafts:
        statement = statement.where(Petition.state != PetitionState.DRAFT)
    by_campaign: dict[UUID, list[Petition]] = {campaign_id: [] for campaign_id in campaign_ids}
    for petition in session.exec(statement.order_by(col(Petition.number))):
        by_campaign[petition.campaign_id].append(petition)
    return by_campaign


def of_campaign_locked(session: Session, campaign_id: UUID) -> list[Petition]:
    """Returns all petitions of a campaign as they are now, with their rows locked."""
    statement = select(Petition).where(Petition.campaign_id == campaign_id)
    ordered = statement.order_by(col(Petition.number)).with_for_update()
    return list(session.exec(ordered.execution_options(populate_existing=True)))


def of_organisation(session: Session, organisation_id: UUID) -> list[Petition]:
    """Returns every petition of one organisation, including drafts, the newest first."""
    statement = select(Petition).where(Petition.organisation_id == organisation_id)
    return list(session.exec(statement.order_by(col(Petition.number).desc())))


def open_of(session: Session, organisation_id: UUID, *, now: datetime) -> list[Petition]:
    """Returns an organisation's petitions that take signatures, newest first, in one statement."""
    statement = (
        select(Petition, Campaign.status)
        .join(Campaign, col(Campaign.id) == Petition.campaign_id)
        .where(Petition.organisation_id == organisation_id, Petition.state == PetitionState.OPEN)
        .order_by(col(Petition.number).desc())
    )
    return [
        petition
        for petition, status in session.exec(statement)
        if is_open(petition, campaign_status=CampaignStatus(status), now=now)
    ]


def counts(session: Session, petition_ids: list[UUID]) -> dict[UUID, int]:
    """Returns the number of confirmed signatures by petition, from the tallies."""
    rows = session.connection().execute(_COUNTS, {"ids": petition_ids})
    return dict.fromkeys(petition_ids, 0) | {row_id: int(total) for row_id, total in rows}


def count(session: Session, petition_id: UUID) -> int:
    """Returns the number of confirmed signatures of one petition."""
    return counts(session, [petition_id])[petition_id]


def is_open(petition: Closable, *, campaign_status: CampaignStatus, now: datetime) -> bool:
    """Returns whether the petition takes signatures: it and its campaign are open, and in time."""
    in_time = petition.closes_at is None or now < petition.closes_at
    both_open = petition.state is PetitionState.OPEN and campaign_status is CampaignStatus.OPEN
    return both_open and in_time


def require_open(petition: Closable, *, campaign_status: CampaignStatus, now: datetime) -> None:
    """Raises Conflict if a petition takes no signatures, and NotFound for a draft."""
    if PetitionState.DRAFT is petition.state or campaign_status is CampaignStatus.DRAFT:
        raise NotFound("petition_unknown", f"There is no petition '{petition.slug}'.")
    if not is_open(petition, campaign_status=campaign_status, now=now):
        raise Conflict("petition_closed", "This petition is closed: it takes no more signatures.")


def _require_addressee(petition: Petition) -> None:
    # Drafts may lack an addressee, because some are imported without one.
    if petition.state is not PetitionState.DRAFT and not petition.addressed_to:
        message = "Say whom it is addressed to, before it opens."
        raise Invalid.field("addressed_to", "missing", message)
