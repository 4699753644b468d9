"""Requests for signatures on their way through `services.signatures.recording`: their columns, and
what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from models import Private, SignatureState
from services.common import texts
from services.errors import Invalid, LobbyError
from services.organisations.partners import NamedPartner
from services.supporters import supporters
from services.traffic.idempotency import Keyed, StoredAnswer

HOME = "GB"
LONGEST_COMMENT, LONGEST_SOURCE, LONGEST_POSTCODE, LONGEST_PROVENANCE = 1000, 100, 20, 200
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Nobody has petitions to bring in from before; a mistyped year is more likely."""


@dataclass(frozen=True, slots=True)
class Import:
    """Where and when a signature was given, if not here: on paper, or in another system.

    With `is_confirmed` it counts at once, on the word of who has it. Without, its signer is asked
    by mail, and it was signed when they are asked: it has as long to be confirmed as others have.
    """

    provenance: str
    signed_at: datetime | None = None
    is_confirmed: bool = True

    @classmethod
    def of(
        cls,
        provenance: str,
        *,
        signed_at: datetime | None = None,
        is_confirmed: bool = True,
        now: datetime,
    ) -> "Import":
        """Checked for form; Invalid with all that is wrong."""
        problems: list[Invalid] = []
        try:
            provenance = texts.line(provenance, "provenance", longest=LONGEST_PROVENANCE)
        except Invalid as error:
            problems.append(error if provenance.strip() else _no_provenance())
        try:
            if signed_at is not None:
                _require_past(signed_at, now)
        except Invalid as error:
            problems.append(error)
        if problems:
            raise texts.combined(problems)
        return cls(provenance, signed_at, is_confirmed)


def _no_provenance() -> Invalid:
    message = "Say where this was signed, such as 'paper, Leeds stall, 3 May 2026'."
    return Invalid.field("provenance", "missing", message)


def _require_past(signed_at: datetime, now: datetime) -> None:
    if signed_at > now:
        raise Invalid.field("signed_at", "in_the_future", "This is in the future.")
    if signed_at < EARLIEST:
        message = f"This is before {EARLIEST.year}."
        raise Invalid.field("signed_at", "too_early", message)


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """A name for a petition, already checked for form (`services.common.texts`).

    `updates` is the answer to the question for consent; None where it was not asked, and so is
    `partner_contact` the answer to the partner's. The partner is known by the sender's key
    (`partner_id`) or named by its slug (`partner`). `once` comes with a key of the sender's, for
    `services.signatures.keyed`.
    """

    petition_slug: str
    name: str
    email: str
    postcode: str
    country: str = HOME
    comment: str | None = None
    locale: str = "en"
    source: str | None = None
    updates: bool | None = None
    partner_id: UUID | None = None
    partner: str | None = None
    partner_contact: bool | None = None
    imported: Import | None = None
    once: "Keyed[Outcome] | None" = None


class Outcome(NamedTuple):
    """What became of one request. With an `error`, nothing was written for it.

    `row_id` is the signature's, as hex digits. `is_repeat_in_batch` says that an earlier row of the
    same batch was the same signature; `is_counted`, that this import made it count. `state` is what
    it was found or made in. `answer` is kept for those who send the same again with the same key.
    """

    row_id: str | None = None
    constituency_code: str | None = None
    is_new: bool = False
    is_repeat_in_batch: bool = False
    is_counted: bool = False
    state: SignatureState | None = None
    error: LobbyError | None = None
    answer: StoredAnswer | None = None

    @property
    def signature_id(self) -> UUID | None:
        """Made when asked for: of most outcomes nobody wants to know it."""
        return UUID(self.row_id) if self.row_id else None


@dataclass(frozen=True, slots=True)
class OpenPetition:
    """What is needed of one; its id as hex digits."""

    id: str
    organisation_id: UUID


@dataclass(slots=True)
class SignatureEntry:
    """One request on its way. `is_counted`: it is what made the signature count. `partner` is
    known only where the request named one, or has an answer to one."""

    place: int
    request: SignatureRequest
    petition: OpenPetition
    code: str
    address: supporters.EmailAddress
    partner: NamedPartner | None = None
    supporter_id: str = ""
    is_new_supporter: bool = False
    signature_id: str = ""
    state: SignatureState = SignatureState.PENDING
    is_new: bool = False
    is_repeat: bool = False
    is_counted: bool = False

    @property
    def partner_id(self) -> UUID | None:
        """Whose site it came through."""
        return self.partner.id if self.partner else self.request.partner_id

    @property
    def is_to_count(self) -> bool:
        """Whether it counts without asking its signer, unless they said something themselves."""
        imported = self.request.imported
        return imported is not None and imported.is_confirmed

    def private(self, text: str | None) -> Private | None:
        """As it is kept at rest."""
        return None if text is None else Private(self.petition.organisation_id, text)


def as_signed(entries: Sequence[SignatureEntry]) -> dict[str, list[Any]]:
    """What people gave, by columns."""
    requests = [entry.request for entry in entries]
    return {
        "constituency_code": [entry.code for entry in entries],
        "name": [entry.private(entry.request.name) for entry in entries],
        "postcode": [entry.private(entry.request.postcode) for entry in entries],
        "comment": [entry.private(entry.request.comment) for entry in entries],
        "country": [request.country for request in requests],
        "locale": [request.locale for request in requests],
        "source": [request.source for request in requests],
        "partner_id": [entry.partner_id for entry in entries],
    }


def as_imported(entries: Sequence[SignatureEntry], *, now: datetime) -> dict[str, list[Any]]:
    """Where and when it was given, by columns; here and now for all but imports."""
    imports = [entry.request.imported for entry in entries]
    return {
        "provenance": [each.provenance if each else None for each in imports],
        "signed_at": [_signed_at(each, now) for each in imports],
        "confirmed_at": [now if entry.is_to_count else None for entry in entries],
    }


def _signed_at(imported: Import | None, now: datetime) -> datetime:
    if imported is None or not imported.is_confirmed:
        return now
    return imported.signed_at or now
