"""The letter queue of a campaign, for keys of its own organisation.

The paths with `/post` are the former names of those with `/letter-queue`, and answer the same.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response
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
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.http.paging import ThePage
from api.http.query_names import KNOWN_NAMES
from api.schemas.fields import same_of
from api.schemas.letters.letter_queue import (
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

router = Router(tags=["letters"])


def _former(name: str, path: str) -> dict[str, Any]:
    """The options of a route that keeps a former path, and the operation that clients know."""
    now = f"/v1/campaigns/{{slug}}/letter-queue{path}"
    description = f"The former path of `{now}`. It takes and answers the same."
    return {"name": name, "deprecated": True, "description": description}


@router.get("/campaigns/{slug}/letter-queue")
@router.get("/campaigns/{slug}/post", **_former("read_post", ""))
def read_queue(
    slug: Slug, caller: LettersReader, session: ReadSession, lobby: TheLobby, now: Now
) -> LetterQueueAnswer:
    """Read how many letters of a campaign are queued, sent and refused.

    It also lists members whose addresses are dead, and the state of the mail server that takes our
    letters. Needs a key with `letters:read`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    return _answer(session, campaign, lobby, now)


@router.get("/campaigns/{slug}/letter-queue/letters", dependencies=[KNOWN_NAMES])
@router.get(
    "/campaigns/{slug}/post/letters",
    **_former("list_letters", "/letters"),
    dependencies=[KNOWN_NAMES],
)
def list_queue(
    slug: Slug,
    request: Request,
    response: Response,
    page: ThePage,
    caller: LettersReader,
    session: ReadSession,
    lobby: TheLobby,
    state: LetterState | None = None,
    status: LetterState | None = None,
) -> list[QueuedLetterAnswer]:
    """List a campaign's letters, newest first, without their texts and writers.

    Needs a key with `letters:read`.
    """
    state = same_of(status, state)
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    rows = letter_queue.page(session, campaign, state=state, after=page.after, limit=page.limit + 1)
    page.link_next(request, response, [row.letter.id for row in rows])
    return [queued_letter_answer(row, lobby.mail_context) for row in rows[: page.limit]]


@router.post("/campaigns/{slug}/letter-queue/pause")
@router.post("/campaigns/{slug}/post/pause", **_former("pause", "/pause"))
def pause_queue(
    slug: Slug, caller: CampaignsWriter, session: WriteSession, lobby: TheLobby, now: Now
) -> LetterQueueAnswer:
    """Send no letters of a campaign until the queue is resumed. A repeated call changes nothing.

    Needs a key with `campaigns:write`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    letter_queue.pause(session, campaign, now=now)
    return _answer(session, campaign, lobby, now)


@router.post("/campaigns/{slug}/letter-queue/resume")
@router.post("/campaigns/{slug}/post/resume", **_former("resume", "/resume"))
def resume_queue(
    slug: Slug, caller: CampaignsWriter, session: WriteSession, lobby: TheLobby, now: Now
) -> LetterQueueAnswer:
    """Send a campaign's letters again, at the pace that it allows. A repeated call changes nothing.

    Needs a key with `campaigns:write`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    letter_queue.resume(session, campaign, pace=lobby.pace, now=now)
    return _answer(session, campaign, lobby, now)


@router.post(
    "/letters/{letter_id}/retry", response_model=SettledAnswer, responses=once_responses(200)
)
def retry(
    letter_id: UUID, caller: CampaignsWriter, once: Once, lobby: TheLobby, now: Now
) -> Response:
    """Send a refused letter again.

    Needs a key with `campaigns:write`. Another organisation's letter is a 404.
    """

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


@router.post(
    "/letters/{letter_id}/settle", response_model=SettledAnswer, responses=once_responses(200)
)
def settle(
    letter_id: UUID,
    body: Settlement,
    caller: CampaignsWriter,
    once: Once,
    lobby: TheLobby,
    now: Now,
) -> Response:
    """Say whether an uncertain letter was sent: `sent` counts it, `not_sent` sends it again.

    Needs a key with `campaigns:write`. Another organisation's letter is a 404.
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
