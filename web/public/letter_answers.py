"""What the question after a letter leads to: a form for what came back of it."""

from enum import StrEnum
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Form, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from models import Campaign, Constituency, LetterOutcome, Member, Organisation, ReplyKind
from services.common import texts
from services.common.tokens import Purpose
from services.errors import Invalid
from services.letters import answers
from services.letters.answers import NewAnswer, RecordedAnswer
from web.base import forms, words
from web.base.rendering import page

Choice = TypeVar("Choice", bound=StrEnum)
router = APIRouter()


class AnswerFields(BaseModel):
    """The form as it comes."""

    outcome: str = ""
    said: str = ""
    text: str = ""


@router.get("/letters/answer/{token}")
def ask(token: str, lobby: TheLobby, session: ReadSession) -> Response:
    """The question, with what was said before."""
    kept = answers.recorded(session, lobby.tokens.read(Purpose.LETTER_ANSWER, token))
    return _page(session, kept, _filled(kept))


@router.post("/letters/answer/{token}")
def give(
    token: str,
    fields: Annotated[AnswerFields, Form()],
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Keep what the writer says, and thank them."""
    letter_id = lobby.tokens.read(Purpose.LETTER_ANSWER, token)
    form = forms.Form(fields.model_dump())
    try:
        answer = _checked(form)
        # One connection at a time: `session` takes its own only where this ends.
        with lobby.database.write() as writing:
            kept = answers.record(writing, letter_id, answer, now=now)
    except Invalid as error:
        form.note(error)
        return _page(session, answers.recorded(session, letter_id), form, status=422)
    return _page(session, kept, form, token=token)


def _checked(form: forms.Form) -> NewAnswer:
    """The answer in the form, or Invalid with all that is wrong with it."""
    outcome = _choice(form, "outcome", LetterOutcome, missing="Choose what came back.")
    said = _choice(form, "said", ReplyKind) if form.value("said") else None
    text = form.check("text", _text, missing="")
    form.finish()
    # `finish` has raised where there is no outcome.
    return NewAnswer(outcome or LetterOutcome.NOT_ANSWERED, said, text)


def _choice(
    form: forms.Form, name: str, choices: type[Choice], *, missing: str = ""
) -> Choice | None:
    def rule(text: str) -> str:
        if text not in set(choices):
            raise Invalid.field(name, "choice_unknown", "Choose one of these.")
        return text

    checked = form.check(name, rule, missing=missing)
    return choices(checked) if checked else None


def _text(text: str) -> str:
    return texts.paragraphs(text, "text", longest=answers.LONGEST_TEXT)


def _filled(kept: RecordedAnswer) -> forms.Form:
    values: dict[str, Any] = {"outcome": kept.outcome or ""}
    if kept.reply is not None:
        text = kept.reply.text.text if kept.reply.text else ""
        values |= {"said": kept.reply.kind, "text": text}
    return forms.Form(values)


def _page(
    session: Session,
    kept: RecordedAnswer,
    form: forms.Form,
    *,
    status: int = 200,
    token: str | None = None,
) -> Response:
    """With a token, thanks for what was just kept; or else the form."""
    campaign = session.get_one(Campaign, kept.letter.campaign_id)
    return page(
        "public/letter_answer.html",
        session,
        status=status,
        is_private=True,
        kept=kept,
        form=form,
        token=token,
        campaign=campaign,
        organisation=session.get_one(Organisation, campaign.organisation_id),
        member=session.get_one(Member, kept.letter.member_id),
        constituency=session.get_one(Constituency, kept.letter.constituency_code),
        outcomes=words.OUTCOMES,
        sayings=words.SAYINGS,
    )
