"""Letters to MPs: drafting, checking, submitting, confirming and cancelling."""

from fastapi import Request, Response
from sqlmodel import Session

from api.answers import letter_proofs
from api.answers.signature_intake import sender_of
from api.http.dependencies import Now, ReadSession, Slug, TheLobby, WriteSession
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.schemas.letters.letter import (
    CheckAnswer,
    CheckRequest,
    DraftAnswer,
    DraftRequest,
    LetterStatus,
    LetterTaken,
    NewLetterBody,
    OpenedAnswer,
    OpenedBody,
    check_answer,
    draft_answer,
)
from api.schemas.postcode import member_answer
from api.schemas.signature import TokenBody
from models import Letter, LetterState
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.letters import confirmed_letters, intake, letter_links, letter_queue
from services.letters import opened as opened_letters
from services.letters.drafting import drafts, editor_checks, situations
from services.letters.drafting.rules import Writer
from services.parliament import constituencies, members

router = Router(tags=["letters"])


@router.post("/campaigns/{slug}/letters/draft")
def draft(
    slug: Slug, body: DraftRequest, lobby: TheLobby, session: ReadSession, now: Now
) -> DraftAnswer:
    """Draft a letter that suits the current MP of a postcode. Nothing is stored."""
    campaign = campaigns.public(session, slug)
    answer = lobby.postcodes.lookup(body.postcode)
    situation = situations.of_postcode(session, campaign, answer, keyring=lobby.keyring, now=now)
    letter = drafts.draft(
        situation,
        name=body.name or "",
        points=tuple(body.points),
        personal=body.personal,
        locale=body.locale,
    )
    likeness = editor_checks.likeness_of(session, situation, letter.body, keyring=lobby.keyring)
    return draft_answer(letter, likeness, opened_letters.issue(lobby.tokens, situation))


@router.post("/campaigns/{slug}/letters/check")
def check(
    slug: Slug, body: CheckRequest, lobby: TheLobby, session: ReadSession, now: Now
) -> CheckAnswer:
    """Check a letter for mistakes, and for likeness to letters that its MP already got.

    An editor calls it while somebody writes. Nothing is stored.
    """
    campaign = campaigns.public(session, slug)
    answer = lobby.postcodes.lookup(body.postcode)
    situation = situations.of_postcode(session, campaign, answer, keyring=lobby.keyring, now=now)
    result = editor_checks.check(
        session,
        situation,
        subject=body.subject,
        body=body.body,
        writer=Writer(answer.postcode, body.name or ""),
        keyring=lobby.keyring,
        now=now,
    )
    return check_answer(result)


@router.post(
    "/campaigns/{slug}/letters/opened",
    status_code=202,
    response_model=OpenedAnswer,
    responses=once_responses(202),
)
def opened(slug: Slug, body: OpenedBody, lobby: TheLobby, once: Once, now: Now) -> Response:
    """Count a letter that its writer opened in their own email program. It never counts as sent.

    The call needs the token of a draft, and each token counts once. Nothing about the writer is
    stored.
    """
    answer, keyring = lobby.postcodes.lookup(body.postcode), lobby.keyring

    def count(session: Session) -> OpenedAnswer:
        campaign = campaigns.public(session, slug)
        situation = situations.of_postcode(session, campaign, answer, keyring=keyring, now=now)
        opened_letters.count(
            session, situation, body.token, tokens=lobby.tokens, keyring=keyring, now=now
        )
        seat = situation.seat
        return OpenedAnswer(member=member_answer(seat.member, seat.constituency))

    return once.answer(count, status=202)


@router.post(
    "/campaigns/{slug}/letters",
    status_code=201,
    response_model=LetterTaken,
    responses=once_responses(),
)
def take_in(
    slug: Slug, body: NewLetterBody, request: Request, lobby: TheLobby, once: Once, now: Now
) -> Response:
    """Submit a letter. It goes to the MP of the postal address once its writer confirms by email.

    A supporter can write one letter to a member about a motion or, in a campaign without one, one
    letter to a member. A second one gets the same answer. With a good `proof` no email is needed:
    the letter is queued, and a second one conflicts.
    """
    answer, keyring = lobby.postcodes.lookup(body.address.postcode), lobby.keyring
    proof = letter_proofs.signature_in(lobby.tokens, body.proof)

    def create(session: Session) -> LetterTaken:
        campaign = campaigns.public(session, slug)
        situation = situations.of_postcode(session, campaign, answer, keyring=keyring, now=now)
        taken = intake.take_in(
            session,
            situation,
            body.as_letter(),
            keyring=keyring,
            now=now,
            sender_index=sender_of(request.scope),
            proof=proof,
            pace=lobby.pace,
        )
        member = member_answer(situation.seat.member, situation.seat.constituency)
        return LetterTaken(id=taken.id, status=taken.state, member=member)

    return once.answer(create)


@router.post("/letters/confirm")
def confirm(body: TokenBody, lobby: TheLobby, session: WriteSession, now: Now) -> LetterStatus:
    """Confirm a letter, so that it is sent. A repeated call gets the same answer."""
    letter_id = lobby.tokens.read(Purpose.LETTER, body.token)
    letter = confirmed_letters.confirm(
        session, letter_id, keyring=lobby.keyring, pace=lobby.pace, now=now
    )
    return _status(session, letter)


@router.post("/letters/cancel")
def cancel(body: TokenBody, lobby: TheLobby, session: WriteSession, now: Now) -> LetterStatus:
    """Cancel a letter before it is sent. Takes the same token as confirming.

    Before it is confirmed, nothing is kept of it.
    """
    letter_id = lobby.tokens.read(Purpose.LETTER, body.token)
    letter = letter_links.cancel(session, letter_id, keyring=lobby.keyring, now=now)
    return _status(session, letter, state=LetterState.CANCELLED)


@router.post("/letters/copy")
def send_copy(body: TokenBody, lobby: TheLobby, session: WriteSession, now: Now) -> LetterStatus:
    """Email a copy to the writer once the letter is sent. A repeated call sends no second copy.

    Takes the same token as confirming.
    """
    letter_id = lobby.tokens.read(Purpose.LETTER, body.token)
    letter = letter_links.want_copy(session, letter_id, keyring=lobby.keyring, now=now)
    return _status(session, letter)


def _status(
    session: WriteSession, letter: Letter | None, *, state: LetterState | None = None
) -> LetterStatus:
    if letter is None:
        return LetterStatus(status=LetterState.CANCELLED, member=None, goes_at=None)
    member = members.get(session, letter.member_id)
    seat = constituencies.get(session, letter.constituency_code)
    return LetterStatus(
        status=state or letter.state,
        member=member_answer(member, seat),
        goes_at=letter_queue.goes_at(session, letter.id),
    )
