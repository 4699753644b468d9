"""What a supporter gets by mail: the link at the end of every mail to one."""

from typing import Annotated

from fastapi import APIRouter, Form, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from services.common.tokens import Purpose
from services.errors import Invalid
from services.supporters import preferences
from services.supporters.preferences import Preferences
from web.base.forms import Form as Filled
from web.base.rendering import page

ONE_CLICK = "One-Click"
router = APIRouter()


class PreferenceFields(BaseModel):
    """The form as it comes, marked by `shown`; or what a mail program posts (RFC 8058)."""

    shown: str = ""
    updates: str = ""
    questions: str = ""
    no_mail: str = ""
    partners: list[str] = []
    one_click: str = Field(default="", alias="List-Unsubscribe")


@router.get("/unsubscribe/{token}")
def read(token: str, lobby: TheLobby, session: ReadSession) -> Response:
    """What is on and off, in a form. Mail programs and scanners open it: it changes nothing."""
    supporter_id = lobby.tokens.read(Purpose.UNSUBSCRIBE, token)
    return _page(session, preferences.read(session, supporter_id))


@router.post("/unsubscribe/{token}")
def change(
    token: str,
    fields: Annotated[PreferenceFields, Form()],
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Keep what is ticked. One click in a mail program ends what was not asked for."""
    supporter_id = lobby.tokens.read(Purpose.UNSUBSCRIBE, token)
    # Unticked boxes are not sent: an empty body must not be taken for a form without ticks.
    if fields.one_click != ONE_CLICK and not fields.shown:
        message = "Nothing was said. Please use the form on the page."
        raise Invalid("preferences_missing", message)
    # One connection at a time: `session` takes its own only after this.
    with lobby.database.write() as writing:
        if fields.one_click == ONE_CLICK:
            found = preferences.unsubscribe(writing, supporter_id, now=now)
        else:
            found = preferences.change(
                writing,
                supporter_id,
                updates=bool(fields.updates),
                questions=bool(fields.questions),
                mail=not fields.no_mail,
                partners=fields.partners,
                now=now,
            )
    return _page(session, found, is_saved=True)


def _page(session: Session, found: Preferences, *, is_saved: bool = False) -> Response:
    ticks = {"updates": found.updates, "questions": found.questions, "no_mail": not found.mail}
    form = Filled({name: "yes" if is_on else "" for name, is_on in ticks.items()})
    return page(
        "public/preferences.html",
        session,
        is_private=True,
        found=found,
        form=form,
        is_saved=is_saved,
    )
