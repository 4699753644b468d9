"""The home of the desk: figures, what needs somebody today, what changed, and the campaigns."""

from typing import Annotated
from uuid import UUID

from fastapi import Form, Query, Response
from pydantic import BaseModel

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from services.accounts import postponements
from services.campaigns import campaigns
from services.errors import Invalid
from services.signatures.pending_views import MOST_COUNTED
from services.views.desk import home
from services.views.desk.tasks import TaskKind
from web.base.desk import EditorDesk, ViewerDesk
from web.base.rendering import see_other
from web.organisers.builder import frame
from web.organisers.builder.point_words import WORDS

NOTICES = {"later": "Put off until tomorrow."}
Done = Annotated[str, Query(max_length=20)]
router = Router()


class TaskFields(BaseModel):
    """The task to put off, as sent: its kind, and the id of its subject."""

    task: str = ""
    subject: str = ""


@router.get("/organiser")
def show_home(
    desk: ViewerDesk, session: ReadSession, lobby: TheLobby, now: Now, done: Done = ""
) -> Response:
    """Shows the home; a new organisation sees how to set itself up."""
    shown = home.of_organiser(
        session,
        desk.organiser,
        desk.organisation,
        session_id=desk.session_id,
        keyring=lobby.keyring,
        now=now,
    )
    return desk.page(
        "organisers/home/home.html" if shown.cards else "organisers/home/welcome.html",
        home=shown,
        steps={
            card.shown.campaign.id: frame.Builder(
                card.shown.campaign,
                frame.Step.OPEN,
                card.readiness,
                card.shown.campaign.updated_at,
                now,
            ).steps
            for card in shown.cards
            if card.readiness
        },
        point_words=WORDS,
        count_limit=MOST_COUNTED,
        postcodes=len(lobby.postcodes) if lobby.postcodes.available else 0,
        notice=NOTICES.get(done),
        now=now,
    )


@router.post("/organiser/not-today")
def put_off(
    fields: Annotated[TaskFields, Form()], desk: EditorDesk, lobby: TheLobby, now: Now
) -> Response:
    """Hides a task from this organiser until tomorrow begins in London."""
    kind, subject_id = _task_of(fields)
    with lobby.database.write() as session:
        if subject_id not in (desk.organisation_id, desk.organiser.id):
            campaigns.require_own(session, subject_id, organisation_id=desk.organisation_id)
        postponements.put_off(session, desk.organiser.id, kind, subject_id, now=now)
    return see_other("/organiser?done=later#needs-you")


def _task_of(fields: TaskFields) -> tuple[TaskKind, UUID]:
    """Returns the task that a form names. Raises Invalid for one that no page shows."""
    try:
        return TaskKind(fields.task), UUID(fields.subject)
    except ValueError as error:
        message = "There is no such task. Go back to the home of your desk."
        raise Invalid.field("task", "task_unknown", message) from error
