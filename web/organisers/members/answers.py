"""Recording what an MP's office said on the telephone, and undoing it."""

from typing import Annotated
from uuid import UUID

from fastapi import Form, Response

from api.http.dependencies import Now, Slug, TheLobby
from api.http.late_routes import Router
from models import QuickAnswerKind
from services.campaigns import quick_answers
from services.errors import Invalid
from web.base.desk import EditorDesk
from web.organisers.members import ask_query, team_forms
from web.organisers.members.team_forms import BackFields

router = Router()


class AnswerFields(BackFields):
    """The fields as sent."""

    answer: str = ""


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
    with team_forms.writing(lobby, desk, slug) as (session, campaign):
        answer = quick_answers.record(
            session,
            campaign,
            member_id=member_id,
            kind=_kind(fields.answer),
            organiser=desk.organiser,
            now=now,
        )
        answer_id = answer.id
    return team_forms.back(slug, fields, member_id, answered=answer_id)


@router.post(f"{ask_query.PAGE_PATH}/answers/{{answer_id}}/undo")
def undo(
    slug: Slug,
    answer_id: UUID,
    fields: Annotated[BackFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
) -> Response:
    """Deletes an answer, so that the one before it counts."""
    with team_forms.writing(lobby, desk, slug) as (session, campaign):
        member_id = quick_answers.undo(session, campaign, answer_id)
    return team_forms.back(slug, fields, member_id, undone=member_id)


def _kind(text: str) -> QuickAnswerKind:
    try:
        return QuickAnswerKind(text)
    except ValueError as error:
        message = "Press 'Said yes', 'Said no' or 'No answer'."
        raise Invalid.field("answer", "choice_unknown", message) from error
