"""Keys at the organisers' desk: making one, which is shown once, and revoking one.

A key stands in no address and in no log, and no page can show it again. The form has a token of the
row that its key will be: whatever sends it a second time, such as a page that is loaded again, is
told so and makes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Form, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from api.http.dependencies import KeyPrefix, Now, ReadSession, Slug, TheLobby
from models import PARTNER_SCOPES, Organiser, Scope
from models.base import new_id
from services.assembly import Lobby
from services.campaigns import petitions
from services.common import texts
from services.common.tokens import Purpose
from services.errors import Conflict, Gone, Invalid
from services.keys import api_keys, key_views
from services.keys.key_views import KeyState
from services.organisations import organisations, partners
from web.base import forms
from web.base.dependencies import AtDesk
from web.base.rendering import page, see_other
from web.organisers import key_words

LIST = "/organiser/partners"
NO_NAME = "Say where the key will be used."
NO_SCOPE = "Tick at least one thing that the key may do."
OLD_FORM = "This form was open for too long. Nothing is lost: press the button again."
log = structlog.get_logger()
router = APIRouter()


class KeyFields(BaseModel):
    """The form as it comes. `form` is the token by which it makes one key; no petitions are all."""

    form: str = ""
    partner: Slug | None = None
    name: str = ""
    scope: list[str] = Field(default_factory=list)
    petition: list[Slug] = Field(default_factory=list)
    expires: str = ""
    password: str = ""


@router.get("/organiser/keys/new")
def ask_for_key(
    organiser: AtDesk, lobby: TheLobby, session: ReadSession, partner: Slug | None = None
) -> Response:
    """A form for a key of the organisation's own, or of a partner."""
    token = lobby.tokens.issue(Purpose.NEW_KEY, new_id())
    form = forms.Form({"form": token, "partner": partner})
    return _ask(session, organiser, form, partner)


@router.post("/organiser/keys/new")
def make_key(
    fields: Annotated[KeyFields, Form()],
    organiser: AtDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Make a key and show it, this once."""
    form = forms.Form(fields.model_dump())
    try:
        key_id = _row_of(form, lobby)
        key = _made(fields, form, key_id, organiser, lobby, now)
    except Invalid as error:
        form.note(error)
        return _ask(session, organiser, form, fields.partner, status=422)
    except Conflict:  # of the token: what else is, `_made` tells as Invalid
        return _told_already(session, key_id, organiser)
    log.info("key_made", key_id=str(key_id), by=f"organiser {organiser.id}")
    view = key_views.by_id(session, key_id, organisation_id=organiser.organisation_id)
    base_url = lobby.settings.base_url
    return page(
        "organisers/made_key.html",
        session,
        is_private=True,
        key=key,
        view=view,
        example=key_words.example(
            view, _example_petition(session, organiser, fields.petition, now), base_url
        ),
    )


@router.get("/organiser/keys/{prefix}/revoke")
def ask_to_revoke(prefix: KeyPrefix, organiser: AtDesk, session: ReadSession, now: Now) -> Response:
    """What revoking does, before it is done."""
    view = key_views.own(session, prefix, organisation_id=organiser.organisation_id)
    is_live = view.state(now) is KeyState.LIVE
    return page("organisers/revoke_key.html", session, is_private=True, view=view, is_live=is_live)


@router.post("/organiser/keys/{prefix}/revoke")
def revoke_key(prefix: KeyPrefix, organiser: AtDesk, lobby: TheLobby) -> Response:
    """End a key of the organisation or of a partner. Again: the same."""
    owner = organiser.organisation_id
    with lobby.database.write(is_public=False) as session:
        ended = api_keys.revoke(session, prefix, now=lobby.clock(), organisation_id=owner)
    log.info("key_revoked", key_id=str(ended.id), by=f"organiser {organiser.id}")
    return see_other(f"{LIST}?done=revoked")


def _row_of(form: forms.Form, lobby: Lobby) -> UUID:
    """Of the key that the form is to make. Where its token is too old or none, the form gets a new
    one, and Invalid says so: nothing typed is lost."""
    try:
        return lobby.tokens.read(Purpose.NEW_KEY, form.value("form"))
    except (Gone, Invalid) as error:
        form.put(form=lobby.tokens.issue(Purpose.NEW_KEY, new_id()))
        raise Invalid("form_too_old", OLD_FORM) from error


def _made(
    fields: KeyFields,
    form: forms.Form,
    key_id: UUID,
    organiser: Organiser,
    lobby: Lobby,
    now: datetime,
) -> str:
    """The new key. Invalid with all that is wrong, Conflict where this form has made one before."""
    name, expires_at = _checked(form, organiser, now)
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


def _checked(form: forms.Form, organiser: Organiser, now: datetime) -> tuple[str, datetime | None]:
    """The name and the end, or Invalid with all that is wrong. A key of the desk has a name: so two
    of it at most are live, and one follows the other."""
    line = partial(texts.line, field="name", longest=api_keys.LONGEST_NAME)
    name = form.check("name", line, missing=NO_NAME)
    form.check("scope", _something, missing=NO_SCOPE)
    day = form.value("expires").strip()
    if day:
        form.check("expires", partial(_last_day, now), missing="")
    form.check_password(organiser)
    form.finish()
    return name, api_keys.end_of_day(day) if day else None


def _something(ticked: str) -> str:
    if not ticked:
        raise Invalid.field("scope", "too_short", NO_SCOPE)
    return ticked


def _last_day(now: datetime, text: str) -> str:
    if api_keys.end_of_day(text.strip()) <= now:
        raise Invalid.field("expires", "in_the_past", "The last day is past.")
    return text


def _told_already(session: Session, key_id: UUID, organiser: Organiser) -> Response:
    """For a form that is sent again: its key is there, and is not shown again."""
    view = key_views.by_id(session, key_id, organisation_id=organiser.organisation_id)
    return page("organisers/made_already.html", session, status=409, is_private=True, view=view)


def _ask(
    session: Session,
    organiser: Organiser,
    form: forms.Form,
    partner_slug: str | None,
    *,
    status: int = 200,
) -> Response:
    owner = organiser.organisation_id
    partner = None
    if partner_slug is not None:
        partner = partners.own(session, partner_slug, organisation_id=owner)
    scopes = [scope for scope in Scope if partner is None or scope in PARTNER_SCOPES]
    return page(
        "organisers/new_key.html",
        session,
        status=status,
        is_private=True,
        form=form,
        partner=partner,
        organisation=organisations.get(session, owner),
        scopes={scope.value: key_words.words(partner_slug)[scope] for scope in scopes},
        petitions={each.slug: each.action for each in petitions.of_organisation(session, owner)},
    )


def _example_petition(
    session: Session, organiser: Organiser, wanted: Sequence[str], now: datetime
) -> str | None:
    """One that the key is for."""
    if wanted:
        return wanted[0]
    found = petitions.open_of(session, organiser.organisation_id, now=now)
    return found[0].slug if found else None
