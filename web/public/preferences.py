"""Email preferences of a supporter: the link at the end of every email to them."""

from typing import Annotated

from fastapi import Form, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from services.common.tokens import Purpose
from services.consents import preferences
from services.consents.preferences import Preferences
from services.errors import Invalid
from services.organisations import faces, organisations
from web.base import forms
from web.base.rendering import page, see_other

ONE_CLICK = "One-Click"
router = Router()


class PreferenceFields(BaseModel):
    """The fields of the page, which sends `shown`, or those of an email program (RFC 8058)."""

    shown: str = ""
    updates: str = ""
    questions: str = ""
    no_mail: str = ""
    partners: list[str] = []
    one_click: str = Field(default="", alias="List-Unsubscribe")


@router.get("/unsubscribe/{token}")
def read(token: str, lobby: TheLobby, session: ReadSession, saved: str = "") -> Response:
    """Shows the preferences in a form. Changes nothing: email scanners open the link."""
    supporter_id = lobby.tokens.read(Purpose.UNSUBSCRIBE, token)
    return _page(session, preferences.read(session, supporter_id), is_saved=bool(saved))


@router.post("/unsubscribe/{token}")
def change(
    token: str,
    fields: Annotated[PreferenceFields, Form()],
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Saves what is ticked, and redirects to the page that says so.

    One-click unsubscribe is defined in `preferences.unsubscribe`. It is not redirected: RFC 8058,
    3.1.
    """
    supporter_id = lobby.tokens.read(Purpose.UNSUBSCRIBE, token)
    # Unticked boxes are not sent: an empty body must not count as a form without ticks.
    if fields.one_click != ONE_CLICK and not fields.shown:
        message = "Choose what you want on the page, and press Save."
        raise Invalid("preferences_missing", message)
    # One connection at a time: `session` takes its own only after this.
    with lobby.database.write() as writing:
        if fields.one_click == ONE_CLICK:
            saved = preferences.unsubscribe(writing, supporter_id, now=now)
        else:
            preferences.change(
                writing,
                supporter_id,
                updates=bool(fields.updates),
                questions=bool(fields.questions),
                mail=not fields.no_mail,
                partners=fields.partners,
                now=now,
            )
            return see_other(f"/unsubscribe/{token}?saved=yes")
    return _page(session, saved, is_saved=True)


def _page(session: Session, current: Preferences, *, is_saved: bool = False) -> Response:
    ticks = {
        "updates": current.updates,
        "questions": current.questions,
        "no_mail": not current.mail,
    }
    form = forms.Form({name: "yes" if is_on else "" for name, is_on in ticks.items()})
    return page(
        "public/preferences.html",
        session,
        is_private=True,
        face=faces.of_organisation(session, organisations.get(session, current.organisation_id)),
        preferences=current,
        form=form,
        is_saved=is_saved,
    )
