"""The page behind the link of an invitation, on which an account is made.

Whoever has the link has the mailbox, so that the address needs no other proof.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.answers.state import state_of
from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from services.accounts import invitations
from services.accounts.invitations import OpenInvitation
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.errors import Conflict, Forbidden, Gone, Invalid
from services.organisations import faces, organisations, password_rules
from web.base import forms
from web.base.rendering import page
from web.organisers.accounts import ways_in
from web.organisers.accounts.people import ROLES

router = Router()


class PasswordFields(BaseModel):
    """The fields as sent."""

    password: str = ""
    form_token: str = ""


@router.get("/invitation/{token}")
def show_invitation(
    token: str, request: Request, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Shows who invites whom as what, with a field for a password."""
    try:
        found = _usable(session, lobby, token, now)
    except Gone as error:
        return _ended_page(session, lobby, token, error)
    return _page(request, session, found, forms.Form())


@router.post("/invitation/{token}")
def accept_invitation(
    token: str,
    fields: Annotated[PasswordFields, Form()],
    request: Request,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Makes the account and signs the person in."""
    try:
        with lobby.database.read() as reading:  # nobody hashes a password without a good link
            found = _usable(reading, lobby, token, now)
        return _accept(request, found, fields)
    except (Forbidden, Invalid) as error:
        if error.code in ("other_site", "token_invalid"):
            raise
        form = forms.Form()
        form.note(error)
        status = 422 if isinstance(error, Invalid) else 403
        return _page(request, session, found, form, status=status)
    except Conflict as error:  # Gone is one
        return _ended_page(session, lobby, token, error)


def _accept(request: Request, found: OpenInvitation, fields: PasswordFields) -> Response:
    ways_in.require_own_form(request, fields.form_token)
    lobby, email = state_of(request).lobby, found.invitation.email.text
    password_hash = organisations.hash_password(
        fields.password, email=email, organisation=found.organisation
    )
    with lobby.database.write(is_public=False) as session:
        organiser = invitations.accept(
            session,
            lobby.keyring,
            found.invitation.id,
            password_hash=password_hash,
            now=lobby.clock(),
        )
        return ways_in.begin(request, session, organiser)


def _usable(session: Session, lobby: Lobby, token: str, now: datetime) -> OpenInvitation:
    invitation_id = lobby.tokens.read(Purpose.INVITATION, token)
    return invitations.usable(session, invitation_id, now=now)


def _page(
    request: Request,
    session: Session,
    found: OpenInvitation,
    form: forms.Form,
    *,
    status: int = 200,
) -> Response:
    return ways_in.form_page(
        request,
        session,
        "organisers/accounts/invitation.html",
        status=status,
        face=faces.of_organisation(session, found.organisation),
        invitation=found.invitation,
        organisation=found.organisation,
        can_do=ROLES[found.invitation.role],
        shortest=password_rules.MINIMUM,
        form=form,
    )


def _ended_page(session: Session, lobby: Lobby, token: str, error: Conflict) -> Response:
    """Says what the link was about: the token names the organisation."""
    _, bound_to = lobby.tokens.read_expired(Purpose.INVITATION, token)
    organisation = organisations.get(session, UUID(bytes=bound_to)) if bound_to else None
    return page(
        "organisers/accounts/invitation_ended.html",
        session,
        status=409 if error.code == "account_exists" else 410,
        is_private=True,
        face=faces.of_organisation(session, organisation) if organisation else None,
        organisation=organisation,
        code=error.code,
    )
