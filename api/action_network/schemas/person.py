"""Bodies of people."""

from typing import Any, TypeVar

from pydantic import Field

from api.action_network.places import Places, identifiers, when
from api.action_network.schemas.reading import Part, parsed
from models import Organisation, Supporter
from models.constituency import OVERSEAS
from services.common import countries
from services.common.countries import HOME
from services.errors import Invalid
from services.supporters.supporter_pages import SupporterView

Json = dict[str, Any]
SUBSCRIBED, UNSUBSCRIBED = "subscribed", "unsubscribed"
_LOCALES = frozenset({"en", "cy"})
_HERE = ("signatures", "outreaches", "taggings")


class _Contact(Part):
    primary: Any = None


ContactT = TypeVar("ContactT", bound=_Contact)


class EmailIn(_Contact):
    """An email address. Of several, the primary one counts, or else the first."""

    address: str | None = None
    status: str | None = None


class AddressIn(_Contact):
    """A postal address. Of several, the primary one counts, or else the first."""

    address_lines: list[str | None] | str | None = None
    locality: str | None = None
    postal_code: str | None = None
    country: str | None = None

    @property
    def lines(self) -> list[str]:
        """The lines that are not empty."""
        value = self.address_lines
        lines = [value] if isinstance(value, str) else value or []
        return [line.strip() for line in lines if line and line.strip()]

    @property
    def home_country(self) -> str:
        """The two letters of ISO 3166-1, or the United Kingdom if the address has no country.

        Raises Invalid for the field `country`.
        """
        return countries.code_of_written(self.country or "")


class PersonIn(Part):
    """A person as a client sends them. None is for a field that is not in the body."""

    given_name: str | None = None
    family_name: str | None = None
    email_addresses: list[EmailIn] | None = Field(default=None, max_length=20)
    postal_addresses: list[AddressIn] | None = Field(default=None, max_length=20)
    languages_spoken: list[str] | None = Field(default=None, max_length=50)
    source: str | None = None

    @property
    def name(self) -> str:
        """Returns the given and the family name as one text."""
        parts = (self.given_name or "", self.family_name or "")
        return " ".join(part.strip() for part in parts if part.strip())

    @property
    def email(self) -> str:
        """The email address that counts, or an empty text."""
        return self._email.address or ""

    @property
    def wants_updates(self) -> bool | None:
        """Returns whether they want news, or None if they were not asked."""
        return {SUBSCRIBED: True, UNSUBSCRIBED: False}.get(self._email.status or "")

    @property
    def address(self) -> AddressIn:
        """The postal address that counts, or an empty one."""
        return _primary(self.postal_addresses) or AddressIn()

    @property
    def locale(self) -> str | None:
        """The first of their languages that the service supports."""
        spoken = [language.lower()[:2] for language in self.languages_spoken or []]
        return next((language for language in spoken if language in _LOCALES), None)

    @property
    def _email(self) -> EmailIn:
        return _primary(self.email_addresses) or EmailIn()


def person_in(body: Json) -> PersonIn:
    """Returns the person in a body. Raises Invalid if it is missing or malformed."""
    if not isinstance(body.get("person"), dict):
        message = "Tell of a person: an object with given_name, email_addresses and so on."
        raise Invalid.field("person", "missing", message)
    return parsed(PersonIn, body["person"], "person")


def _primary(contacts: list[ContactT] | None) -> ContactT | None:
    contacts = contacts or []
    first = contacts[0] if contacts else None
    return next((contact for contact in contacts if contact.primary is True), first)


def split_name(name: str) -> tuple[str, str]:
    """Splits the one stored name into given and family name: the last word is the family name."""
    given, _, family = name.rpartition(" ")
    return (given, family) if given else (family, "")


def person_answer(places: Places, view: SupporterView) -> Json:
    """Converts a supporter, with all data of their organisation."""
    supporter = view.supporter
    given, family = split_name(supporter.name.text if supporter.name else "")
    status = SUBSCRIBED if view.wants_updates else UNSUBSCRIBED
    code = supporter.constituency_code
    return {
        "identifiers": identifiers(places.person(supporter.email_index), supporter.id),
        "created_date": when(supporter.created_at),
        "modified_date": when(view.modified_at),
        "given_name": given,
        "family_name": family,
        "languages_spoken": [supporter.locale],
        "email_addresses": [_email(supporter.email.text, status)],
        "phone_numbers": _no_phone(),
        "postal_addresses": [_address(_postcode(supporter), _country(code))],
        "custom_fields": {"constituency": code} if code else {},
        "_links": _links(places, supporter.email_index),
    }


def introduced_answer(places: Places, email_index: bytes, person: PersonIn, now: str) -> Json:
    """Returns the input as the answer, for keys that may not read people.

    It is the same for a new and a known person.
    """
    address, status = person.address, person.wants_updates
    return {
        "identifiers": identifiers(places.person(email_index)),
        "created_date": now,
        "modified_date": now,
        "given_name": person.given_name or "",
        "family_name": person.family_name or "",
        "languages_spoken": [person.locale or "en"],
        "email_addresses": [_email(person.email, SUBSCRIBED if status else UNSUBSCRIBED)],
        "phone_numbers": _no_phone(),
        "postal_addresses": [_address(address.postal_code or "", address.home_country)],
        "custom_fields": {},
        "_links": _links(places, email_index),
    }


def creator_answer(places: Places, organisation: Organisation) -> Json:
    """Converts an organisation to a person: clients look for the creator of a petition."""
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
    """Returns an empty number: the service stores none, but clients expect a primary one."""
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
    """Returns None for people abroad: the service does not store their country."""
    return None if code == OVERSEAS else HOME


def _links(places: Places, email_index: bytes) -> Json:
    public_id = places.person(email_index)
    links: Json = {"self": places.link("people", public_id)}
    links |= {f"osdi:{name}": places.link("people", public_id, name) for name in _HERE}
    return links | {"curies": places.curies()}
