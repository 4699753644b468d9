"""Outreaches of the dialect: letters to MPs.

A key with `letters:read` sees their states. With `letters:writers` too, it sees writers and texts.
"""

from collections.abc import Sequence
from uuid import UUID

from fastapi import Request, Response
from sqlmodel import Session

from api.action_network.bodies import Body
from api.action_network.dependencies import LettersReader, Owner, may_read_people
from api.action_network.filters import TimeFilter
from api.action_network.idempotency import Once
from api.action_network.paging import HalAnswer, ThePage
from api.action_network.places import Places, Veil, id_in, when
from api.action_network.schemas.outreach import NAMES, new_letter, outreach_answer, submitted_answer
from api.action_network.schemas.person import person_in
from api.action_network.schemas.reading import renaming
from api.answers.signature_intake import sender_of
from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from models import Scope
from services.assembly import Lobby
from services.campaigns import own_pages
from services.errors import Forbidden
from services.keys.api_keys import Caller
from services.letters import intake, letter_pages
from services.letters.drafting import situations
from services.letters.letter_pages import LetterFilter, LetterView
from services.supporters import supporter_pages

router = Router()


@router.get("/advocacy_campaigns/{campaign_id}/outreaches")
def read_outreaches(
    campaign_id: str,
    request: Request,
    lobby: TheLobby,
    caller: LettersReader,
    session: ReadSession,
    page: ThePage,
    query: TimeFilter,
) -> HalAnswer:
    """Lists letters of a campaign in all states, oldest first."""
    selection = _of_campaign(session, caller, campaign_id)
    return _page(request, lobby, caller, session, page, query, selection)


@router.post("/advocacy_campaigns/{campaign_id}/outreaches")
def write(
    campaign_id: str,
    body: Body,
    request: Request,
    lobby: TheLobby,
    caller: Owner,
    once: Once,
    now: Now,
) -> Response:
    """Submits a letter (`osdi:record_outreach_helper`). It is sent once its writer confirms it."""
    owner, row_id = caller.organisation_id, id_in(campaign_id, "advocacy_campaign")
    keyring = lobby.keyring

    def take_in(session: Session) -> HalAnswer:
        own = own_pages.campaign(session, row_id, organisation_id=owner, viewer=owner)
        letter = new_letter(person_in(body), body)
        answer = lobby.postcodes.lookup(letter.address.postcode)
        situation = situations.of_postcode(session, own.campaign, answer, keyring=keyring, now=now)
        with renaming(NAMES):
            sender = sender_of(request.scope)
            taken = intake.take_in(
                session, situation, letter, keyring=keyring, now=now, sender_index=sender
            )
        member = situation.seat.member
        submitted = submitted_answer(Places(lobby, owner), taken.id, row_id, member, letter)
        return HalAnswer(submitted | {"created_date": when(now), "modified_date": when(now)})

    return once.hal(take_in)


@router.get("/advocacy_campaigns/{campaign_id}/outreaches/{outreach_id}")
def read_outreach(
    campaign_id: str,
    outreach_id: str,
    lobby: TheLobby,
    caller: LettersReader,
    session: ReadSession,
) -> HalAnswer:
    """Returns a letter of a campaign."""
    selection = _of_campaign(session, caller, campaign_id)
    return _one(lobby, caller, session, outreach_id, selection)


@router.get("/people/{person_id}/outreaches")
def read_outreaches_of(
    person_id: str,
    request: Request,
    lobby: TheLobby,
    caller: LettersReader,
    session: ReadSession,
    page: ThePage,
    query: TimeFilter,
) -> HalAnswer:
    """Lists letters of a person."""
    selection = _of_person(session, lobby, caller, person_id)
    return _page(request, lobby, caller, session, page, query, selection)


@router.get("/people/{person_id}/outreaches/{outreach_id}")
def read_outreach_of(
    person_id: str,
    outreach_id: str,
    lobby: TheLobby,
    caller: LettersReader,
    session: ReadSession,
) -> HalAnswer:
    """Returns a letter of a person."""
    selection = _of_person(session, lobby, caller, person_id)
    return _one(lobby, caller, session, outreach_id, selection)


def _of_campaign(session: Session, caller: Caller, campaign_id: str) -> LetterFilter:
    row_id = id_in(campaign_id, "advocacy_campaign")
    owner = caller.organisation_id
    own_pages.campaign(session, row_id, organisation_id=owner, viewer=owner)
    return LetterFilter(campaign_id=row_id)


def _of_person(session: Session, lobby: Lobby, caller: Caller, person_id: str) -> LetterFilter:
    """Needs the scopes for people and for writers: the path names the writer."""
    caller.require(Scope.LETTERS_WRITERS)
    if not may_read_people(caller):
        message = "This key lacks the scope signatures:read, or is for some petitions alone."
        raise Forbidden("scope_missing", message)
    places = Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.PERSON, id_in(person_id, "person"))
    view = supporter_pages.find(session, own_id, organisation_id=caller.organisation_id)
    return LetterFilter(supporter_id=view.supporter.id)


def _page(
    request: Request,
    lobby: Lobby,
    caller: Caller,
    session: Session,
    page: ThePage,
    query: TimeFilter,
    selection: LetterFilter,
) -> HalAnswer:
    places = Places(lobby, caller.organisation_id)
    rows = letter_pages.page(session, selection, page.rows, bounds=query.bounds)
    writers = _writers(session, caller, rows)
    return page.answer(
        request,
        places,
        "outreaches",
        rows,
        lambda row: outreach_answer(places, row, writers.get(row.letter.supporter_id)),
        total=query.total(lambda: letter_pages.total(session, selection)),
    )


def _one(
    lobby: Lobby, caller: Caller, session: Session, outreach_id: str, selection: LetterFilter
) -> HalAnswer:
    places = Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.OUTREACH, id_in(outreach_id, "outreach"))
    view = letter_pages.get(session, own_id, selection)
    writers = _writers(session, caller, [view])
    return HalAnswer(outreach_answer(places, view, writers.get(view.letter.supporter_id)))


def _writers(session: Session, caller: Caller, views: Sequence[LetterView]) -> dict[UUID, UUID]:
    """Returns the ids of the writers' addresses, or none for a key that may not see writers."""
    if Scope.LETTERS_WRITERS not in caller.scopes:
        return {}
    return supporter_pages.address_ids(session, [view.letter.supporter_id for view in views])
