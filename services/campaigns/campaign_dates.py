"""The dates of a campaign: its events, when its petitions close and when its motions fall."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid5

from sqlmodel import Session, col, select

from models import Campaign, CampaignMotion, EventKind, Motion, ParliamentSession
from services.campaigns import events, petitions
from services.common import markdown


@dataclass(frozen=True, slots=True)
class CampaignDate:
    """A date of a campaign. `when` is a moment or a whole day.

    `id` stays the same when the date is moved; `changed` is when any of these values last changed.
    `petition` is the slug of the petition whose date it is. `kind`, `place` and `link` are those of
    an event.
    """

    id: UUID
    title: str
    text: str
    when: datetime | date
    changed: datetime
    petition: str | None = None
    kind: EventKind | None = None
    place: str = ""
    link: str | None = None


def of_campaign(session: Session, campaign: Campaign) -> list[CampaignDate]:
    """Returns all known dates, including past ones, the earliest first."""
    dates = [
        *_events(session, campaign),
        *_closings(session, campaign),
        *_session_ends(session, campaign),
    ]
    return sorted(dates, key=_sort_key)


def _events(session: Session, campaign: Campaign) -> list[CampaignDate]:
    return [
        CampaignDate(
            id=event.id,
            title=event.title,
            text=markdown.plain(event.text),
            when=event.starts_at or event.day,
            changed=event.updated_at,
            kind=event.kind,
            place=event.place,
            link=event.link,
        )
        for event in events.of_campaign(session, campaign)
    ]


def _closings(session: Session, campaign: Campaign) -> list[CampaignDate]:
    return [
        CampaignDate(
            id=uuid5(petition.id, "closes"),
            title=f"Last moment to sign: {petition.action}",
            text=f"The petition “{petition.action}” to {petition.addressed_to} closes.",
            when=petition.closes_at,
            changed=petition.updated_at,
            petition=petition.slug,
        )
        for petition in petitions.of_campaigns(session, [campaign.id])[campaign.id]
        if petition.closes_at is not None
    ]


def _session_ends(session: Session, campaign: Campaign) -> list[CampaignDate]:
    # Amendments are left out: they fall with the motions that they amend.
    statement = (
        select(Motion, CampaignMotion.linked_at, ParliamentSession)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
        .join(ParliamentSession, col(ParliamentSession.id) == Motion.parliament_session_id)
        .where(
            CampaignMotion.campaign_id == campaign.id,
            col(CampaignMotion.is_amendment).is_(False),
            col(ParliamentSession.ends_on).is_not(None),
        )
    )
    return [
        CampaignDate(
            id=uuid5(campaign.id, f"motion {motion.id} falls"),
            title=f"Session of Parliament ends: Early Day Motion {motion.number} falls",
            text=(
                f"The session {parliament_session.name} ends, and with it Early Day Motion "
                f"{motion.number}, “{motion.title}”. MPs can sign it until then."
            ),
            when=parliament_session.ends_on,
            changed=linked_at,
        )
        for motion, linked_at, parliament_session in session.exec(statement)
        if parliament_session.ends_on is not None
    ]


def _sort_key(campaign_date: CampaignDate) -> tuple[str, str]:
    # In ISO 8601 (UTC), a whole day sorts before the moments of that day.
    return campaign_date.when.isoformat(), str(campaign_date.id)
