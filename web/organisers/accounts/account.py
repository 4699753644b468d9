"""An organiser's own account: the password, the second step, and where they are signed in."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response
from pydantic import BaseModel

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from models import AccountEventKind
from services.accounts import changes, record, recovery_codes, second_steps, sessions
from services.errors import Invalid, Limited
from services.organisations import organisations, organisers
from web.base import forms
from web.base.desk import Desk, ViewerDesk
from web.base.rendering import see_other
from web.organisers.accounts import cookies, password_again

HOME = "/organiser/account"
LINES = 20
DONE = {
    "password": "Your password is changed. Your other devices are signed out.",
    "ended": "That device is signed out.",
    "others": "All your other devices are signed out.",
}
router = Router()


class PasswordFields(BaseModel):
    """The fields as sent: the old password, and the new one."""

    old_password: str = ""
    password: str = ""


@router.get(HOME)
def show_account(desk: ViewerDesk, session: ReadSession, now: Now, done: str = "") -> Response:
    """Shows the account of the organiser who is signed in."""
    step = second_steps.since(session, desk.organiser.id)
    return desk.page(
        "organisers/accounts/account.html",
        done=DONE.get(done, ""),
        second_step_since=step,
        codes_left=recovery_codes.count(session, desk.organiser.id) if step else 0,
        sessions=sessions.of_organiser(session, desk.organiser.id, now=now),
        events=record.of_organiser(session, desk.organiser.id, limit=LINES),
        now=now,
    )


@router.get(f"{HOME}/password")
def ask_for_password(desk: ViewerDesk) -> Response:
    """Asks for the old and the new password."""
    return _password_page(desk, forms.Form(), status=200)


@router.post(f"{HOME}/password")
def change_password(
    fields: Annotated[PasswordFields, Form()], desk: ViewerDesk, lobby: TheLobby, request: Request
) -> Response:
    """Changes the password, which signs out all other devices."""
    form = forms.Form(fields.model_dump())
    try:
        missing = password_again.ON_ACCOUNT
        password_again.check(form, request, desk, field="old_password", missing=missing)
        form.finish()
        password_hash = organisations.hash_password(
            fields.password, email=desk.organiser.email.text, organisation=desk.organisation
        )
        with lobby.database.write(is_public=False) as session:
            changes.change_password(
                session,
                organisers.get(session, desk.organiser.id),
                password_hash,
                session_id=desk.session_id,
                device=cookies.device_of(request),
                now=lobby.clock(),
            )
    except (Invalid, Limited) as error:
        return password_again.refused(form, error, partial(_password_page, desk, form))
    return see_other(f"{HOME}?done=password")


@router.post(f"{HOME}/sessions/end")
def end_others(desk: ViewerDesk, lobby: TheLobby) -> Response:
    """Signs out all other devices."""
    with lobby.database.write(is_public=False) as session:
        sessions.end_all(session, desk.organiser.id, but=desk.session_id)
        record.note(
            session,
            AccountEventKind.SESSION_ENDED,
            organisation_id=desk.organisation_id,
            now=lobby.clock(),
            organiser=desk.organiser,
            detail="all other devices",
        )
    return see_other(f"{HOME}?done=others")


@router.post(f"{HOME}/sessions/{{session_id}}/end")
def end_one(session_id: UUID, desk: ViewerDesk, lobby: TheLobby) -> Response:
    """Signs out one device. One that has signed out already, or is somebody else's, stays so."""
    with lobby.database.write(is_public=False) as session:
        found = sessions.of_organiser(session, desk.organiser.id, now=lobby.clock())
        if ended := next((row for row in found if row.id == session_id), None):
            record.note(
                session,
                AccountEventKind.SESSION_ENDED,
                organisation_id=desk.organisation_id,
                now=lobby.clock(),
                organiser=desk.organiser,
                detail=ended.device,
            )
            sessions.end(session, desk.organiser.id, session_id)
    return see_other(f"{HOME}?done=ended")


def _password_page(desk: Desk, form: forms.Form, *, status: int) -> Response:
    return desk.page("organisers/accounts/password.html", status=status, form=form)
