"""People of the dialect: an organisation's supporters, each known by an email address."""

from datetime import datetime
from uuid import UUID

from fastapi import Request, Response
from sqlmodel import Session

from api.action_network import tag_names
from api.action_network.bodies import Body
from api.action_network.dependencies import Owner, PeopleReader, may_read_people
from api.action_network.filters import Filter, PeopleFilter, TimeFilter
from api.action_network.idempotency import Once
from api.action_network.paging import HalAnswer, ThePage
from api.action_network.places import Places, Veil, id_in, when
from api.action_network.schemas.person import (
    PersonIn,
    introduced_answer,
    person_answer,
    person_in,
    split_name,
)
from api.action_network.schemas.reading import parsed, renamed
from api.action_network.schemas.signature import signature_answer
from api.action_network.tag_names import TagNames
from api.action_network.tags import taggings_answer
from api.http.dependencies import Now, ReadSession, TheLobby, WriteSession
from api.http.late_routes import Router
from models import Keyring
from services.assembly import Lobby
from services.common import texts
from services.common.countries import HOME
from services.consents import introductions
from services.consents.introductions import PersonDetails
from services.database.time_windows import PageRange
from services.errors import Invalid
from services.keys.api_keys import Caller
from services.postcodes import directory
from services.signatures import signature_pages
from services.signatures.recording import constituency_at
from services.signatures.signature_pages import SignatureFilter
from services.supporters import supporter_pages, tags
from services.supporters.supporter_pages import SupporterView
from services.supporters.supporters import EmailAddress

router = Router()
_EMAILS = "email_addresses"
_ONE = PageRange(0, 1)


@router.get("/people")
def read_people(
    request: Request,
    lobby: TheLobby,
    caller: PeopleReader,
    session: ReadSession,
    page: ThePage,
    query: PeopleFilter,
) -> HalAnswer:
    """Lists people, oldest first, or finds one by email address."""
    places, owner = Places(lobby, caller.organisation_id), caller.organisation_id
    rows = []
    index, is_invalid = _email_index(owner, query, lobby.keyring)
    if not is_invalid:
        rows = supporter_pages.page(
            session, owner, page.rows, bounds=query.bounds, email_index=index
        )
    return page.answer(
        request,
        places,
        "people",
        rows,
        lambda row: person_answer(places, row),
        total=query.total(lambda: supporter_pages.total(session, owner)),
    )


@router.post("/people")
def introduce(body: Body, lobby: TheLobby, caller: Owner, once: Once, now: Now) -> Response:
    """Adds a person, or finds them by their email address (`osdi:person_signup_helper`).

    It does not change what they confirmed themselves. A key that may not read people gets its own
    input as the answer.
    """
    person, owner = person_in(body), caller.organisation_id
    details = _details(person, lobby, "person.")
    email = texts.email_address(person.email, f"person.{_EMAILS}")

    with lobby.database.read() as reading:
        names = tag_names.read(reading, body, organisation_id=owner)

    def add(session: Session) -> HalAnswer:
        person_id = introductions.introduce(
            session,
            organisation_id=owner,
            email=email,
            details=details,
            keyring=lobby.keyring,
            now=now,
        )
        _tag(session, person_id, names, now=now)
        places = Places(lobby, owner)
        if may_read_people(caller):
            view = supporter_pages.get(session, person_id, organisation_id=owner)
            return HalAnswer(person_answer(places, view))
        index = EmailAddress.of(owner, email, lobby.keyring).index
        return HalAnswer(introduced_answer(places, index, person, when(now)))

    return names.mark(once.hal(add))


@router.get("/people/{person_id}")
def read_person(
    person_id: str, lobby: TheLobby, caller: PeopleReader, session: ReadSession
) -> HalAnswer:
    """Returns a person."""
    places, view = _person(session, lobby, caller, person_id)
    return HalAnswer(person_answer(places, view))


@router.put("/people/{person_id}")
def change_person(
    person_id: str,
    body: Body,
    lobby: TheLobby,
    caller: PeopleReader,
    session: WriteSession,
    now: Now,
) -> Response:
    """Changes name, postcode or language, or that they want no news, but not the email address."""
    places, view = _person(session, lobby, caller, person_id)
    wrapped = body.get("person")
    person = parsed(PersonIn, wrapped if isinstance(wrapped, dict) else body)
    supporter = view.supporter
    if person.email and not _is_same(person.email, supporter.email.text):
        message = "An address cannot be changed here: whoever has the new one has to confirm it."
        raise Invalid.field(_EMAILS, "not_changeable", message)
    given, family = split_name(supporter.name.text if supporter.name else "")
    whole = person.model_copy(
        update={
            "given_name": given if person.given_name is None else person.given_name,
            "family_name": family if person.family_name is None else person.family_name,
        }
    )
    names = tag_names.read(session, body, organisation_id=caller.organisation_id)
    introductions.change(session, supporter.id, _details(whole, lobby, ""), now=now)
    _tag(session, supporter.id, names, now=now)
    view = supporter_pages.get(session, supporter.id, organisation_id=caller.organisation_id)
    return names.mark(HalAnswer(person_answer(places, view)))


@router.get("/people/{person_id}/signatures")
def read_signatures_of(
    person_id: str,
    request: Request,
    lobby: TheLobby,
    caller: PeopleReader,
    session: ReadSession,
    page: ThePage,
    query: TimeFilter,
) -> HalAnswer:
    """Lists the pending and confirmed signatures of a person."""
    places, view = _person(session, lobby, caller, person_id)
    selection = SignatureFilter(supporter=view.supporter)
    rows = signature_pages.page(
        session, selection, page.rows, keyring=lobby.keyring, bounds=query.bounds
    )
    return page.answer(
        request,
        places,
        "signatures",
        rows,
        lambda row: signature_answer(places, row),
        total=query.total(lambda: signature_pages.total(session, selection)),
    )


@router.get("/people/{person_id}/signatures/{signature_id}")
def read_signature_of(
    person_id: str,
    signature_id: str,
    lobby: TheLobby,
    caller: PeopleReader,
    session: ReadSession,
) -> HalAnswer:
    """Returns a signature of a person."""
    places, view = _person(session, lobby, caller, person_id)
    own_id = places.show(Veil.SIGNATURE, id_in(signature_id, "signature"))
    selection = SignatureFilter(supporter=view.supporter)
    signature = signature_pages.get(session, own_id, selection, keyring=lobby.keyring)
    return HalAnswer(signature_answer(places, signature))


@router.get("/people/{person_id}/taggings")
def read_taggings_of(
    person_id: str,
    request: Request,
    lobby: TheLobby,
    caller: PeopleReader,
    session: ReadSession,
    page: ThePage,
    query: TimeFilter,
) -> HalAnswer:
    """Lists the tags on a person."""
    places, view = _person(session, lobby, caller, person_id)
    rows = tags.taggings_page(
        session, page.rows, supporter_id=view.supporter.id, bounds=query.bounds
    )
    return page.answer(
        request,
        places,
        "taggings",
        rows,
        taggings_answer(session, places, rows),
        total=query.total(lambda: tags.taggings_total(session, supporter_id=view.supporter.id)),
    )


def _person(
    session: Session, lobby: Lobby, caller: Caller, person_id: str
) -> tuple[Places, SupporterView]:
    places = Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.PERSON, id_in(person_id, "person"))
    owner = caller.organisation_id
    return places, supporter_pages.find(session, own_id, organisation_id=owner)


def _email_index(owner: UUID, query: Filter, keyring: Keyring) -> tuple[bytes | None, bool]:
    """Returns the index of the filter's email address, and whether that is no valid address."""
    if query.email is None:
        return None, False
    try:
        email = texts.email_address(query.email)
    except Invalid:
        return None, True
    return EmailAddress.of(owner, email, keyring).index, False


def _is_same(first: str, second: str) -> bool:
    email = texts.email_address(first, _EMAILS)
    return texts.canonical_email(email) == texts.canonical_email(second)


def _details(person: PersonIn, lobby: Lobby, prefix: str) -> PersonDetails:
    """Checks the form of the details. Raises Invalid with the names that the client used."""
    try:
        name = texts.person_name(person.name, f"{prefix}given_name") if person.name else None
        postcode, code = _postcode_and_seat(person, lobby)
    except Invalid as error:
        names = {
            "postcode": f"{prefix}postal_addresses.postal_code",
            "country": f"{prefix}postal_addresses.country",
        }
        raise renamed(error, names) from None
    return PersonDetails(name, postcode, code, person.locale, person.wants_updates is False)


def _postcode_and_seat(person: PersonIn, lobby: Lobby) -> tuple[str | None, str | None]:
    """Returns the postcode and the constituency's code, or None for both without a postcode."""
    address = person.address
    country, postcode = address.home_country, (address.postal_code or "").strip()
    if country != HOME:
        postcode = texts.line(postcode, "postcode", longest=20, shortest=0)
    elif postcode:
        postcode = directory.normalise(postcode)
    else:
        return None, None
    return postcode, constituency_at(country, postcode, lobby.postcodes.lookup)


def _tag(session: Session, person_id: UUID, names: TagNames, *, now: datetime) -> None:
    if names.added:
        tags.add_taggings(session, names.added, person_id, now=now)
    for tag_id in names.removed:
        for tagging in tags.taggings_page(session, _ONE, tag_id=tag_id, supporter_id=person_id):
            tags.remove_tagging(session, tagging, now=now)
