"""Pages on which organisers make API keys, each shown once, and revoke them.

A key is never in a URL or a log, and no page can show it again. The form carries a token with the
id of the key that it will make: a form that is sent twice, such as by reloading the page, makes no
second key, and the page says so.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Form, Request, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from api.http.dependencies import KeyPrefix, Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import PARTNER_SCOPES, Organiser, Scope
from models.base import new_id
from services.assembly import Lobby
from services.campaigns import petitions
from services.common import texts
from services.common.tokens import Purpose
from services.errors import Conflict, Gone, Invalid, Limited
from services.keys import api_keys, key_views
from services.keys.key_views import KeyState
from services.organisations import organisations, partners
from web.base import forms
from web.base.desk import Desk, OwnerDesk
from web.base.rendering import see_other
from web.organisers import key_words
from web.organisers.accounts import password_again

LIST = "/organiser/partners"
NO_NAME = "Say where the key will be used."
NO_SCOPE = "Tick at least one thing that the key may do."
OLD_FORM = "This form was open for too long. Nothing is lost: press the button again."
log = structlog.get_logger()
router = Router()


class KeyFields(BaseModel):
    """The fields as sent. `form` is the token with the key's id; no petition means all of them."""

    form: str = ""
    partner: Slug | None = None
    name: str = ""
    scope: list[str] = Field(default_factory=list)
    petition: list[Slug] = Field(default_factory=list)
    expires: str = ""
    password: str = ""


@router.get("/organiser/keys/new")
def ask_for_key(
    desk: OwnerDesk, lobby: TheLobby, session: ReadSession, partner: Slug | None = None
) -> Response:
    """Shows the form for a key of the organisation, or of one of its partners."""
    token = lobby.tokens.issue(Purpose.NEW_KEY, new_id())
    form = forms.Form({"form": token, "partner": partner})
    return _form_page(session, desk, form, partner)


@router.post("/organiser/keys/new")
def make_key(
    fields: Annotated[KeyFields, Form()],
    request: Request,
    desk: OwnerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Makes a key and shows it, this once."""
    form = forms.Form(fields.model_dump())
    try:
        key_id = _key_id_of(form, lobby)
        name, expires_at = _checked(form, request, desk, now)
        key = _create_key(fields, name, expires_at, key_id, desk.organiser, lobby, now)
    except (Invalid, Limited) as error:
        page = partial(_form_page, session, desk, form, fields.partner)
        return password_again.refused(form, error, page)
    except Conflict:  # the id is taken: `_create_key` raises other conflicts as Invalid
        return _made_already_page(session, desk, key_id)
    log.info("key_made", key_id=str(key_id), by=f"organiser {desk.organiser.id}")
    view = key_views.by_id(session, key_id, organisation_id=desk.organisation_id)
    base_url = lobby.settings.base_url
    return desk.page(
        "organisers/made_key.html",
        key=key,
        view=view,
        example=key_words.example_command(
            view, _example_petition(session, desk.organiser, fields.petition, now), base_url
        ),
    )


@router.get("/organiser/keys/{prefix}/revoke")
def ask_to_revoke(prefix: KeyPrefix, desk: OwnerDesk, session: ReadSession, now: Now) -> Response:
    """Says what revoking the key does, with a button."""
    view = key_views.own(session, prefix, organisation_id=desk.organisation_id)
    is_live = view.state(now) is KeyState.LIVE
    return desk.page("organisers/revoke_key.html", view=view, is_live=is_live)


@router.post("/organiser/keys/{prefix}/revoke")
def revoke_key(prefix: KeyPrefix, desk: OwnerDesk, lobby: TheLobby) -> Response:
    """Revokes a key of the organisation or of a partner. Repeating it changes nothing."""
    organisation_id = desk.organisation_id
    with lobby.database.write(is_public=False) as session:
        key = api_keys.revoke(session, prefix, now=lobby.clock(), organisation_id=organisation_id)
    log.info("key_revoked", key_id=str(key.id), by=f"organiser {desk.organiser.id}")
    return see_other(f"{LIST}?done=revoked")


def _key_id_of(form: forms.Form, lobby: Lobby) -> UUID:
    """Reads the id of the key to make from the form's token.

    With an expired or invalid token, the form gets a new one before Invalid is raised, so that the
    values typed can be sent again.
    """
    try:
        return lobby.tokens.read(Purpose.NEW_KEY, form.value("form"))
    except (Gone, Invalid) as error:
        form.put(form=lobby.tokens.issue(Purpose.NEW_KEY, new_id()))
        raise Invalid("form_too_old", OLD_FORM) from error


def _create_key(
    fields: KeyFields,
    name: str,
    expires_at: datetime | None,
    key_id: UUID,
    organiser: Organiser,
    lobby: Lobby,
    now: datetime,
) -> str:
    """Returns the new key. Invalid with all problems; Conflict where this form has made one."""
    try:
        with lobby.database.write(is_public=False) as session:
            return api_keys.create(
                session,
                organisation=organisations.get(session, organiser.organisation_id),
                partner_slug=fields.partner,
                name=name,
                scopes=fields.scope,
                petition_slugs=fields.petition,
                expires_at=expires_at,
                key_id=key_id,
                now=now,
            )
    except Conflict as error:
        if error.code == "too_many_live_keys":
            raise Invalid.field("name", error.code, error.message) from error
        raise


def _checked(
    form: forms.Form, request: Request, desk: Desk, now: datetime
) -> tuple[str, datetime | None]:
    """Returns the name and the expiry, or raises Invalid with all problems.

    A key made here needs a name: at most two keys of one name are live, so that one can replace
    the other.
    """
    line = partial(texts.line, field="name", longest=api_keys.LONGEST_NAME)
    name = form.check("name", line, missing=NO_NAME)
    form.check("scope", _at_least_one, missing=NO_SCOPE)
    day = form.value("expires").strip()
    if day:
        form.check("expires", partial(_last_day, now), missing="")
    password_again.check(form, request, desk)
    form.finish()
    return name, api_keys.end_of_day(day) if day else None


def _at_least_one(ticked: str) -> str:
    if not ticked:
        raise Invalid.field("scope", "too_short", NO_SCOPE)
    return ticked


def _last_day(now: datetime, text: str) -> str:
    if api_keys.end_of_day(text.strip()) <= now:
        raise Invalid.field("expires", "in_the_past", "The last day is past.")
    return text


def _made_already_page(session: Session, desk: Desk, key_id: UUID) -> Response:
    """Says that the form was sent before, without showing its key again."""
    view = key_views.by_id(session, key_id, organisation_id=desk.organisation_id)
    return desk.page("organisers/made_already.html", status=409, view=view)


def _form_page(
    session: Session,
    desk: Desk,
    form: forms.Form,
    partner_slug: str | None,
    *,
    status: int = 200,
) -> Response:
    organisation_id = desk.organisation_id
    partner = None
    if partner_slug is not None:
        partner = partners.own(session, partner_slug, organisation_id=organisation_id)
    scopes = [scope for scope in Scope if partner is None or scope in PARTNER_SCOPES]
    return desk.page(
        "organisers/new_key.html",
        status=status,
        form=form,
        partner=partner,
        organisation=desk.organisation,
        scopes={scope.value: key_words.scope_texts(partner_slug)[scope] for scope in scopes},
        petitions={
            petition.slug: petition.action
            for petition in petitions.of_organisation(session, organisation_id)
        },
    )


def _example_petition(
    session: Session, organiser: Organiser, slugs: Sequence[str], now: datetime
) -> str | None:
    """Returns the slug of a petition that the key may use, for the example."""
    if slugs:
        return slugs[0]
    open_petitions = petitions.open_of(session, organiser.organisation_id, now=now)
    return open_petitions[0].slug if open_petitions else None
