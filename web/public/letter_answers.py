"""The form for what the MP replied, linked from the email two weeks after a letter."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Form, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from models import Letter, LetterOutcome, Member, ReplyKind
from services.campaigns import campaigns
from services.common import texts, times
from services.common.tokens import Purpose
from services.errors import Invalid
from services.letters import answers
from services.letters.answers import NewAnswer, RecordedAnswer
from services.organisations import faces, organisations
from services.parliament import constituencies, members
from web.base import forms, words
from web.base.rendering import page, see_other

Choice = TypeVar("Choice", bound=StrEnum)
router = Router()


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A text that asks for a reply, and a link that opens it in an email; empty without address."""

    text: str
    mailto: str


class AnswerFields(BaseModel):
    """The fields as sent."""

    outcome: str = ""
    said: str = ""
    text: str = ""


@router.get("/letters/answer/{token}")
def ask(
    token: str, lobby: TheLobby, session: ReadSession, outcome: str = "", saved: str = ""
) -> Response:
    """Shows the form with what was reported before, or thanks for it where it was just `saved`.

    `outcome` is chosen in advance: a link in an email can be an answer that needs one button more.
    """
    recorded = answers.recorded(session, lobby.tokens.read(Purpose.LETTER_ANSWER, token))
    form = _prefilled(recorded)
    if saved and recorded.outcome is not None:
        return _page(session, recorded, form, token=token)
    if outcome in set(LetterOutcome):
        form.put(outcome=outcome)
    return _page(session, recorded, form)


@router.post("/letters/answer/{token}")
def give(
    token: str,
    fields: Annotated[AnswerFields, Form()],
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Records what the writer reports, and redirects to the page that thanks them."""
    letter_id = lobby.tokens.read(Purpose.LETTER_ANSWER, token)
    form = forms.Form(fields.model_dump())
    try:
        answer = _checked(form)
        # One connection at a time: `session` takes its own only after this.
        with lobby.database.write() as writing:
            answers.record(writing, letter_id, answer, now=now)
    except Invalid as error:
        form.note(error)
        return _page(session, answers.recorded(session, letter_id), form, status=422)
    return see_other(f"/letters/answer/{token}?saved=yes")


def _checked(form: forms.Form) -> NewAnswer:
    """Returns the answer in the form, or raises Invalid with all problems."""
    outcome = _choice(form, "outcome", LetterOutcome, missing="Choose an answer.")
    reply = _choice(form, "said", ReplyKind) if form.value("said") else None
    text = form.check("text", _text, missing="")
    form.finish()
    # Without an outcome, `finish` has raised: the default is for the type checker alone.
    return NewAnswer(outcome or LetterOutcome.NOT_ANSWERED, reply, text)


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


def _prefilled(recorded: RecordedAnswer) -> forms.Form:
    values: dict[str, Any] = {"outcome": recorded.outcome or ""}
    if recorded.reply is not None:
        text = recorded.reply.text.text if recorded.reply.text else ""
        values |= {"said": recorded.reply.kind, "text": text}
    return forms.Form(values)


def _follow_up(letter: Letter, member: Member) -> FollowUp:
    day = times.day(letter.sent_at) if letter.sent_at else ""
    text = (
        f"Dear {member.name},\n\n"
        f"On {day} I wrote to you about “{letter.subject.text}”. I haven’t had a reply yet. I live "
        "in your constituency, and I would be glad to hear from you.\n\n"
        "Yours sincerely,\n"
        f"{letter.name.text}"
    )
    query = urlencode({"subject": letter.subject.text, "body": text}, quote_via=quote)
    return FollowUp(text, f"mailto:{member.email}?{query}" if member.email else "")


def _page(
    session: Session,
    recorded: RecordedAnswer,
    form: forms.Form,
    *,
    status: int = 200,
    token: str | None = None,
) -> Response:
    """Shows the form; with a token, thanks for the answer just recorded."""
    campaign = campaigns.get(session, recorded.letter.campaign_id)
    organisation = organisations.get(session, campaign.organisation_id)
    member = members.get(session, recorded.letter.member_id)
    return page(
        "letters/letter_answer.html",
        session,
        status=status,
        is_private=True,
        face=faces.of_campaign(session, campaign),
        recorded=recorded,
        form=form,
        token=token,
        campaign=campaign,
        organisation=organisation,
        member=member,
        follow_up=_follow_up(recorded.letter, member),
        constituency=constituencies.get(session, recorded.letter.constituency_code),
        outcome_choices=words.OUTCOME_CHOICES,
        reply_choices=words.reply_choices(has_motion=recorded.letter.motion_id is not None),
    )
