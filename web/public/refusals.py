"""Takes 'not me' back, with the button on the page after it."""

from typing import Annotated

from fastapi import APIRouter, Form, Response

from api.http.dependencies import ReadSession, TheLobby
from models import Campaign, Petition
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.submissions import ending
from web.base.rendering import page
from web.public.signatures import linked

router = APIRouter()


@router.post("/disown/{token}/undo")
def lift(
    token: str,
    lobby: TheLobby,
    session: ReadSession,
    address: Annotated[str, Form()] = "",
    petition: Annotated[str, Form()] = "",
    campaign: Annotated[str, Form()] = "",
) -> Response:
    """Lets emails about a petition, or about letters of a campaign, go to an address again.

    `petition` or `campaign` is a slug.
    """
    lobby.tokens.read(Purpose.DISOWN, token)
    address_id = lobby.tokens.read(Purpose.LIFT_REFUSAL, address)
    refused: Petition | Campaign
    refused = (
        petitions.public(session, petition) if petition else campaigns.public(session, campaign)
    )
    with lobby.database.write(is_public=False) as writing:
        ending.lift_refusal(writing, refused.id, address_id)
    return page(
        "public/refusal_lifted.html",
        session,
        is_private=True,
        face=linked.face_of(session, refused),
        refused=refused,
        is_petition=bool(petition),
    )
