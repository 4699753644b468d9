"""The page after signing: 'One more step: check your email', with its two buttons.

It knows what is in its token and nothing else, so that it is the same, and takes the same time,
whether or not somebody has signed (`services.submissions.sent_tokens`).
"""

from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.answers.state import AppState, state_of
from api.http.dependencies import Now, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, Petition, RequestKind
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.mail_providers import inbox_of
from services.errors import NotFound
from services.organisations import faces, organisations
from services.signatures.recording import Outcome, SignatureRequest
from services.submissions import sender_requests, sent_tokens
from services.submissions.sent_tokens import SentSubmission
from web.base.rendering import page, see_other
from web.base.sharing import ShareLinks
from web.public import dev_mail

router = Router()
Token = Annotated[str, Form(alias="sent")]


async def redirect(state: AppState, signature: SignatureRequest, outcome: Outcome) -> Response:
    """Redirects from the form to the page after it. The answer depends on what was typed alone."""
    slug = signature.petition_slug
    campaign_slug = state.public_answers.campaign_slugs.cached(slug)
    if campaign_slug is None:
        campaign_slug = await run_in_threadpool(state.public_answers.campaign_slugs.get, slug)
    assert outcome.signature_id is not None  # noqa: S101 - every error was raised before
    sent = SentSubmission(
        submission_id=outcome.signature_id,
        petition=slug,
        constituency_code=outcome.constituency_code or "",
        address=sent_tokens.masked(signature.email),
        sent_at=state.lobby.clock(),
    )
    return see_other(_path(campaign_slug, state.lobby, sent))


@router.get("/campaigns/{slug}/signed")
def show_sent(slug: Slug, request: Request, lobby: TheLobby, now: Now, sent: str = "") -> Response:
    """Says what to do next. Without a good token it says so in general words."""
    opened = sent_tokens.open_sealed(sent, lobby.keyring, now=now)
    board = None
    with lobby.database.read() as session:
        campaign = campaigns.public(session, slug)
        petition = _petition(session, campaign, opened)
    if opened and petition:
        # It fills its cache with a connection of its own.
        board = state_of(request).public_answers.confirmed.get(petition.id).board
    with lobby.database.read() as session:
        owner = organisations.get(session, campaign.organisation_id)
        return page(
            "signatures/signed.html",
            session,
            is_private=True,
            face=board.face if board else faces.of_organisation(session, owner),
            campaign=campaign,
            petition=petition,
            sent=opened if petition else None,
            token=sent,
            inbox=inbox_of(opened.domain) if opened and petition else None,
            seat=board.seat(opened.constituency_code) if opened and board else None,
            links=_links(lobby, campaign, petition),
            shows_mail=dev_mail.is_shown(request, lobby, session),
        )


@router.get("/campaigns/{slug}/signed/again")
@router.get("/campaigns/{slug}/signed/change")
def back_to_sent(slug: Slug) -> Response:
    """Redirects a GET of a button's address, such as a reload, to the page."""
    return see_other(f"/campaigns/{slug}/signed")


@router.post("/campaigns/{slug}/signed/again")
def send_again(slug: Slug, lobby: TheLobby, now: Now, token: Token = "") -> Response:
    """Asks for the email once more. Each page can do so once."""
    sent = sent_tokens.open_sealed(token, lobby.keyring, now=now)
    if sent is None:
        return see_other(f"/campaigns/{slug}/signed")
    _ask(lobby, sent, RequestKind.SEND_AGAIN)
    return see_other(_path(slug, lobby, sent.again()))


@router.post("/campaigns/{slug}/signed/change")
def change_address(slug: Slug, lobby: TheLobby, now: Now, token: Token = "") -> Response:
    """Has the submission deleted, and leads to the form: the address is not kept in clear."""
    sent = sent_tokens.open_sealed(token, lobby.keyring, now=now)
    if sent is None:
        return see_other(f"/campaigns/{slug}")
    _ask(lobby, sent, RequestKind.DELETE)
    return see_other(f"/petitions/{sent.petition}#sign")


def _ask(lobby: Lobby, sent: SentSubmission, kind: RequestKind) -> None:
    with lobby.database.write(is_public=False) as session:
        sender_requests.ask(session, sent.submission_id, kind, now=lobby.clock())


def _path(campaign_slug: str, lobby: Lobby, sent: SentSubmission) -> str:
    return f"/campaigns/{campaign_slug}/signed?sent={sent_tokens.seal(sent, lobby.keyring)}"


def _petition(session: Session, campaign: Campaign, sent: SentSubmission | None) -> Petition | None:
    """Returns the petition of a token; None also where it is not the campaign's."""
    if sent is None:
        return None
    try:
        petition = petitions.public(session, sent.petition)
    except NotFound:
        return None
    return petition if petition.campaign_id == campaign.id else None


def _links(lobby: Lobby, campaign: Campaign, petition: Petition | None) -> ShareLinks:
    address = f"{lobby.settings.base_url}/campaigns/{campaign.slug}"
    return ShareLinks(address, petition.action if petition else campaign.title)
