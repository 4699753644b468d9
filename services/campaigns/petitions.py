"""Petitions and how many signed them."""

from contextlib import suppress
from datetime import datetime
from itertools import count as counting
from typing import Any, Protocol
from uuid import UUID

from sqlmodel import Session, col, func, or_, select

from models import Campaign, CampaignStatus, Petition, PetitionState, PetitionTally
from services.common import texts
from services.errors import Conflict, Invalid, NotFound
from services.organisations.organisations import add_unique

LONGEST_MADE_SLUG = 60
"""Leaves room for a number behind it."""
_TRIES = 20


class Closable(Protocol):
    """What says whether signatures are taken: a petition, or those columns of one."""

    @property
    def slug(self) -> str:
        """In its address."""

    @property
    def state(self) -> PetitionState:
        """As its organisation set it."""

    @property
    def closes_at(self) -> datetime | None:
        """None where it has no end."""


def create(
    session: Session, *, campaign: Campaign, values: dict[str, Any], now: datetime
) -> Petition:
    """Add a petition with the next public number. Conflict where the slug is taken, Invalid where
    one is to open that is addressed to nobody."""
    for _ in range(_TRIES):
        try:
            return _create(session, campaign, values, now)
        except Conflict:
            # Another transaction may have taken the number alone; it is over by now.
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
    """As `create`, with a slug made of what it asks for (`action`), and numbered where that is
    taken."""
    wanted = texts.as_slug(values["action"], longest=LONGEST_MADE_SLUG) or "petition"
    for _ in range(_TRIES):
        slug = _free_slug(session, wanted)
        # Somebody else may take it before us: then theirs is seen the next time.
        with suppress(Conflict):
            return create(session, campaign=campaign, values={**values, "slug": slug}, now=now)
    raise _too_many()


def _too_many() -> Conflict:
    message = "Too many petitions are being made at once. Please try again in a moment."
    return Conflict("too_many_at_once", message)


def update(
    session: Session, petition: Petition, *, values: dict[str, Any], now: datetime
) -> Petition:
    """Change the given values only. Another goal is one to be reached anew. Invalid where one is to
    open that is addressed to nobody."""
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
    """A petition by slug. A draft, or one of a draft campaign, is its organisation's only."""
    statement = (
        select(Petition, Campaign.status)
        .join(Campaign, col(Campaign.id) == Petition.campaign_id)
        .where(Petition.slug == slug)
    )
    found = session.exec(statement).first()
    if found is not None:
        petition, status = found
        is_draft = petition.state is PetitionState.DRAFT or status is CampaignStatus.DRAFT
        if not is_draft or petition.organisation_id == viewer:
            return petition
    raise NotFound("petition_unknown", f"There is no petition '{slug}'.")


def by_slug(session: Session, slug: str) -> Petition:
    """Any petition, a draft too: for who runs the service."""
    found = session.exec(select(Petition).where(Petition.slug == slug)).first()
    if found is None:
        raise NotFound("petition_unknown", f"There is no petition '{slug}'.")
    return found


def own(session: Session, slug: str, *, organisation_id: UUID) -> Petition:
    """A petition of one organisation; another's is NotFound."""
    found = public(session, slug, viewer=organisation_id)
    if found.organisation_id != organisation_id:
        raise NotFound("petition_unknown", f"There is no petition '{slug}'.")
    return found


def of_campaigns(session: Session, campaign_ids: list[UUID]) -> dict[UUID, list[Petition]]:
    """The public petitions of several campaigns, oldest first, in one statement."""
    statement = select(Petition).where(
        col(Petition.campaign_id).in_(campaign_ids), Petition.state != PetitionState.DRAFT
    )
    found: dict[UUID, list[Petition]] = {campaign_id: [] for campaign_id in campaign_ids}
    for petition in session.exec(statement.order_by(col(Petition.number))):
        found[petition.campaign_id].append(petition)
    return found


def of_organisation(session: Session, organisation_id: UUID) -> list[Petition]:
    """Every petition of one organisation, drafts too, newest first."""
    statement = select(Petition).where(Petition.organisation_id == organisation_id)
    return list(session.exec(statement.order_by(col(Petition.number).desc())))


def open_of(session: Session, organisation_id: UUID, *, now: datetime) -> list[Petition]:
    """Those of one organisation that take signatures, newest first, in one statement."""
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
    """Confirmed signatures by petition, from the tallies."""
    statement = (
        select(PetitionTally.petition_id, func.sum(PetitionTally.confirmed))
        .where(col(PetitionTally.petition_id).in_(petition_ids))
        .group_by(col(PetitionTally.petition_id))
    )
    found = dict.fromkeys(petition_ids, 0)
    found.update({petition_id: int(total) for petition_id, total in session.exec(statement)})
    return found


def count(session: Session, petition_id: UUID) -> int:
    """Confirmed signatures of one petition."""
    return counts(session, [petition_id])[petition_id]


def is_open(petition: Closable, *, campaign_status: CampaignStatus, now: datetime) -> bool:
    """True while signatures are taken: the petition and its campaign are open, and in time."""
    in_time = petition.closes_at is None or now < petition.closes_at
    both_open = petition.state is PetitionState.OPEN and campaign_status is CampaignStatus.OPEN
    return both_open and in_time


def require_open(petition: Closable, *, campaign_status: CampaignStatus, now: datetime) -> None:
    """Conflict where a petition takes no signatures; a draft is NotFound."""
    if PetitionState.DRAFT is petition.state or campaign_status is CampaignStatus.DRAFT:
        raise NotFound("petition_unknown", f"There is no petition '{petition.slug}'.")
    if not is_open(petition, campaign_status=campaign_status, now=now):
        raise Conflict("petition_closed", "This petition is closed: it takes no more signatures.")


def _free_slug(session: Session, wanted: str) -> str:
    """The first of `wanted`, `wanted-2`, `wanted-3` and so on that no petition has."""
    alike = or_(Petition.slug == wanted, col(Petition.slug).startswith(f"{wanted}-"))
    taken = set(session.exec(select(Petition.slug).where(alike)))
    slugs = (f"{wanted}-{number}" if number > 1 else wanted for number in counting(1))
    return next(slug for slug in slugs if slug not in taken)


def _require_addressee(petition: Petition) -> None:
    """A draft that came from elsewhere may have none yet."""
    if petition.state is not PetitionState.DRAFT and not petition.addressed_to:
        message = "Say whom it is addressed to, before it opens."
        raise Invalid.field("addressed_to", "missing", message)
