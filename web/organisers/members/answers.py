"""Recording what an MP's office said on the telephone, and undoing it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response
from pydantic import BaseModel

from api.http.dependencies import Now, Slug, TheLobby
from models import QuickAnswerKind
from services.campaigns import campaigns, quick_answers
from services.errors import Invalid
from web.base.desk import EditorDesk
from web.base.rendering import see_other
from web.organisers.members import ask_query

router = APIRouter()


class AnswerFields(BaseModel):
    """The fields as sent. `back` is the query string of the list that the form is on."""

    answer: str = ""
    back: str = ""


class BackFields(BaseModel):
    """The query string of the list that a form is on."""

    back: str = ""


@router.post(f"{ask_query.PAGE_PATH}/{{member_id}}/answer")
def record(
    slug: Slug,
    member_id: int,
    fields: Annotated[AnswerFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Records an answer, and leads back to the row of the MP."""
    with lobby.database.write(is_public=False) as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        kind, organiser = _kind(fields.answer), desk.organiser
        answer = quick_answers.record(
            session, campaign, member_id=member_id, kind=kind, organiser=organiser, now=now
        )
        answer_id = answer.id
    query = ask_query.read_back(fields.back)
    return see_other(ask_query.back_to(slug, query, member_id, answered=answer_id))


@router.post(f"{ask_query.PAGE_PATH}/answers/{{answer_id}}/undo")
def undo(
    slug: Slug,
    answer_id: UUID,
    fields: Annotated[BackFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
) -> Response:
    """Deletes an answer, so that the one before it counts."""
    with lobby.database.write(is_public=False) as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        member_id = quick_answers.undo(session, campaign, answer_id)
    query = ask_query.read_back(fields.back)
    return see_other(ask_query.back_to(slug, query, member_id, undone=member_id))


def _kind(text: str) -> QuickAnswerKind:
    try:
        return QuickAnswerKind(text)
    except ValueError as error:
        message = "Press 'Said yes', 'Said no' or 'No answer'."
        raise Invalid.field("answer", "choice_unknown", message) from error
