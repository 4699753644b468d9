"""The stages of a campaign: it opens, pauses, closes, opens again, and ends.

The campaign's row must be locked (`campaigns.own_locked`), so that of two people at once the second
one finds what the first one did.
"""

from datetime import date, datetime

from sqlmodel import Session

from models import Campaign, CampaignStatus, Petition, PetitionState
from services.building import readiness
from services.building.readiness import Part
from services.campaigns import campaign_texts, petitions
from services.errors import Conflict, Invalid
from services.letters import campaign_changes
from services.mail.pacing import Pace

ENDS = (CampaignStatus.WON, CampaignStatus.LOST, CampaignStatus.CLOSED)


class NotReady(Conflict):
    """The campaign can't open, because these parts are missing."""

    def __init__(self, missing: tuple[Part, ...]) -> None:
        super().__init__("campaign_not_ready", "Something is missing before this can open.")
        self.missing = missing


def open_(session: Session, campaign: Campaign, *, pace: Pace, now: datetime) -> None:
    """Open a campaign, for the first time or again, with its drafts of petitions.

    Does nothing if it is open. Raises NotReady if something is missing.
    """
    if campaign.status is CampaignStatus.OPEN:
        return
    # Nobody may close or remove a petition between the check and the commit.
    drafts = petitions.of_campaign_locked(session, campaign.id)
    if lacking := missing(session, campaign, now=now):
        raise NotReady(lacking)
    if campaign.status is CampaignStatus.DRAFT:
        _open_petitions(session, drafts, now)
    _change(session, campaign, pace, now, status=CampaignStatus.OPEN)


def missing(session: Session, campaign: Campaign, *, now: datetime) -> tuple[Part, ...]:
    """Returns what keeps a campaign from opening."""
    return readiness.of_campaign(session, campaign, now=now).missing


def end(
    session: Session,
    campaign: Campaign,
    *,
    status: CampaignStatus,
    outcome: str,
    outcome_on: date | None,
    pace: Pace,
    now: datetime,
) -> None:
    """End a campaign as won, lost or closed, or change how it ended.

    The day may be left out if there is a story. Raises Invalid for a wrong text or day, and
    Conflict for a draft.
    """
    _require_begun(campaign)
    if status not in ENDS:
        raise Invalid.field("status", "choice_unknown", "Choose how it ended.")
    _change(
        session,
        campaign,
        pace,
        now,
        status=status,
        outcome=campaign_texts.outcome(outcome),
        outcome_on=outcome_on,
    )


def close(session: Session, campaign: Campaign, *, pace: Pace, now: datetime) -> None:
    """Close an open campaign: it takes no signatures or letters. Raises Conflict for a draft."""
    _require_begun(campaign)
    if campaign.status is CampaignStatus.OPEN:
        _change(session, campaign, pace, now, status=CampaignStatus.CLOSED)


def open_petition(session: Session, petition: Petition, *, now: datetime) -> None:
    """Open a petition. Raises Invalid if it doesn't say to whom it is addressed."""
    petitions.update(session, petition, values={"state": PetitionState.OPEN}, now=now)


def close_petition(session: Session, petition: Petition, *, now: datetime) -> None:
    """Close a petition: it takes no more signatures. Raises Conflict for a draft."""
    if petition.state is PetitionState.DRAFT:
        raise Conflict("petition_draft", "This petition isn't open yet. You can remove it.")
    petitions.update(session, petition, values={"state": PetitionState.CLOSED}, now=now)


def _open_petitions(session: Session, drafts: list[Petition], now: datetime) -> None:
    for petition in drafts:
        if petition.state is PetitionState.DRAFT and petition.addressed_to:
            open_petition(session, petition, now=now)


def _change(
    session: Session, campaign: Campaign, pace: Pace, now: datetime, **values: object
) -> None:
    campaign_changes.change(session, campaign, values=dict(values), pace=pace, now=now)


def _require_begun(campaign: Campaign) -> None:
    if campaign.status is CampaignStatus.DRAFT:
        raise Conflict("campaign_draft", "This campaign isn't open yet, so it can't end.")
