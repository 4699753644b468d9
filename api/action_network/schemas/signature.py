"""Bodies of signatures."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from pydantic import ValidationError, model_validator

from api.action_network.places import Places, Veil, identifiers, when
from api.action_network.schemas.person import PersonIn
from api.action_network.schemas.reading import renamed
from api.http import errors
from api.schemas.fields import rule
from api.schemas.signature import NewSignature
from services.common import countries, texts
from services.common.countries import HOME
from services.errors import Invalid
from services.postcodes import directory
from services.signatures.signature_pages import SignatureView

Json = dict[str, Any]
_NAMES = {
    "name": "person.given_name",
    "email": "person.email_addresses",
    "postcode": "person.postal_addresses.postal_code",
    "country": "person.postal_addresses.country",
    "comment": "comments",
    "source": "action_network:referrer_data.source",
}


def _name(text: str) -> str:
    return texts.person_name(text) if text else ""


class _Signature(NewSignature):
    """A signature by somebody who may have given no name and no postcode."""

    name: Annotated[str, rule(_name)]

    @model_validator(mode="after")
    def _postcode_is_of_the_uk(self) -> "_Signature":
        if self.country == HOME and self.postcode:
            self.postcode = directory.normalise(self.postcode)
        return self


class _WrittenSignature(_Signature):
    """A signature whose country is given as in an address book: also by name, or not at all."""

    country: Annotated[str, rule(countries.code_of_written)]


class _StoredSignature(_Signature):
    """A signature of a stored supporter, whose country the service itself gives."""

    country: str


def new_signature(person: PersonIn, body: Json) -> NewSignature:
    """Makes a signature of a person and a body. Raises Invalid with the client's field names."""
    return _checked(
        _WrittenSignature,
        name=person.name,
        email=person.email,
        postcode=person.address.postal_code or "",
        country=person.address.country or "",
        locale=person.locale or "en",
        consents={"updates": person.wants_updates},
        **_comment_and_source(body, person.source),
    )


def linked_signature(body: Json, **stored: object) -> NewSignature:
    """Makes a signature with a supporter's `name`, `email`, `postcode`, `country` and `locale`."""
    return _checked(_StoredSignature, **stored, **_comment_and_source(body, None))


def _comment_and_source(body: Json, source: str | None) -> Json:
    referrer = body.get("action_network:referrer_data")
    code = referrer.get("source") if isinstance(referrer, dict) else None
    return {"comment": body.get("comments") or None, "source": code or source or None}


def _checked(kind: type[NewSignature], **values: object) -> NewSignature:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        fields = errors.validation_fields(error.errors())
        raise renamed(Invalid("invalid", "Not valid.", fields), _NAMES) from None
    except Invalid as error:
        raise renamed(error, _NAMES) from None


@dataclass(frozen=True, slots=True)
class SignatureIds:
    """The ids in the answer to a signature; `email_index` is that of the signer's address."""

    signature_id: UUID
    petition_id: UUID
    email_index: bytes


def signature_answer(places: Places, view: SignatureView) -> Json:
    """Converts a signature, for keys that may read signatures."""
    ids = SignatureIds(view.id, view.petition_id, view.email_index)
    return _answer(places, ids, own_id=view.id) | {
        "created_date": when(view.created_at),
        "modified_date": when(view.modified_at),
        "comments": view.comment,
        "action_network:referrer_data": {"source": view.source},
        "central_lobby:state": view.state,
        "central_lobby:constituency": view.constituency_code,
    }


def signed_answer(places: Places, ids: SignatureIds, body: NewSignature, now: str) -> Json:
    """Returns the input as the answer, for keys that may not read signatures.

    Nothing in it is looked up.
    """
    return _answer(places, ids, own_id=None) | {
        "created_date": now,
        "modified_date": now,
        "comments": body.comment,
        "action_network:referrer_data": {"source": body.source},
        "central_lobby:state": "pending",
    }


def _answer(places: Places, ids: SignatureIds, *, own_id: UUID | None) -> Json:
    public_id = places.hide(Veil.SIGNATURE, ids.signature_id)
    person_id = places.person(ids.email_index)
    petition = places.link("petitions", ids.petition_id)
    return {
        "identifiers": identifiers(public_id, own_id),
        "action_network:person_id": str(person_id),
        "action_network:petition_id": str(ids.petition_id),
        "_links": {
            "self": places.link("petitions", ids.petition_id, "signatures", public_id),
            "osdi:petition": petition,
            "osdi:person": places.link("people", person_id),
            "curies": places.curies(),
        },
    }
