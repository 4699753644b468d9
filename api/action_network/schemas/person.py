"""People."""

from typing import Any, TypeVar
from uuid import UUID

from pydantic import Field

from api.action_network.places import Places, Veil, identifiers, when
from api.action_network.schemas.reading import Part, parsed
from models import Organisation, Supporter
from models.constituency import OVERSEAS
from services.errors import Invalid
from services.signatures.recording import HOME
from services.supporters.supporter_pages import SupporterView

Json = dict[str, Any]
SUBSCRIBED, UNSUBSCRIBED = "subscribed", "unsubscribed"
_HOMES = frozenset({"", "GB", "UK", "GBR", "UNITED KINGDOM", "GREAT BRITAIN"})
_LOCALES = frozenset({"en", "cy"})
_HERE = ("signatures", "outreaches", "taggings")


class _Contact(Part):
    primary: Any = None


ContactT = TypeVar("ContactT", bound=_Contact)


class EmailIn(_Contact):
    """An address; of several the primary one counts, or else the first."""

    address: str | None = None
    status: str | None = None


class AddressIn(_Contact):
    """Where somebody lives."""

    address_lines: list[str | None] | str | None = None
    locality: str | None = None
    postal_code: str | None = None
    country: str | None = None

    @property
    def lines(self) -> list[str]:
        """Those that say something."""
        given = self.address_lines
        lines = [given] if isinstance(given, str) else given or []
        return [line.strip() for line in lines if line and line.strip()]

    @property
    def home_country(self) -> str:
        """ISO 3166-1, two letters; the United Kingdom where nothing is said."""
        told = (self.country or "").strip().upper()
        return HOME if told in _HOMES else told


class PersonIn(Part):
    """A person as a client tells of them; None is what it does not tell."""

    given_name: str | None = None
    family_name: str | None = None
    email_addresses: list[EmailIn] | None = Field(default=None, max_length=20)
    postal_addresses: list[AddressIn] | None = Field(default=None, max_length=20)
    languages_spoken: list[str] | None = Field(default=None, max_length=50)
    source: str | None = None

    @property
    def name(self) -> str:
        """As it is signed."""
        parts = (self.given_name or "", self.family_name or "")
        return " ".join(part.strip() for part in parts if part.strip())

    @property
    def email(self) -> str:
        """The one address that we keep."""
        return self._email.address or ""

    @property
    def wants_updates(self) -> bool | None:
        """Their answer to the question whether they want news, if it was put to them."""
        return {SUBSCRIBED: True, UNSUBSCRIBED: False}.get(self._email.status or "")

    @property
    def address(self) -> AddressIn:
        """The one that counts, or an empty one."""
        return _primary(self.postal_addresses) or AddressIn()

    @property
    def locale(self) -> str | None:
        """The first language of theirs that we speak."""
        spoken = [language.lower()[:2] for language in self.languages_spoken or []]
        return next((language for language in spoken if language in _LOCALES), None)

    @property
    def _email(self) -> EmailIn:
        return _primary(self.email_addresses) or EmailIn()


def person_in(body: Json) -> PersonIn:
    """The person in the body of a helper. Invalid where there is none, or it is malformed."""
    if not isinstance(body.get("person"), dict):
        message = "Tell of a person: an object with given_name, email_addresses and so on."
        raise Invalid.field("person", "missing", message)
    return parsed(PersonIn, body["person"], "person")


def _primary(contacts: list[ContactT] | None) -> ContactT | None:
    given = contacts or []
    return next((each for each in given if each.primary is True), given[0] if given else None)


def split_name(name: str) -> tuple[str, str]:
    """Given and family name: we keep one, and take its last word for the family's."""
    given, _, family = name.rpartition(" ")
    return (given, family) if given else (family, "")


def person_answer(places: Places, view: SupporterView) -> Json:
    """A person with all that their organisation knows."""
    supporter = view.supporter
    given, family = split_name(supporter.name.text if supporter.name else "")
    status = SUBSCRIBED if view.wants_updates else UNSUBSCRIBED
    code = supporter.constituency_code
    return {
        "identifiers": identifiers(places.hide(Veil.PERSON, supporter.id), supporter.id),
        "created_date": when(supporter.created_at),
        "modified_date": when(view.modified_at),
        "given_name": given,
        "family_name": family,
        "languages_spoken": [supporter.locale],
        "email_addresses": [_email(supporter.email.text, status)],
        "phone_numbers": _no_phone(),
        "postal_addresses": [_address(_postcode(supporter), _country(code))],
        "custom_fields": {"constituency": code} if code else {},
        "_links": _links(places, supporter.id),
    }


def introduced_answer(places: Places, supporter_id: UUID, told: PersonIn, now: str) -> Json:
    """What was told itself, for keys that may not read: the same whether we knew them or not."""
    address, status = told.address, told.wants_updates
    return {
        "identifiers": identifiers(places.hide(Veil.PERSON, supporter_id)),
        "created_date": now,
        "modified_date": now,
        "given_name": told.given_name or "",
        "family_name": told.family_name or "",
        "languages_spoken": [told.locale or "en"],
        "email_addresses": [_email(told.email, SUBSCRIBED if status else UNSUBSCRIBED)],
        "phone_numbers": _no_phone(),
        "postal_addresses": [_address(address.postal_code or "", address.home_country)],
        "custom_fields": {},
        "_links": _links(places, supporter_id),
    }


def creator_answer(places: Places, organisation: Organisation) -> Json:
    """The organisation, in the form of a person: clients look for whose a petition is."""
    return {
        "identifiers": identifiers(organisation.id),
        "created_date": when(organisation.created_at),
        "modified_date": when(organisation.created_at),
        "given_name": organisation.name,
        "family_name": "",
        "languages_spoken": ["en"],
        "email_addresses": [_email(places.sender, UNSUBSCRIBED)],
        "phone_numbers": _no_phone(),
        "postal_addresses": [_address("", HOME)],
        "custom_fields": {},
        "_links": {"self": places.link("people", organisation.id)},
    }


def _email(address: str, status: str) -> Json:
    return {"primary": True, "address": address, "status": status}


def _no_phone() -> list[Json]:
    """We keep no telephone numbers, but clients take the primary one without looking."""
    return [{"primary": True, "number": "", "number_type": "Mobile", "status": UNSUBSCRIBED}]


def _address(postcode: str, country: str | None) -> Json:
    return {
        "primary": True,
        "address_lines": [],
        "locality": "",
        "region": "",
        "postal_code": postcode,
        "country": country,
    }


def _postcode(supporter: Supporter) -> str:
    return supporter.postcode.text if supporter.postcode else ""


def _country(code: str | None) -> str | None:
    """Of those abroad that alone is known."""
    return None if code == OVERSEAS else HOME


def _links(places: Places, supporter_id: UUID) -> Json:
    told = places.hide(Veil.PERSON, supporter_id)
    links: Json = {"self": places.link("people", told)}
    links |= {f"osdi:{name}": places.link("people", told, name) for name in _HERE}
    return links | {"curies": places.curies()}
