"""The builder's step 'Partners': whose sites bring signatures, and what to give each of them."""

from dataclasses import dataclass

from fastapi import Response

from api.http.dependencies import Now, Slug, TheLobby
from api.http.late_routes import Router
from models import Partner
from services.campaigns import campaigns, petitions
from services.organisations import partners
from services.signatures import by_partner
from services.signatures.by_partner import MOST_COUNTED
from web.base.desk import EditorDesk
from web.organisers.builder import frame
from web.organisers.builder.frame import Step

PATH = "/organiser/campaigns/{slug}/edit/partners"
TEMPLATE = "organisers/builder/partners.html"
router = Router()


@dataclass(frozen=True, slots=True)
class ListedPartner:
    """A partner, with the confirmed signatures that came through it to all petitions.

    `confirmed` stops at one more than `MOST_COUNTED`.
    """

    partner: Partner
    confirmed: int

    @property
    def is_more(self) -> bool:
        """Returns whether there are more than `MOST_COUNTED`."""
        return self.confirmed > MOST_COUNTED


@router.get(PATH)
def show_partners(
    slug: Slug, desk: EditorDesk, lobby: TheLobby, now: Now, done: str = ""
) -> Response:
    """Shows the organisation's partners, with the code and the link of each for this campaign.

    Owners add and change partners on pages of their own.
    """
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        counted = by_partner.recent_counts(
            session, desk.organisation_id, counts=lobby.minute_counts
        )
        listed = [
            ListedPartner(partner, counted.value.get(partner.id, 0))
            for partner in partners.of_organisation(session, desk.organisation_id)
        ]
        shown = petitions.of_campaigns(session, [campaign.id], with_drafts=True)[campaign.id]
        return frame.show(
            desk,
            session,
            campaign,
            Step.PARTNERS,
            TEMPLATE,
            now=now,
            done=done,
            listed=listed,
            counted_at=counted.at,
            petitions=shown,
            base_url=lobby.settings.base_url,
            count_limit=MOST_COUNTED,
        )
