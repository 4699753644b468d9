"""The count of letters that their writers sent from their own email."""

from typing import Annotated

from fastapi import Form, Response
from pydantic import BaseModel

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from services.campaigns import campaigns
from services.letters import opened
from services.organisations import faces
from services.postcodes import directory
from web.base import forms
from web.base.rendering import page, see_other
from web.public import letter_forms

router = Router()


class OpenedFields(BaseModel):
    """The fields as sent. `opened` is the token of the letter that the page showed."""

    postcode: str = ""
    opened: str = ""


@router.post("/campaigns/{slug}/letters/opened")
def count_opened(
    slug: Slug, fields: Annotated[OpenedFields, Form()], lobby: TheLobby, now: Now
) -> Response:
    """Counts a letter that its writer opened in their own email program."""
    form = forms.Form(fields.model_dump())
    postcode = form.check("postcode", directory.normalise, missing="Enter your postcode.")
    form.finish()
    with lobby.database.write() as writing:
        campaign = campaigns.public(writing, slug)
        opened.count(
            writing,
            letter_forms.situation_of(writing, lobby, campaign, postcode, now),
            fields.opened,
            tokens=lobby.tokens,
            keyring=lobby.keyring,
            now=now,
        )
    return see_other(f"/campaigns/{slug}/letters/opened")


@router.get("/campaigns/{slug}/letters/opened")
def thank_for_opened(slug: Slug, session: ReadSession) -> Response:
    """Shows the same page to everybody, so that it says nothing about who has written before."""
    campaign = campaigns.public(session, slug)
    face = faces.of_campaign(session, campaign)
    return page("letters/opened.html", session, face=face, campaign=campaign)
