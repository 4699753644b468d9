"""The sealed part of a submission: everything that its sender typed, as one JSON object.

`v` is the version of the shape. A release reads every version that the release before it wrote,
because payloads are kept for 14 days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from models import Keyring, Private
from services.errors import Unavailable

PURPOSE = "submission.payload"
VERSION = 1
WITHOUT_MOTION = 2
"""The version of a letter without a motion, which the release before this one cannot store."""


class Unreadable(Exception):
    """A payload is damaged, was sealed under another key, or has a version of a newer program."""


@dataclass(frozen=True, slots=True)
class PayloadPartner:
    """The partner whose site it came through, with the name that the signer saw."""

    id: UUID
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class SignaturePayload:
    """What somebody sent in order to sign a petition.

    `updates` and `partner_contact` are the answers to the questions about news and about the
    partner; None if they were not asked. `partner_id` is that of the sender's key where the partner
    is not named in `partner`. `tag_ids` are put on the signer. `provenance` and `given_at` (RFC
    3339) say where and when an imported signature that still needs confirmation was given.
    """

    name: str
    email: str
    postcode: str
    country: str
    locale: str
    comment: str | None = None
    source: str | None = None
    updates: bool | None = None
    partner: PayloadPartner | None = None
    partner_id: UUID | None = None
    partner_contact: bool | None = None
    tag_ids: tuple[UUID, ...] = ()
    provenance: str | None = None
    given_at: str | None = None
    v: int = VERSION


@dataclass(frozen=True, slots=True)
class LetterPayload:
    """What somebody sent in order to write to their MP.

    `line1`, `line2`, `town` and `postcode` are the postal address. `act` and `variant` say which
    kind of letter it was drafted from. `updates` is the answer to the question about news; None if
    it was not asked. `motion_id` is None if the campaign had no motion.
    """

    name: str
    email: str
    line1: str
    line2: str
    town: str
    postcode: str
    subject: str
    body: str
    member_id: int
    motion_id: int | None
    act: str
    variant: str
    locale: str
    wants_copy: bool = False
    updates: bool | None = None
    v: int = VERSION


def seal(organisation_id: UUID, payload: SignaturePayload | LetterPayload) -> Private:
    """Returns the payload for the column `submission.payload`, which encrypts it."""
    return Private(organisation_id, orjson.dumps(payload).decode())


def open_sealed(sealed: bytes, keyring: Keyring) -> tuple[UUID, SignaturePayload]:
    """Returns the organisation's id and the payload. Raises Unreadable.

    It takes the raw value of the column, so that one damaged row does not stop a batch.
    """
    try:
        private = keyring.open(bytes(sealed), PURPOSE)
        return private.organisation_id, of_text(private.text)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise Unreadable("a payload cannot be read") from error


def open_letter(sealed: bytes, keyring: Keyring) -> tuple[UUID, LetterPayload]:
    """Works like `open_sealed`, for a letter."""
    try:
        private = keyring.open(bytes(sealed), PURPOSE)
        return private.organisation_id, letter_of_text(private.text)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise Unreadable("a payload cannot be read") from error


def of_text(text: str) -> SignaturePayload:
    """Parses the JSON of a payload. Raises Unreadable, or ValueError for what is no JSON."""
    return SignaturePayload(**_parsed(_values(text)))


def unreadable() -> Unavailable:
    """Returns the error for a person whose submission cannot be read now."""
    message = "We cannot read this at the moment. Please try again later."
    return Unavailable("submission_unreadable", message)


def letter_of_text(text: str) -> LetterPayload:
    """Works like `of_text`, for a letter. Raises TypeError for the JSON of something else."""
    return LetterPayload(**_values(text, WITHOUT_MOTION))


def _values(text: str, newest: int = VERSION) -> dict[str, Any]:
    values: dict[str, Any] = orjson.loads(text)
    if values.get("v") not in range(VERSION, newest + 1):
        raise Unreadable("a payload has an unknown version")
    return values


def _parsed(values: Mapping[str, Any]) -> dict[str, Any]:
    partner, partner_id = values["partner"], values["partner_id"]
    return {
        **values,
        "partner": partner
        and PayloadPartner(UUID(partner["id"]), partner["slug"], partner["name"]),
        "partner_id": partner_id and UUID(partner_id),
        "tag_ids": tuple(map(UUID, values["tag_ids"])),
    }
