"""The style guide: every component on one page, shown to browsers on this machine only."""

from fastapi import APIRouter, Request, Response

from api.http.dependencies import TheLobby
from services.errors import FieldError, NotFound
from services.organisations.faces import Face
from services.parliament.standing import Eligibility, Standing
from web.base import stands
from web.base.forms import Form
from web.base.local import is_on_this_machine
from web.base.rendering import page
from web.base.sharing import ShareLinks

router = APIRouter()
_STANDS = (
    (Standing.SIGNED, Eligibility.CAN_SIGN),
    (Standing.NOT_SIGNED, Eligibility.CAN_SIGN),
    (Standing.WITHDRAWN, Eligibility.CAN_SIGN),
    (Standing.NOT_SIGNED, Eligibility.CONVENTION),
    (Standing.NOT_SIGNED, Eligibility.CANNOT),
    (Standing.NOT_SIGNED, Eligibility.REFUSES),
)


@router.get("/styleguide")
def style_guide(request: Request, lobby: TheLobby, colour: str = "") -> Response:
    """Shows every component, in the colour `?colour=005eb8` or in the default one."""
    if not is_on_this_machine(request, lobby.settings):
        raise NotFound("page_unknown", "This page is for developers on their own machine.")
    form = Form({"name": "Anna", "wrong_email": "anna@", "updates": "yes"})
    form.problems = (
        FieldError("wrong_email", "email_malformed", "Enter an email address"),
        FieldError("wrong_choice", "choice_missing", "Choose yes or no"),
    )
    return page(
        "public/style_guide.html",
        None,
        is_private=True,
        face=_face(f"#{colour}" if colour else None),
        form=form,
        stands=[stands.of_member("Morag Ferncastle", *pair) for pair in _STANDS],
        links=ShareLinks("https://example.org/campaigns/example", "Stop the sale"),
        # Any picture shows how one is laid out.
        logo="/static/icon.svg",
    )


def _face(colour: str | None) -> Face:
    return Face(
        slug="example",
        name="Example Alliance",
        is_demonstration=False,
        website="https://example.org",
        brand_colour=colour,
        registration="registered charity 1234567",
        postal_address=None,
        contact_email=None,
        logo=None,
    )
