"""Tags of the dialect, and taggings, which put tags on people."""

from collections.abc import Callable, Sequence

from fastapi import Request, Response
from sqlmodel import Session

from api.action_network.bodies import Body, Json
from api.action_network.dependencies import Member, Owner, PeopleReader
from api.action_network.filters import TimeFilter
from api.action_network.idempotency import Once
from api.action_network.paging import HalAnswer, ThePage
from api.action_network.places import Places, Veil, id_behind, id_in
from api.action_network.schemas.reading import link_in
from api.action_network.schemas.tag import tag_answer, tagging_answer
from api.http.dependencies import Now, ReadSession, TheLobby, WriteSession
from api.http.late_routes import Router
from models import Tag, Tagging
from services.errors import Invalid
from services.keys.api_keys import Caller
from services.supporters import supporter_pages, tags

router = Router()
PERSON = "osdi:person"


@router.get("/tags")
def read_tags(
    request: Request,
    lobby: TheLobby,
    caller: Member,
    session: ReadSession,
    page: ThePage,
    query: TimeFilter,
) -> HalAnswer:
    """Lists tags, oldest first."""
    places = Places(lobby, caller.organisation_id)
    owner = caller.organisation_id
    rows = tags.page(session, owner, page.rows, bounds=query.bounds)
    return page.answer(
        request,
        places,
        "tags",
        rows,
        lambda row: tag_answer(places, row),
        total=query.total(lambda: tags.total(session, owner)),
    )


@router.post("/tags")
def create_tag(body: Body, lobby: TheLobby, caller: Owner, once: Once, now: Now) -> Response:
    """Adds a tag, or returns the one with this name."""
    name = body.get("name")
    if not isinstance(name, str):
        raise Invalid.field("name", "missing", "Give the tag's name.")
    owner = caller.organisation_id

    def create(session: Session) -> HalAnswer:
        tag = tags.create(session, organisation_id=owner, name=name, now=now)
        return HalAnswer(tag_answer(Places(lobby, owner), tag))

    return once.hal(create)


@router.get("/tags/{tag_id}")
def read_tag(tag_id: str, lobby: TheLobby, caller: Member, session: ReadSession) -> HalAnswer:
    """Returns a tag."""
    tag = _tag(session, caller, tag_id)
    return HalAnswer(tag_answer(Places(lobby, caller.organisation_id), tag))


@router.get("/tags/{tag_id}/taggings")
def read_taggings(
    tag_id: str,
    request: Request,
    lobby: TheLobby,
    caller: PeopleReader,
    session: ReadSession,
    page: ThePage,
    query: TimeFilter,
) -> HalAnswer:
    """Lists the people whom a tag is on."""
    tag = _tag(session, caller, tag_id)
    places = Places(lobby, caller.organisation_id)
    rows = tags.taggings_page(session, page.rows, tag_id=tag.id, bounds=query.bounds)
    return page.answer(
        request,
        places,
        "taggings",
        rows,
        taggings_answer(session, places, rows),
        total=query.total(lambda: tags.taggings_total(session, tag_id=tag.id)),
    )


@router.post("/tags/{tag_id}/taggings")
def create_tagging(
    tag_id: str, body: Body, lobby: TheLobby, caller: PeopleReader, once: Once, now: Now
) -> Response:
    """Puts a tag on a person. A repeated call changes nothing.

    Needs a key that may read people: it gets 404 for somebody who is not known yet, and anybody who
    posts a signature gets the id of a person.
    """
    owner, places = caller.organisation_id, Places(lobby, caller.organisation_id)

    def put_on(session: Session) -> HalAnswer:
        tag = _tag(session, caller, tag_id)
        person_id = id_behind(link_in(body, PERSON), f"_links.{PERSON}.href")
        own_id = places.show(Veil.PERSON, person_id)
        supporter = supporter_pages.find(session, own_id, organisation_id=owner).supporter
        tags.add_taggings(session, [tag.id], supporter.id, now=now)
        tagging = tags.tagging_of_both(session, tag.id, supporter.id)
        return HalAnswer(_tagging(session, places, tagging))

    return once.hal(put_on)


@router.get("/tags/{tag_id}/taggings/{tagging_id}")
def read_tagging(
    tag_id: str, tagging_id: str, lobby: TheLobby, caller: PeopleReader, session: ReadSession
) -> HalAnswer:
    """Returns a tagging: a tag on a person."""
    tag, places = _tag(session, caller, tag_id), Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.TAGGING, id_in(tagging_id, "tagging"))
    tagging = tags.get_tagging(session, own_id, tag_id=tag.id)
    return HalAnswer(_tagging(session, places, tagging))


@router.delete("/tags/{tag_id}/taggings/{tagging_id}")
def remove_tagging(
    tag_id: str,
    tagging_id: str,
    lobby: TheLobby,
    caller: PeopleReader,
    session: WriteSession,
    now: Now,
) -> HalAnswer:
    """Removes a tag from a person."""
    tag, places = _tag(session, caller, tag_id), Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.TAGGING, id_in(tagging_id, "tagging"))
    tags.remove_tagging(session, tags.get_tagging(session, own_id, tag_id=tag.id), now=now)
    return HalAnswer({"notice": "This tagging was successfully deleted."})


def taggings_answer(
    session: Session, places: Places, taggings: Sequence[Tagging]
) -> Callable[[Tagging], Json]:
    """Returns what converts these taggings."""
    people = supporter_pages.address_ids(session, [tagging.supporter_id for tagging in taggings])
    return lambda tagging: tagging_answer(places, tagging, people[tagging.supporter_id])


def _tagging(session: Session, places: Places, tagging: Tagging) -> Json:
    return taggings_answer(session, places, [tagging])(tagging)


def _tag(session: Session, caller: Caller, tag_id: str) -> Tag:
    return tags.own(session, id_in(tag_id, "tag"), organisation_id=caller.organisation_id)
