"""The campaign that a page of the desk is about."""

from sqlmodel import Session

from models import Campaign
from services.campaigns import campaigns
from web.base.desk import Desk


def of_page(desk: Desk, session: Session, slug: str) -> Campaign:
    """Returns the campaign of the address, which the frame of the page has mostly read already.

    :raises NotFound: the organisation has none with this slug
    """
    if desk.campaign is not None and desk.campaign.slug == slug:
        return desk.campaign
    return campaigns.own(session, slug, organisation_id=desk.organisation_id)
