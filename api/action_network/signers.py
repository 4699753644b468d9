"""Who signs: the person that a request describes or links to, with what is stored of them."""

from dataclasses import dataclass

from sqlmodel import Session

from api.action_network.bodies import Json
from api.action_network.dependencies import may_read_people
from api.action_network.places import Places, Veil, id_behind
from api.action_network.schemas.person import person_in
from api.action_network.schemas.reading import link_in
from api.action_network.schemas.signature import linked_signature, new_signature
from api.schemas.signature import NewSignature
from models import Supporter
from models.constituency import OVERSEAS
from services.assembly import Lobby
from services.common.countries import ABROAD, HOME
from services.database.time_windows import PageRange
from services.errors import Forbidden
from services.keys.api_keys import Caller
from services.supporters import supporter_pages
from services.supporters.supporters import EmailAddress

PERSON = "osdi:person"


def signature_in(session: Session, lobby: Lobby, caller: Caller, body: Json) -> NewSignature:
    """Returns the signature that a request with a key describes.

    For a key that may read people, a missing name and place are taken from the person. Nothing is
    looked up for any other. Raises Invalid, Forbidden for a link without the right to read people,
    and NotFound for a link to nobody.
    """
    if "person" not in body and link_in(body, PERSON) is not None:
        return _by_linked_person(session, lobby, caller, body)
    signature = new_signature(person_in(body), body)
    return _completed(session, lobby, caller, signature) if may_read_people(caller) else signature


def _completed(
    session: Session, lobby: Lobby, caller: Caller, signature: NewSignature
) -> NewSignature:
    """Adds the stored name and place of a known person to a signature that lacks them."""
    has_place = signature.postcode or signature.country != HOME
    if signature.name and has_place:
        return signature
    owner = caller.organisation_id
    index = EmailAddress.of(owner, signature.email, lobby.keyring).index
    for view in supporter_pages.page(session, owner, PageRange(0, 1), email_index=index):
        stored = _stored(view.supporter)
        place = {} if has_place else {"postcode": stored.postcode, "country": stored.country}
        return signature.model_copy(update={"name": signature.name or stored.name, **place})
    return signature


@dataclass(frozen=True, slots=True)
class _StoredDetails:
    """What is stored of a person. Name and postcode are empty if they are not known."""

    name: str
    postcode: str
    country: str


def _stored(supporter: Supporter) -> _StoredDetails:
    return _StoredDetails(
        supporter.name.text if supporter.name else "",
        supporter.postcode.text if supporter.postcode else "",
        # The service does not store the country of supporters.
        ABROAD if supporter.constituency_code == OVERSEAS else HOME,
    )


def _by_linked_person(session: Session, lobby: Lobby, caller: Caller, body: Json) -> NewSignature:
    """Makes a signature with the stored name and postcode of a person, as far as they are known.

    It needs a key that may read people: the answer shows who was in the database before.
    """
    if not may_read_people(caller):
        message = (
            "To sign for a person by a link, a key needs signatures:read, and to be the "
            "organisation's own and for all its petitions. Tell of the person in the same call "
            "instead."
        )
        raise Forbidden("scope_missing", message)
    places = Places(lobby, caller.organisation_id)
    field = f"_links.{PERSON}.href"
    own_id = places.show(Veil.PERSON, id_behind(link_in(body, PERSON), field))
    view = supporter_pages.find(session, own_id, organisation_id=caller.organisation_id)
    supporter, stored = view.supporter, _stored(view.supporter)
    return linked_signature(
        body,
        name=stored.name,
        email=supporter.email.text,
        postcode=stored.postcode,
        country=stored.country,
        locale=supporter.locale,
    )
