"""Outreaches of the dialect: letters to MPs. `letters:read` tells how they go, and only with
`letters:writers` as well whose they are and what they say."""

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from api.action_network.bodies import Body
from api.action_network.dependencies import LettersReader, Owner, may_read_people
from api.action_network.filters import TimeFilter
from api.action_network.idempotency import Once
from api.action_network.paging import HalAnswer, ThePage
from api.action_network.places import Places, Veil, id_in, when
from api.action_network.schemas.outreach import NAMES, new_letter, outreach_answer, taken_answer
from api.action_network.schemas.person import person_in
from api.action_network.schemas.reading import renaming
from api.http.dependencies import Now, ReadSession, TheLobby
from models import Scope
from services.assembly import Lobby
from services.campaigns import own_pages
from services.errors import Forbidden
from services.keys.api_keys import Caller
from services.letters import intake, letter_pages
from services.letters.drafting import situations
from services.letters.letter_pages import LetterFilter
from services.supporters import supporter_pages

router = APIRouter()


@router.get("/advocacy_campaigns/{campaign_id}/outreaches")
def read_outreaches(
    campaign_id: str,
    request: Request,
    lobby: TheLobby,
    caller: LettersReader,
    session: ReadSession,
    page: ThePage,
    asked: TimeFilter,
) -> HalAnswer:
    """Letters of a campaign, oldest first, in whatever state."""
    whose = _of_campaign(session, caller, campaign_id)
    return _page(request, lobby, caller, session, page, asked, whose)


@router.post("/advocacy_campaigns/{campaign_id}/outreaches")
def write(
    campaign_id: str, body: Body, lobby: TheLobby, caller: Owner, once: Once, now: Now
) -> Response:
    """Take a letter in (`osdi:record_outreach_helper`). It goes once its writer confirms it."""
    owner, place = caller.organisation_id, id_in(campaign_id, "advocacy_campaign")
    keyring = lobby.keyring

    def take_in(session: Session) -> HalAnswer:
        own = own_pages.campaign(session, place, organisation_id=owner, viewer=owner)
        letter = new_letter(person_in(body), body)
        answer = lobby.postcodes.lookup(letter.address.postcode)
        found = situations.of_postcode(session, own.campaign, answer, keyring=keyring, now=now)
        with renaming(NAMES):
            letter_id = intake.take_in(session, found, letter, keyring=keyring, now=now)
        told = taken_answer(Places(lobby, owner), letter_id, place, found.seat.member, letter)
        return HalAnswer(told | {"created_date": when(now), "modified_date": when(now)})

    return once.hal(take_in)


@router.get("/advocacy_campaigns/{campaign_id}/outreaches/{outreach_id}")
def read_outreach(
    campaign_id: str,
    outreach_id: str,
    lobby: TheLobby,
    caller: LettersReader,
    session: ReadSession,
) -> HalAnswer:
    """One letter."""
    whose = _of_campaign(session, caller, campaign_id)
    return _one(lobby, caller, session, outreach_id, whose)


@router.get("/people/{person_id}/outreaches")
def read_outreaches_of(
    person_id: str,
    request: Request,
    lobby: TheLobby,
    caller: LettersReader,
    session: ReadSession,
    page: ThePage,
    asked: TimeFilter,
) -> HalAnswer:
    """Letters of a person."""
    whose = _of_person(session, lobby, caller, person_id)
    return _page(request, lobby, caller, session, page, asked, whose)


@router.get("/people/{person_id}/outreaches/{outreach_id}")
def read_outreach_of(
    person_id: str,
    outreach_id: str,
    lobby: TheLobby,
    caller: LettersReader,
    session: ReadSession,
) -> HalAnswer:
    """One letter of a person."""
    whose = _of_person(session, lobby, caller, person_id)
    return _one(lobby, caller, session, outreach_id, whose)


def _of_campaign(session: Session, caller: Caller, campaign_id: str) -> LetterFilter:
    place = id_in(campaign_id, "advocacy_campaign")
    owner = caller.organisation_id
    own_pages.campaign(session, place, organisation_id=owner, viewer=owner)
    return LetterFilter(campaign_id=place)


def _of_person(session: Session, lobby: Lobby, caller: Caller, person_id: str) -> LetterFilter:
    """Whose they are is asked for by name here: that needs the scopes for both."""
    caller.require(Scope.LETTERS_WRITERS)
    if not may_read_people(caller):
        message = "This key lacks the scope signatures:read, or is for some petitions alone."
        raise Forbidden("scope_missing", message)
    places = Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.PERSON, id_in(person_id, "person"))
    view = supporter_pages.get(session, own_id, organisation_id=caller.organisation_id)
    return LetterFilter(supporter_id=view.supporter.id)


def _page(
    request: Request,
    lobby: Lobby,
    caller: Caller,
    session: Session,
    page: ThePage,
    asked: TimeFilter,
    whose: LetterFilter,
) -> HalAnswer:
    places = Places(lobby, caller.organisation_id)
    is_personal = Scope.LETTERS_WRITERS in caller.scopes
    found = letter_pages.page(session, whose, page.rows, bounds=asked.bounds)
    return page.answer(
        request,
        places,
        "outreaches",
        found,
        lambda each: outreach_answer(places, each, is_personal=is_personal),
    )


def _one(
    lobby: Lobby, caller: Caller, session: Session, outreach_id: str, whose: LetterFilter
) -> HalAnswer:
    places = Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.OUTREACH, id_in(outreach_id, "outreach"))
    found = letter_pages.get(session, own_id, whose)
    is_personal = Scope.LETTERS_WRITERS in caller.scopes
    return HalAnswer(outreach_answer(places, found, is_personal=is_personal))
