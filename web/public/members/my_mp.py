"""Has my MP signed? The MP of a postcode, and what they did about every open campaign."""

from typing import Annotated

from fastapi import Form, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from services.errors import Invalid
from services.organisations import faces
from services.views import member_campaigns
from web.base import forms, stands
from web.base.rendering import page, see_other
from web.public.members import postcodes

PATH = "/my-mp"
router = Router()


@router.get(PATH)
def ask_for_postcode(session: ReadSession) -> Response:
    """Shows the form alone: the one of the home page posts here too."""
    return _ask(session, forms.Form())


@router.post(PATH)
def find_mp(
    session: ReadSession, lobby: TheLobby, postcode: Annotated[str, Form()] = ""
) -> Response:
    """Redirects to the MP of a postcode: in the campaign, where one is open, or in all of them."""
    form = forms.Form({"postcode": postcode})
    try:
        code = postcodes.constituency_code(form, lobby)
    except Invalid as error:
        form.note(error)
        return _ask(session, form, status=422)
    found = member_campaigns.open_with_motion(session, limit=2)
    if len(found) == 1:
        campaign, _ = found[0]
        return see_other(f"/campaigns/{campaign.slug}/constituencies/{code}")
    return see_other(f"{PATH}/{code}")


@router.get(PATH + "/{code}")
def show_mp(code: str, session: ReadSession, now: Now) -> Response:
    """Shows the MP of a constituency, and whether they have signed each campaign's motion."""
    shown = member_campaigns.of_seat(session, code, now=now)
    return page(
        "public/members/my_mp.html",
        session,
        face=faces.of_only_organisation(session),
        shown=shown,
        stand_of=stands.of_position,
    )


def _ask(session: Session, form: forms.Form, *, status: int = 200) -> Response:
    return page(
        "public/members/find_my_mp.html",
        session,
        status=status,
        is_private=status != 200,
        face=faces.of_only_organisation(session),
        form=form,
    )
