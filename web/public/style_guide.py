"""The style guide: every component on one page, shown to browsers on this machine only."""

from fastapi import APIRouter, Request, Response

from api.http.dependencies import TheLobby
from services.errors import FieldError, NotFound
from services.organisations import brand_colours
from services.organisations.faces import Face
from services.parliament.standing import Eligibility, Standing
from services.pictures.pictures import ShownPicture
from web.base import stands
from web.base.forms import Form
from web.base.local import is_on_this_machine
from web.base.rendering import page
from web.base.sharing import ShareLinks

_EXAMPLE, _ICON = "#005eb8", "/static/icon.svg"
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
def style_guide(request: Request, lobby: TheLobby, colour: str = "", of: str = "") -> Response:
    """Shows every component, in the colour `?colour=005eb8` or in the default one.

    Those that only organisers see are on a page with their own style sheet, `?of=desk`.
    """
    if not is_on_this_machine(request, lobby.settings):
        raise NotFound("page_unknown", "This page is for developers on their own machine.")
    return _of_desk() if of == "desk" else _of_public_pages(colour)


def _of_public_pages(colour: str) -> Response:
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
        logo=_ICON,
    )


def _of_desk() -> Response:
    form = Form({"purpose": "What you typed", "nations": ["Wales"]})
    form.theirs = {"purpose": "What your colleague typed"}
    form.problems = (FieldError("wrong_file", "file_unreadable", "Choose another file"),)
    return page(
        "public/style_guide_desk.html",
        None,
        is_private=True,
        face=_face(None),
        form=form,
        palette=brand_colours.light(_EXAMPLE),
        contrast=brand_colours.contrast_on_button(_EXAMPLE),
        example=ShownPicture(_ICON, f"{_ICON} 390w", 390, 260, "An icon", "Picture: us"),
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
