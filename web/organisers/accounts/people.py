"""The people of an organisation: who works here, with which role, and who is invited."""

from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Form, Query, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from models import Organiser, Role
from services.accounts import invitations, people
from services.assembly import Lobby
from services.common import texts
from services.errors import Conflict, Invalid, Limited
from services.organisations import organisers
from services.webhooks import leaving, responsible
from web.base import forms
from web.base.desk import Desk, OwnerDesk, ViewerDesk
from web.base.rendering import see_other
from web.organisers.accounts import password_again

PATH = "/organiser/people"
ROLES = {
    Role.OWNER: "Owner: can do everything, and decides who else works here",
    Role.EDITOR: "Editor: writes campaigns, letters and news, and can pause letters",
    Role.VIEWER: "Viewer: sees campaigns, MPs and numbers, and changes nothing",
}
NOTICES = {
    "invited": "We’ll email them a link. It works for 7 days.",
    "again": "We’ll email them a new link. It works for 7 days, and the earlier one doesn’t.",
    "withdrawn": "The invitation is withdrawn. Its link doesn’t work any more.",
    "role": "The role is changed.",
    "removed": "They’re removed, and signed out everywhere.",
}
LAST_OWNER = "This is your only owner. Make somebody else an owner first."
YOURSELF = "You can’t remove yourself. Ask another owner to do it."
Done = Annotated[str, Query(max_length=20)]
router = Router()


class InvitationFields(BaseModel):
    """The fields as sent."""

    email: str = ""
    role: str = ""
    password: str = ""


class RoleFields(BaseModel):
    """The fields as sent."""

    role: str = ""
    password: str = ""


class RemovalFields(BaseModel):
    """The field as sent."""

    password: str = ""


@router.get(PATH)
def list_people(desk: ViewerDesk, session: ReadSession, now: Now, done: Done = "") -> Response:
    """Lists names and roles. Owners also see second steps, visits and invitations."""
    return _list_page(desk, session, now, notice=NOTICES.get(done))


@router.get(f"{PATH}/invite")
def ask_whom_to_invite(desk: OwnerDesk) -> Response:
    """Shows an empty form."""
    return _invite_page(desk, forms.Form({"role": Role.EDITOR}))


@router.post(f"{PATH}/invite")
def invite(
    fields: Annotated[InvitationFields, Form()],
    request: Request,
    desk: OwnerDesk,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Invites somebody. The answer is the same for an address that has an account here."""
    form = forms.Form(fields.model_dump())
    form.check("email", texts.email_address, missing="Enter their email address.")
    try:
        role = _checked_role(form, request, desk)
        with lobby.database.write(is_public=False) as writing:
            invitations.invite(
                writing, lobby.keyring, by=desk.organiser, email=fields.email, role=role, now=now
            )
    except (Invalid, Limited) as error:
        return password_again.refused(form, error, partial(_invite_page, desk, form))
    return see_other(f"{PATH}?done=invited")


@router.post(PATH + "/invitations/{invitation_id}/again")
def send_again(
    invitation_id: UUID, desk: OwnerDesk, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Sends an invitation again, with a new link that lasts seven days."""
    try:
        with lobby.database.write(is_public=False) as writing:
            found = invitations.own(writing, invitation_id, organisation_id=desk.organisation_id)
            invitations.send_again(writing, lobby.keyring, found, by=desk.organiser, now=now)
    except Limited as error:
        return _list_page(desk, session, now, problem=error.message, status=429)
    return see_other(f"{PATH}?done=again")


@router.post(PATH + "/invitations/{invitation_id}/withdraw")
def withdraw(invitation_id: UUID, desk: OwnerDesk, lobby: TheLobby, now: Now) -> Response:
    """Withdraws an invitation."""
    with lobby.database.write(is_public=False) as writing:
        found = invitations.own(writing, invitation_id, organisation_id=desk.organisation_id)
        invitations.withdraw(writing, found, by=desk.organiser, now=now)
    return see_other(f"{PATH}?done=withdrawn")


@router.get(PATH + "/{organiser_id}/role")
def ask_for_role(organiser_id: UUID, desk: OwnerDesk, session: ReadSession) -> Response:
    """Shows the roles, with the present one chosen."""
    person = people.own(session, organiser_id, organisation_id=desk.organisation_id)
    return _role_page(desk, person, forms.Form({"role": person.role}))


@router.post(PATH + "/{organiser_id}/role")
def change_role(
    organiser_id: UUID,
    fields: Annotated[RoleFields, Form()],
    request: Request,
    desk: OwnerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Changes a role from the next click on."""
    form = forms.Form(fields.model_dump())
    try:
        role = _checked_role(form, request, desk)
        with lobby.database.write(is_public=False) as writing:
            person = people.own(writing, organiser_id, organisation_id=desk.organisation_id)
            people.change_role(writing, person, role, by=desk.organiser, now=now)
    except (Conflict, Invalid, Limited) as error:
        person = people.own(session, organiser_id, organisation_id=desk.organisation_id)
        page = partial(_role_page, desk, person, form)
        return password_again.refused(form, _as_field_error(error, "role"), page)
    return see_other(f"{PATH}?done=role")


@router.get(PATH + "/{organiser_id}/remove")
def ask_to_remove(organiser_id: UUID, desk: OwnerDesk, session: ReadSession) -> Response:
    """Says what removing a person does, with a button."""
    person = people.own(session, organiser_id, organisation_id=desk.organisation_id)
    return _removal_page(desk, session, person, forms.Form())


@router.post(PATH + "/{organiser_id}/remove")
def remove(
    organiser_id: UUID,
    fields: Annotated[RemovalFields, Form()],
    request: Request,
    desk: OwnerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Removes a person. Who removes them takes over their webhooks."""
    form = forms.Form(fields.model_dump())
    try:
        password_again.check(form, request, desk)
        form.finish()
        _remove(lobby, desk, organiser_id, now)
    except (Conflict, Invalid, Limited) as error:
        person = people.own(session, organiser_id, organisation_id=desk.organisation_id)
        page = partial(_removal_page, desk, session, person, form)
        return password_again.refused(form, _as_field_error(error, "password"), page)
    return see_other(f"{PATH}?done=removed")


def _remove(lobby: Lobby, desk: Desk, organiser_id: UUID, now: datetime) -> None:
    if organiser_id == desk.organiser.id:
        raise Conflict("yourself", YOURSELF)
    with lobby.database.write(is_public=False) as session:
        person = people.own(session, organiser_id, organisation_id=desk.organisation_id)
        me = organisers.acting_owner(session, desk.organiser)
        leaving.remove(session, person, by=me, webhooks_to=me, now=now)


def _as_field_error(error: Conflict | Invalid | Limited, field: str) -> Invalid | Limited:
    """Shows a refusal beside a field, in words for the desk."""
    if not isinstance(error, Conflict):
        return error
    message = LAST_OWNER if error.code == "last_owner" else error.message
    return Invalid.field(field, error.code, message)


def _checked_role(form: forms.Form, request: Request, desk: Desk) -> Role:
    """Returns the role that was chosen; raises Invalid with all that is wrong."""
    form.check("role", _known_role, missing="Choose a role.")
    password_again.check(form, request, desk)
    form.finish()
    return Role(form.value("role"))


def _known_role(text: str) -> str:
    if text not in list(Role):
        raise Invalid.field("role", "role_unknown", "Choose a role.")
    return text


def _list_page(
    desk: Desk,
    session: Session,
    now: datetime,
    *,
    notice: str | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    listed = people.of_organisation(session, desk.organisation_id)
    waiting = invitations.of_organisation(session, desk.organisation_id) if desk.is_owner else []
    return desk.page(
        "organisers/accounts/people.html",
        status=status,
        people=listed,
        invitations=waiting,
        accounts={each.organiser.email_index for each in listed},
        now=now,
        notice=notice,
        problem=problem,
    )


def _invite_page(desk: Desk, form: forms.Form, *, status: int = 200) -> Response:
    template = "organisers/accounts/invite.html"
    return desk.page(template, status=status, form=form, roles=ROLES)


def _role_page(desk: Desk, person: Organiser, form: forms.Form, *, status: int = 200) -> Response:
    return desk.page(
        "organisers/accounts/role.html",
        status=status,
        person=person,
        form=form,
        roles=ROLES,
    )


def _removal_page(
    desk: Desk, session: Session, person: Organiser, form: forms.Form, *, status: int = 200
) -> Response:
    return desk.page(
        "organisers/accounts/remove.html",
        status=status,
        person=person,
        form=form,
        webhooks=len(responsible.of_organiser(session, person)),
    )
