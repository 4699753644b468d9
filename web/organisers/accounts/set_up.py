"""The first set-up: an organisation and its owner, on a database that has no organisation.

`lobby serve` prints the link. Without it, and once there is an organisation, the page isn't there.
"""

from dataclasses import replace
from typing import Annotated

from fastapi import Form, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.answers.state import state_of
from api.http.dependencies import ReadSession, TheLobby
from api.http.late_routes import Router
from services.accounts import first_owner
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from services.organisations import password_rules
from web.base import forms
from web.base.rendering import page
from web.organisers.accounts import ways_in

EXPIRED = "This link has expired. Start `lobby serve` again to get a new one."
MISSING = {
    "name": "Enter the name of your organisation.",
    "slug": "Choose a short name.",
    "email": "Enter your email address.",
    "password": "Choose a password.",
}
router = Router()


class SetUpFields(BaseModel):
    """The fields as sent."""

    name: str = ""
    slug: str = ""
    email: str = ""
    password: str = ""
    form_token: str = ""


@router.get("/set-up/{token}")
def ask_for_first_owner(
    token: str, request: Request, lobby: TheLobby, session: ReadSession
) -> Response:
    """Shows the form, to somebody with the link."""
    _require_link(lobby, token)
    if not first_owner.is_needed(session):
        raise _not_here()
    return _page(request, session, forms.Form())


@router.post("/set-up/{token}")
def set_up(
    token: str,
    fields: Annotated[SetUpFields, Form()],
    request: Request,
    lobby: TheLobby,
    session: ReadSession,
) -> Response:
    """Makes the organisation and its owner, and signs the owner in."""
    _require_link(lobby, token)
    try:
        return _make(request, fields)
    except (Forbidden, Invalid) as error:
        if error.code == "other_site":
            raise
        form = forms.Form(fields.model_dump())
        form.note(_named(error, form))
        status = 422 if isinstance(error, Invalid) else 403
        return _page(request, session, form, status=status)
    except Conflict:
        template = "organisers/accounts/set_up_already.html"
        return page(template, session, status=409, is_private=True)


def _make(request: Request, fields: SetUpFields) -> Response:
    ways_in.require_own_form(request, fields.form_token)
    lobby = state_of(request).lobby
    now = lobby.clock()
    with lobby.database.read() as session:  # nobody hashes a password where it is too late
        if not first_owner.is_needed(session):
            raise Conflict("set_up_already", "Somebody has set up this service.")
    first = first_owner.check(
        name=fields.name,
        slug=fields.slug.strip(),
        email=fields.email,
        password=fields.password,
        now=now,
    )
    with lobby.database.write() as session:
        organiser = first_owner.make(session, lobby.keyring, first, now=now)
        return ways_in.begin(request, session, organiser)


def _named(error: Forbidden | Invalid, form: forms.Form) -> Forbidden | Invalid:
    """Returns the error with a message of its own for each field that is empty."""
    if isinstance(error, Forbidden):
        return error
    fields = tuple(
        item if form.value(item.field).strip() else replace(item, message=MISSING[item.field])
        for item in error.fields
    )
    return Invalid(error.code, error.message, fields)


def _require_link(lobby: Lobby, token: str) -> None:
    """Raises NotFound without a link of ours, and Gone for one of more than a day ago."""
    try:
        lobby.tokens.read(Purpose.SET_UP, token)
    except Gone as error:
        raise Gone("set_up_link_expired", EXPIRED) from error
    except Invalid as error:
        raise _not_here() from error


def _not_here() -> NotFound:
    return NotFound("page_unknown", "There is no such page.")


def _page(request: Request, session: Session, form: forms.Form, *, status: int = 200) -> Response:
    template = "organisers/accounts/first_set_up.html"
    return ways_in.form_page(
        request, session, template, status=status, form=form, shortest=password_rules.MINIMUM
    )
