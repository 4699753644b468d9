"""Undoes 'not me', with the button on the page after it."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Response
from sqlmodel import Session

from api.http.dependencies import ReadSession, TheLobby
from api.http.late_routes import Router
from models import Campaign, Petition
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.organisations import faces, organisations
from services.submissions import ending
from web.base.rendering import page, see_other

router = Router()


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

    `petition` or `campaign` is a slug. Redirects to the page that says so.
    """
    lobby.tokens.read(Purpose.DISOWN, token)
    address_id = lobby.tokens.read(Purpose.LIFT_REFUSAL, address)
    refused = _refused(session, petition, campaign)
    with lobby.database.write(is_public=False) as writing:
        ending.lift_refusal(writing, refused.id, address_id)
    about = {"petition": petition} if petition else {"campaign": campaign}
    return see_other(f"/disown/{token}/undone?{urlencode(about)}")


@router.get("/disown/{token}/undone")
def show_lifted(
    token: str, lobby: TheLobby, session: ReadSession, petition: str = "", campaign: str = ""
) -> Response:
    """Says that emails go to the address again. The address itself is named nowhere."""
    lobby.tokens.read(Purpose.DISOWN, token)
    refused = _refused(session, petition, campaign)
    organisation = organisations.get(session, refused.organisation_id)
    return page(
        "signatures/refusal_lifted.html",
        session,
        is_private=True,
        face=faces.of_organisation(session, organisation),
        refused=refused,
        is_petition=bool(petition),
    )


def _refused(session: Session, petition: str, campaign: str) -> Petition | Campaign:
    if petition:
        return petitions.public(session, petition)
    return campaigns.public(session, campaign)
