"""The post of a campaign, for keys of its own organisation."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from api.http.dependencies import (
    CampaignsWriter,
    LettersReader,
    Now,
    ReadSession,
    Slug,
    TheLobby,
    WriteSession,
)
from api.http.idempotency import Once, answers
from api.http.paging import ThePage
from api.schemas.letter_queue import (
    LetterQueueAnswer,
    QueuedLetterAnswer,
    SettledAnswer,
    Settlement,
    letter_queue_answer,
    queued_letter_answer,
)
from models import Campaign, LetterState
from services.assembly import Lobby
from services.campaigns import campaigns
from services.letters import letter_queue
from services.mail import dead_addresses, relays

router = APIRouter(tags=["letters"])


@router.get("/campaigns/{slug}/post")
def read_post(
    slug: Slug, caller: LettersReader, session: ReadSession, lobby: TheLobby, now: Now
) -> LetterQueueAnswer:
    """How many letters wait, went and were refused, which members' addresses are dead, and how the
    mail server does that takes our letters. Needs a key with `letters:read`."""
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    return _answer(session, campaign, lobby, now)


@router.get("/campaigns/{slug}/post/letters")
def list_letters(
    slug: Slug,
    request: Request,
    response: Response,
    page: ThePage,
    caller: LettersReader,
    session: ReadSession,
    lobby: TheLobby,
    state: LetterState | None = None,
) -> list[QueuedLetterAnswer]:
    """A campaign's letters, the newest first: never their words, nor who wrote them.

    Needs a key with `letters:read`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    found = letter_queue.page(
        session, campaign, state=state, after=page.after, limit=page.limit + 1
    )
    page.link_next(request, response, [each.letter.id for each in found])
    return [queued_letter_answer(each, lobby.mail_context) for each in found[: page.limit]]


@router.post("/campaigns/{slug}/post/pause")
def pause(
    slug: Slug, caller: CampaignsWriter, session: WriteSession, lobby: TheLobby, now: Now
) -> LetterQueueAnswer:
    """Let no letter go until the post is resumed. Again: the same. Needs `campaigns:write`."""
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    letter_queue.pause(session, campaign, now=now)
    return _answer(session, campaign, lobby, now)


@router.post("/campaigns/{slug}/post/resume")
def resume(
    slug: Slug, caller: CampaignsWriter, session: WriteSession, lobby: TheLobby, now: Now
) -> LetterQueueAnswer:
    """Let the post go on, spread as the campaign says. Again: the same. Needs `campaigns:write`."""
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    letter_queue.resume(session, campaign, pace=lobby.pace, now=now)
    return _answer(session, campaign, lobby, now)


@router.post("/letters/{letter_id}/retry", response_model=SettledAnswer, responses=answers(200))
def retry(
    letter_id: UUID, caller: CampaignsWriter, once: Once, lobby: TheLobby, now: Now
) -> Response:
    """Send a letter again that was refused. Needs `campaigns:write`; another's is a 404."""

    def queue(session: Session) -> SettledAnswer:
        letter = letter_queue.retry(
            session,
            letter_id,
            organisation_id=caller.organisation_id,
            keyring=lobby.keyring,
            now=now,
        )
        return SettledAnswer(id=letter.id, status=letter.state)

    return once.answer(queue, status=200)


@router.post("/letters/{letter_id}/settle", response_model=SettledAnswer, responses=answers(200))
def settle(
    letter_id: UUID,
    body: Settlement,
    caller: CampaignsWriter,
    once: Once,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Say whether an uncertain letter went: `sent` counts it, `not_sent` sends it again.

    Needs a key with `campaigns:write`; another's letter is a 404.
    """

    def note(session: Session) -> SettledAnswer:
        letter = letter_queue.settle(
            session,
            letter_id,
            organisation_id=caller.organisation_id,
            was_sent=body.outcome == "sent",
            keyring=lobby.keyring,
            now=now,
        )
        return SettledAnswer(id=letter.id, status=letter.state)

    return once.answer(note, status=200)


def _answer(session: Session, campaign: Campaign, lobby: Lobby, now: datetime) -> LetterQueueAnswer:
    return letter_queue_answer(
        letter_queue.view(session, campaign),
        dead=dead_addresses.of_campaign(session, campaign, keyring=lobby.keyring),
        relay=relays.view(session, lobby.courier.relay, now=now),
    )
