"""Campaigns and petitions that organisers make in the browser. They are born as drafts."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from models import Campaign, CampaignStatus, Petition, PetitionState
from services.campaigns import campaigns, petitions, slugs
from services.errors import Conflict

_ATTEMPTS = 20


def begin(
    session: Session,
    *,
    campaign_id: UUID,
    organisation_id: UUID,
    title: str,
    slug: str,
    now: datetime,
) -> Campaign:
    """Add a draft campaign. Without a slug it gets one from its title.

    `campaign_id` is chosen by the form, so that a form that is sent twice makes one campaign: the
    second time returns the first one. Raises Conflict if the slug is taken.
    """
    made = session.get(Campaign, campaign_id)
    if made is not None:
        return _own(made, organisation_id)
    values = {"id": campaign_id, "title": title, "summary": "", "status": CampaignStatus.DRAFT}
    wanted = slug or slugs.made_of(title, otherwise="campaign")
    for attempt in range(_ATTEMPTS):
        chosen = wanted if slug else slugs.free(session, Campaign, wanted)
        try:
            return campaigns.create(
                session, organisation_id=organisation_id, values={**values, "slug": chosen}, now=now
            )
        except Conflict:
            # The same form, sent twice at once, or somebody else who took the address meanwhile.
            made = session.get(Campaign, campaign_id)
            if made is not None:
                return _own(made, organisation_id)
            if slug or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError  # the loop returns or raises


def change(
    session: Session, campaign: Campaign, *, values: dict[str, Any], now: datetime
) -> Campaign:
    """Change a campaign whose row is locked; a new slug only while it is a draft.

    Raises Conflict if it is no draft any more, or if another campaign has the slug.
    """
    slug = values.pop("slug", campaign.slug)
    if slug != campaign.slug:
        _require_hidden(campaign.status is CampaignStatus.DRAFT)
        values["slug"] = slug
    with _unique(session, slug):
        return campaigns.update(session, campaign, values=values, now=now)


def change_petition(
    session: Session,
    petition: Petition,
    campaign: Campaign,
    *,
    values: dict[str, Any],
    now: datetime,
) -> Petition:
    """Does the same for a petition of a campaign whose row is locked."""
    slug = values.pop("slug", petition.slug)
    if slug != petition.slug:
        _require_hidden(is_hidden(petition, campaign))
        values["slug"] = slug
    with _unique(session, slug):
        return petitions.update(session, petition, values=values, now=now)


def is_hidden(petition: Petition, campaign: Campaign) -> bool:
    """Returns whether only its own organisation sees a petition."""
    return CampaignStatus.DRAFT is campaign.status or petition.state is PetitionState.DRAFT


def remove_petition(session: Session, petition: Petition, *, now: datetime) -> None:
    """Delete a draft petition of a campaign whose row is locked.

    Raises Conflict if it is no draft, or if there are signatures under it.
    """
    if petition.state is not PetitionState.DRAFT:
        raise Conflict("petition_not_draft", "Only a draft can be removed. Close it instead.")
    try:
        with session.begin_nested():
            session.delete(petition)
    except IntegrityError as error:
        message = "People have signed it already, so it can't be removed."
        raise Conflict("petition_signed", message) from error
    campaign = campaigns.get(session, petition.campaign_id)
    campaign.updated_at = now
    session.add(campaign)
    session.flush()


def add_petition(
    session: Session,
    campaign: Campaign,
    *,
    petition_id: UUID,
    values: dict[str, Any],
    now: datetime,
) -> Petition:
    """Add a draft petition to a campaign whose row is locked.

    `petition_id` is chosen by the form, so that a form that is sent twice makes one petition.
    Without a slug it gets one from its action. Raises Conflict if the slug is taken.
    """
    made = session.get(Petition, petition_id)
    if made is not None and made.campaign_id == campaign.id:
        return made
    wanted = {**values, "id": petition_id, "state": PetitionState.DRAFT}
    if wanted.get("slug"):
        return petitions.create(session, campaign=campaign, values=wanted, now=now)
    return petitions.create_titled(session, campaign=campaign, values=wanted, now=now)


def _own(campaign: Campaign, organisation_id: UUID) -> Campaign:
    if campaign.organisation_id != organisation_id:
        message = "This form can't be used any more. Go back, reload the page and try again."
        raise Conflict("form_outdated", message)
    return campaign


def _require_hidden(is_hidden: bool) -> None:
    if not is_hidden:
        message = "The address can't change any more: people may have links to it."
        raise Conflict("address_final", message)


@contextmanager
def _unique(session: Session, slug: str) -> Iterator[None]:
    """Raises Conflict if a change breaks a constraint. The transaction goes on."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        raise Conflict("exists_already", f"The address '{slug}' is taken.") from error
