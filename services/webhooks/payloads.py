"""Webhook payloads: the stored body, the personal data that is added on sending, and samples.

A body is built when the event happens and contains no personal data. If the endpoint may have
personal data, it is read and added when the body is sent: none is stored in the queue, and data of
people who have withdrawn or were erased meanwhile is not sent.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import Session

from models import Signature, SignatureState, Supporter, WebhookEvent
from models.base import table_of
from services.supporters import supporters

Data = dict[str, Any]
_signature, _supporter = table_of(Signature), table_of(Supporter)
_PEOPLE = (
    sa.select(
        _signature.c.id,
        _signature.c.name,
        _supporter.c.email,
        _signature.c.postcode,
        _signature.c.country,
        _signature.c.comment,
        _signature.c.locale,
        _signature.c.source,
        _signature.c.provenance,
        supporters.may_be_sent_updates().label("updates"),
    )
    .join(_supporter, _supporter.c.id == _signature.c.supporter_id)
    .where(
        _signature.c.id.in_(sa.bindparam("ids", expanding=True)),
        _signature.c.state == SignatureState.CONFIRMED,
    )
)
_SEALED = ("name", "email", "postcode", "comment")
_SAMPLE_AT = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
_SAMPLE_ID = UUID("0197c5a0-0000-7000-8000-000000000001")
_MOTION = {"id": 65938, "number": "152", "title": "NHS Professionals"}
_MEMBER = {"id": 4000, "name": "Morag Ferncastle", "party": "Labour", "constituency": "S14000078"}
_MOTION_DATA: Data = {"motion": _MOTION, "campaigns": ["nhs-professionals"], "signed": 167}
_PETITION_DATA: Data = {
    "petition": "keep-nhs-professionals-public",
    "campaign": "nhs-professionals",
}
_SIGNATURE_DATA: Data = {
    "signature_id": _SAMPLE_ID,
    **_PETITION_DATA,
    "constituency": "S14000078",
    "signed_at": _SAMPLE_AT,
}
_LETTER_DATA: Data = {
    "letter_id": _SAMPLE_ID,
    "campaign": "nhs-professionals",
    "motion_id": 65938,
    "member_id": 4000,
    "constituency": "S14000078",
}
_SAMPLE_PERSON: Data = {
    "name": "Anna Example",
    "email": "anna@example.org",
    "postcode": "EH1 1YZ",
    "country": "GB",
    "comment": None,
    "locale": "en",
    "source": None,
    "provenance": None,
    "updates": True,
}
TEST: Data = {"message": "This is a test. Nothing has happened."}
_SAMPLES: dict[WebhookEvent, Data] = {
    WebhookEvent.SIGNATURE_CONFIRMED: _SIGNATURE_DATA | {"confirmed_at": _SAMPLE_AT},
    WebhookEvent.SIGNATURE_WITHDRAWN: _SIGNATURE_DATA | {"reason": "withdrawn"},
    WebhookEvent.LETTER_SENT: _LETTER_DATA | {"sent_at": _SAMPLE_AT},
    WebhookEvent.LETTER_ANSWERED: _LETTER_DATA
    | {"outcome": "answered", "said": "will_sign", "said_on": "2026-07-01"},
    WebhookEvent.MOTION_SIGNED: _MOTION_DATA | {"member": _MEMBER, "happened_on": "2026-07-01"},
    WebhookEvent.MOTION_WITHDRAWN: _MOTION_DATA | {"member": _MEMBER, "happened_on": "2026-07-01"},
    WebhookEvent.MOTION_LAPSED: _MOTION_DATA | {"member": None, "happened_on": "2026-07-01"},
    WebhookEvent.PETITION_GOAL_REACHED: _PETITION_DATA | {"goal": 10000, "signature_count": 10003},
    WebhookEvent.SUPPORTER_PREFERENCES_CHANGED: _SIGNATURE_DATA
    | {"changed": ["updates"], "consents": {"updates": False, "partner": None}},
    WebhookEvent.TEST: TEST,
}


def body(event: WebhookEvent, data: Data, *, at: datetime) -> str:
    """Returns the body of an event as JSON, without personal data: `type`, `timestamp`, `data`."""
    content = {"type": event.value, "timestamp": at, "data": data}
    return orjson.dumps(content, option=orjson.OPT_UTC_Z).decode()


def with_person(payload: str, person: Data | None) -> str:
    """Returns a body with the signer as `person`; null if the signature no longer counts."""
    content = orjson.loads(payload)
    content["data"]["person"] = person
    return orjson.dumps(content).decode()


def people(session: Session, signature_ids: Collection[UUID]) -> dict[UUID, Data]:
    """Returns the signers of confirmed signatures by the signatures' ids."""
    if not signature_ids:
        return {}
    rows = session.connection().execute(_PEOPLE, {"ids": list(signature_ids)})
    return {row["id"]: _person(row) for row in rows.mappings()}


def sample(event: WebhookEvent, *, is_personal: bool) -> Data:
    """Returns an example of an event's payload, with invented data."""
    payload = body(event, _SAMPLES[event], at=_SAMPLE_AT)
    if is_personal and event is WebhookEvent.SIGNATURE_CONFIRMED:
        payload = with_person(payload, _SAMPLE_PERSON)
    content: Data = orjson.loads(payload)
    return content


def _person(row: Any) -> Data:
    plain = {name: value for name, value in row.items() if name not in ("id", *_SEALED)}
    decrypted = {name: row[name].text if row[name] else None for name in _SEALED}
    updates = None if plain["updates"] is None else bool(plain["updates"])
    return decrypted | plain | {"updates": updates}
