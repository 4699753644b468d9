"""What a campaign's pages still lack. Nothing here stops a campaign from opening."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlmodel import Session, col, select

from models import Campaign, CampaignMotion, CampaignStatus, Organisation, Picture
from services.campaigns import campaigns
from services.organisations import notices

_UNDER_WAY = (CampaignStatus.DRAFT, CampaignStatus.OPEN)


class Part(StrEnum):
    """What can be missing."""

    NOTICE = "notice"
    CONTACT = "contact"
    PURPOSE = "purpose"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Missing:
    """A part that an organisation or, with its slug and title, one of its campaigns lacks."""

    part: Part
    organisation: str
    campaign: str | None = None
    title: str = ""


def of_organisation(session: Session, organisation: Organisation) -> list[Missing]:
    """Returns what an organisation lacks, and what its campaigns lack that have not ended."""
    shown = [
        campaign
        for campaign in campaigns.of_organisation(session, organisation.id)
        if campaign.status in _UNDER_WAY
    ]
    return _of_organisations(session, [organisation]) + _of_campaigns(
        session, shown, {organisation.id: organisation}
    )


def in_public(session: Session) -> list[Missing]:
    """Returns what open campaigns of all organisations lack, except those of the demonstration."""
    statement = (
        select(Campaign)
        .join(Organisation, col(Organisation.id) == Campaign.organisation_id)
        .where(
            Campaign.status == CampaignStatus.OPEN, col(Organisation.is_demonstration).is_(False)
        )
        .order_by(col(Campaign.id))
    )
    shown = list(session.exec(statement))
    owners = campaigns.organisations_of(session, shown)
    ordered = sorted(owners.values(), key=lambda organisation: organisation.slug)
    return _of_organisations(session, ordered) + _of_campaigns(session, shown, owners)


def _of_organisations(session: Session, organisations: Sequence[Organisation]) -> list[Missing]:
    publishers = notices.publishers(session, [organisation.id for organisation in organisations])
    missing = []
    for organisation in organisations:
        if organisation.id not in publishers:
            missing.append(Missing(Part.NOTICE, organisation.slug))
        if not organisation.contact_email:
            missing.append(Missing(Part.CONTACT, organisation.slug))
    return missing


def _of_campaigns(
    session: Session, shown: Sequence[Campaign], owners: dict[UUID, Organisation]
) -> list[Missing]:
    ids = [campaign.id for campaign in shown]
    pictures = select(Picture.campaign_id).where(col(Picture.campaign_id).in_(ids))
    with_picture = set(session.exec(pictures))
    motions = select(CampaignMotion.campaign_id).where(
        col(CampaignMotion.campaign_id).in_(ids), col(CampaignMotion.is_current)
    )
    with_motion = set(session.exec(motions))
    missing = []
    for campaign in shown:
        owner = owners[campaign.organisation_id].slug
        if campaign.id in with_motion and not campaign.purpose:
            missing.append(Missing(Part.PURPOSE, owner, campaign.slug, campaign.title))
        if campaign.id not in with_picture:
            missing.append(Missing(Part.PICTURE, owner, campaign.slug, campaign.title))
    return missing
