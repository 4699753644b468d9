"""The data that `services.signatures.recording` works on: requests, entries, outcomes, columns."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from models import SignatureState
from services.common import countries, texts
from services.errors import Invalid, LobbyError
from services.organisations.partners import NamedPartner
from services.traffic.idempotency import KeyedRequest, StoredAnswer

HOME = countries.HOME
LONGEST_COMMENT, LONGEST_SOURCE, LONGEST_POSTCODE, LONGEST_PROVENANCE = 1000, 100, 20, 200
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""The earliest date of an import; an earlier one is more likely a mistyped year."""


@dataclass(frozen=True, slots=True)
class ImportOrigin:
    """Where and when a signature was given on paper or in another system.

    With `is_confirmed` it counts at once, as vouched for by the importer. Without, its signer is
    asked by email to confirm it, and it is dated to the import, so that they have as long for that
    as everybody else.
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
    ) -> "ImportOrigin":
        """Returns a checked origin; raises Invalid with all problems."""
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
    """A request to sign a petition; its texts are checked already (`services.common.texts`).

    Name and postcode are empty if a client of another API gave none.
    `updates` is the answer to the question about news, `partner_contact` that to the partner's
    question; None if it was not asked. The partner is known by the sender's API key (`partner_id`)
    or named by its slug (`partner`). `sender_index` is the keyed hash of the network or API key it
    came from. `tag_ids` are put on the signer once they confirm. `keyed` is set if the request
    came with an idempotency key; `services.signatures.keyed` records it once.
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
    imported: ImportOrigin | None = None
    sender_index: bytes | None = None
    tag_ids: tuple[UUID, ...] = ()
    keyed: "KeyedRequest[Outcome] | None" = None


class Outcome(NamedTuple):
    """The outcome of one request. With an `error`, nothing was written for it.

    `row_id` is in hex digits: the id of the submission, which becomes the signature's, or of an
    import the signature's own. `is_new` means that this request made it, `is_counted` that it is an
    import that made it count. `is_repeat_in_batch` means that an earlier request of the same sender
    in the batch had the same address. `answer` is the one stored for retries with the same
    idempotency key.
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
        """The signature's id; a property because most callers do not need it as a UUID."""
        return UUID(self.row_id) if self.row_id else None


@dataclass(frozen=True, slots=True)
class OpenPetition:
    """The columns of an open petition that recording needs; `id` in hex digits."""

    id: str
    organisation_id: UUID


@dataclass(frozen=True, slots=True)
class SignatureEntry:
    """A valid request of a batch.

    `position` is its index in the batch. `partner` is set only if the request names one or answers
    its question.
    """

    position: int
    request: SignatureRequest
    petition: OpenPetition
    code: str
    partner: NamedPartner | None = None

    @property
    def partner_id(self) -> UUID | None:
        """The partner whose site the request came through."""
        return self.partner.id if self.partner else self.request.partner_id
