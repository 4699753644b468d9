"""Bodies of outreaches: letters to MPs."""

from typing import Any
from uuid import UUID

from pydantic import ValidationError

from api.action_network.places import Places, Veil, identifiers, when
from api.action_network.schemas.person import PersonIn, split_name
from api.action_network.schemas.reading import renamed
from api.http import errors
from api.schemas.letters.letter import NewLetterBody
from models import Member
from services.errors import Invalid
from services.letters.intake import NewLetter
from services.letters.letter_pages import LetterView
from services.parliament.seat_snapshots import SeatMember

Json = dict[str, Any]
_ADDRESS = "person.postal_addresses"
NAMES = {
    "name": "person.given_name",
    "email": "person.email_addresses",
    "address.line1": f"{_ADDRESS}.address_lines",
    "address.line2": f"{_ADDRESS}.address_lines",
    "address.town": f"{_ADDRESS}.locality",
    "address.postcode": f"{_ADDRESS}.postal_code",
    "body": "message",
}


def new_letter(person: PersonIn, body: Json) -> NewLetter:
    """Makes a new letter of a body. Raises Invalid with the names that the client used."""
    address = person.address
    line1, *others = address.lines or [""]
    values = {
        "name": person.name,
        "email": person.email,
        "address": {
            "line1": line1,
            "line2": ", ".join(others),
            "town": address.locality or "",
            "postcode": address.postal_code or "",
        },
        "subject": body.get("subject") or "",
        "body": body.get("message") or "",
        "locale": person.locale or "en",
        "consents": {"updates": person.wants_updates},
    }
    try:
        return NewLetterBody.model_validate(values).as_letter()
    except ValidationError as error:
        fields = errors.validation_fields(error.errors())
        raise renamed(Invalid("invalid", "Not valid.", fields), NAMES) from None


def outreach_answer(places: Places, view: LetterView, address_id: UUID | None) -> Json:
    """Converts a letter. With the id of its writer's address, the answer has writer and text."""
    letter, is_personal = view.letter, address_id is not None
    times = (letter.created_at, letter.confirmed_at, letter.sent_at, letter.bounced_at)
    answer = _answer(places, letter.id, letter.campaign_id, view.member) | {
        "created_date": when(letter.created_at),
        "modified_date": when(max(time for time in times if time is not None)),
        "subject": letter.subject.text if is_personal else None,
        "message": letter.body.text if is_personal else None,
        "central_lobby:state": letter.state,
        "central_lobby:constituency": letter.constituency_code,
    }
    if address_id is not None:
        person_id = places.hide(Veil.PERSON, address_id)
        answer["action_network:person_id"] = str(person_id)
        answer["_links"]["osdi:person"] = places.link("people", person_id)
    return answer


def submitted_answer(
    places: Places,
    letter_id: UUID,
    campaign_id: UUID,
    member: Member | SeatMember | None,
    sent: NewLetter,
) -> Json:
    """Returns the input as the answer, which is the same for a writer's second letter."""
    return _answer(places, letter_id, campaign_id, member) | {
        "subject": sent.subject,
        "message": sent.body,
        "central_lobby:state": "pending",
    }


def _answer(
    places: Places, letter_id: UUID, campaign_id: UUID, member: Member | SeatMember | None
) -> Json:
    public_id = places.hide(Veil.OUTREACH, letter_id)
    campaign = places.link("advocacy_campaigns", campaign_id)
    return {
        "identifiers": identifiers(public_id),
        "type": "email",
        "targets": [_target(member)] if member else [],
        "action_network:advocacy_campaign_id": str(campaign_id),
        "_links": {
            "self": places.link("advocacy_campaigns", campaign_id, "outreaches", public_id),
            "osdi:advocacy_campaign": campaign,
            "curies": places.curies(),
        },
    }


def _target(member: Member | SeatMember) -> Json:
    given, family = split_name(member.name)
    return {"title": "MP", "given_name": given, "family_name": family}
