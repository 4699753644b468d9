"""Which MPs replied to letters: reported by the writers, and counted for organisers."""

from fastapi import Request, Response

from api.http.csv_answers import AS_CSV, BOM, cacheable_csv, wants_csv
from api.http.dependencies import LettersReader, Now, ReadSession, Slug, TheLobby, WriteSession
from api.http.late_routes import Router
from api.http.query_names import KNOWN_NAMES
from api.schemas.letters.letter_answer import (
    AnswersAnswer,
    LetterAnswerBody,
    LetterAnswered,
    answers_answer,
    answers_csv,
)
from api.schemas.postcode import member_answer
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.keys.api_keys import Caller
from services.letters import answers
from services.letters.answers import MemberAnswers
from services.parliament import constituencies, members

router = Router(tags=["letters"])


@router.post("/letters/answer")
def give(
    body: LetterAnswerBody, lobby: TheLobby, session: WriteSession, now: Now
) -> LetterAnswered:
    """Report what the MP replied to a letter, or that they did not. It replaces an earlier report.

    The token is the one in the email that asks for it. What the MP said becomes an unverified
    reply of the campaign. Once an organiser has verified that, a new report does not change it.
    """
    letter_id = lobby.tokens.read(Purpose.LETTER_ANSWER, body.token)
    letter = answers.record(session, letter_id, body.as_answer(), now=now).letter
    member = members.get(session, letter.member_id)
    seat = constituencies.get(session, letter.constituency_code)
    return LetterAnswered(status=body.outcome, member=member_answer(member, seat))


@router.get(
    "/campaigns/{slug}/answers",
    response_model=AnswersAnswer,
    responses=AS_CSV,
    dependencies=[KNOWN_NAMES, BOM],
)
def read_answers(
    slug: Slug, request: Request, caller: LettersReader, session: ReadSession
) -> AnswersAnswer | Response:
    """Read by member how many letters were sent, how many writers were asked, and their reports.

    It never says who wrote. Needs a key with `letters:read`. `Accept: text/csv` gives CSV.
    """
    rows = _rows(session, slug, caller)
    return _csv(request, slug, rows) if wants_csv(request) else answers_answer(rows)


@router.get(
    "/campaigns/{slug}/answers.csv",
    response_class=Response,
    responses=AS_CSV,
    dependencies=[KNOWN_NAMES, BOM],
)
def download_answers(
    slug: Slug, request: Request, caller: LettersReader, session: ReadSession
) -> Response:
    """Download what writers reported by member as CSV. Needs a key with `letters:read`."""
    return _csv(request, slug, _rows(session, slug, caller))


def _rows(session: ReadSession, slug: str, caller: Caller) -> list[MemberAnswers]:
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    return answers.of_campaign(session, campaign)


def _csv(request: Request, slug: str, rows: list[MemberAnswers]) -> Response:
    return cacheable_csv(request, answers_csv(rows), name=f"{slug}-answers.csv", is_public=False)
