"""What organisers are told by email: their own choice, what they were told, and who gets what."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import Form, Query, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from models import AlertInterval, AlertKind
from services.accounts import people
from services.alerts import choices, digests, sentences
from services.errors import Invalid
from web.base import forms
from web.base.desk import Desk, OwnerDesk, ViewerDesk
from web.base.rendering import see_other

PATH = "/organiser/alerts"
SHOWN = 5
KINDS: Mapping[AlertKind, str] = {
    AlertKind.NAMES: "An MP signs your motion, or removes their name",
    AlertKind.MOTION: "Your motion is withdrawn, or its session of Parliament ends",
    AlertKind.GOAL: "You reach your goal for MPs",
    AlertKind.SYNC: "We can’t read names from Parliament for more than an hour",
    AlertKind.QUEUE: "Letters or emails don’t go out for more than an hour",
}
SHORT_KINDS: Mapping[str, str] = {
    AlertKind.NAMES: "names",
    AlertKind.MOTION: "the motion",
    AlertKind.GOAL: "the goal",
    AlertKind.SYNC: "trouble with Parliament’s list",
    AlertKind.QUEUE: "stuck letters and emails",
}
INTERVALS: Mapping[AlertInterval, str] = {
    AlertInterval.DAY: "Once a day, at 8am",
    AlertInterval.HOUR: "Every hour, on the hour",
}
NOTICES = {
    "saved": "Saved. We’ll email you when there’s news.",
    "off": "Saved. You get no alerts.",
    "theirs": "Their alerts are off. They can turn them on again.",
}
router = Router()


class AlertFields(BaseModel):
    """The fields as sent."""

    kinds: list[str] = []
    every: str = ""


@router.get(PATH)
def show(
    desk: ViewerDesk,
    session: ReadSession,
    now: Now,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Shows the organiser's choice and their last digests. Owners also see who gets what."""
    choice = choices.of_organiser(session, desk.organiser.id)
    values = {
        "kinds": choice.kinds if choice else [],
        "every": choice.every if choice else AlertInterval.DAY,
    }
    return _page(desk, session, forms.Form(values), now=now, notice=NOTICES.get(done))


@router.post(PATH)
def save(
    fields: Annotated[AlertFields, Form()],
    desk: ViewerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Keeps the organiser's own choice. Without a tick it turns alerts off."""
    try:
        kinds, every = choices.checked(fields.kinds, fields.every)
        with lobby.database.write(is_public=False) as writing:
            choices.save(writing, desk.organiser, kinds, every, now=now)
    except Invalid as error:
        form = forms.Form(fields.model_dump())
        form.note(error)
        return _page(desk, session, form, now=now, status=422)
    return see_other(f"{PATH}?done={'saved' if kinds else 'off'}")


@router.post(PATH + "/{organiser_id}/off")
def switch_off(organiser_id: UUID, desk: OwnerDesk, lobby: TheLobby) -> Response:
    """Turns the alerts of somebody in the organisation off."""
    with lobby.database.write(is_public=False) as session:
        person = people.own(session, organiser_id, organisation_id=desk.organisation_id)
        choices.switch_off(session, person)
    return see_other(f"{PATH}?done=theirs")


def _page(
    desk: Desk,
    session: Session,
    form: forms.Form,
    *,
    now: Now,
    notice: str | None = None,
    status: int = 200,
) -> Response:
    told = digests.latest(session, desk.organiser.id, limit=SHOWN)
    everybody = choices.of_organisation(session, desk.organisation_id) if desk.is_owner else []
    return desk.page(
        "organisers/alerts.html",
        status=status,
        form=form,
        kinds=KINDS,
        short_kinds=SHORT_KINDS,
        intervals=INTERVALS,
        told=[(each.created_at, sentences.paragraphs(digests.news_of(each))) for each in told],
        others=[row for row in everybody if row[0].id != desk.organiser.id],
        now=now,
        notice=notice,
    )
