"""What came back of letters: told by their writers, and summed up for organisers."""

from fastapi import APIRouter, Request, Response

from api.http.csv_answers import AS_CSV, keepable_csv, wants_csv
from api.http.dependencies import LettersReader, Now, ReadSession, Slug, TheLobby, WriteSession
from api.schemas.letter_answer import (
    AnswersAnswer,
    LetterAnswerBody,
    LetterAnswered,
    answers_answer,
    answers_csv,
)
from api.schemas.postcode import member_answer
from models import Constituency, Member
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.keys.api_keys import Caller
from services.letters import answers
from services.letters.answers import MemberAnswers

router = APIRouter(tags=["letters"])


@router.post("/letters/answer")
def give(
    body: LetterAnswerBody, lobby: TheLobby, session: WriteSession, now: Now
) -> LetterAnswered:
    """Say what came back of a letter, or that nothing has. Again: in place of what was said before.

    The token is that of the mail which asks. What the MP said goes to the campaign's replies,
    unverified; once an organiser has verified it, it stays as it is.
    """
    letter_id = lobby.tokens.read(Purpose.LETTER_ANSWER, body.token)
    letter = answers.record(session, letter_id, body.as_answer(), now=now).letter
    member = session.get_one(Member, letter.member_id)
    seat = session.get_one(Constituency, letter.constituency_code)
    return LetterAnswered(status=body.outcome, member=member_answer(member, seat))


@router.get("/campaigns/{slug}/answers", response_model=AnswersAnswer, responses=AS_CSV)
def read_answers(
    slug: Slug, request: Request, caller: LettersReader, session: ReadSession
) -> AnswersAnswer | Response:
    """By member: letters sent, writers asked, and what came back; never who wrote. Needs a key with
    `letters:read`. `Accept: text/csv` for CSV."""
    rows = _rows(session, slug, caller)
    return _csv(request, slug, rows) if wants_csv(request) else answers_answer(rows)


@router.get("/campaigns/{slug}/answers.csv", response_class=Response, responses=AS_CSV)
def download_answers(
    slug: Slug, request: Request, caller: LettersReader, session: ReadSession
) -> Response:
    """The rows as CSV. Needs a key with `letters:read`."""
    return _csv(request, slug, _rows(session, slug, caller))


def _rows(session: ReadSession, slug: str, caller: Caller) -> list[MemberAnswers]:
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    return answers.of_campaign(session, campaign)


def _csv(request: Request, slug: str, rows: list[MemberAnswers]) -> Response:
    return keepable_csv(request, answers_csv(rows), name=f"{slug}-answers.csv")
