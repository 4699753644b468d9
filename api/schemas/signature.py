"""Bodies of signatures: new ones, in bulk, confirmed ones, and those read with a key."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import model_validator

from api.schemas.days import Moment
from api.schemas.fields import (
    Answer,
    Country,
    EmailAddress,
    Locale,
    PersonName,
    Request,
    Slug,
    Token,
    line,
    paragraphs,
)
from api.schemas.letters.letter import OfferedLetter
from api.schemas.postcode import ConstituencyAnswer, MemberAnswer
from models import Signature, SignatureState, Supporter
from services.mail.mail_templates import MAIL_LOCALE
from services.postcodes import directory
from services.signatures.entries import LONGEST_COMMENT, LONGEST_POSTCODE, LONGEST_SOURCE
from services.signatures.pending_views import PendingSignature
from services.signatures.recording import HOME, ImportOrigin, Outcome, SignatureRequest
from services.signatures.signature_lists import ListedSignature
from services.signatures.signature_states import SignatureRow
from services.traffic.idempotency import KeyedRequest

Comment = Annotated[str, paragraphs(LONGEST_COMMENT)]
Source = Annotated[str, line(LONGEST_SOURCE)]
_PLAIN = {"id", "state", "country", "locale", "source", "signed_at", "confirmed_at", "ended_at"}


class Consents(Request):
    """The signer's answers to questions for consent. Leave out questions that were not asked.

    `updates`: the petition's organisation may send news. `partner`: the partner may contact them.
    """

    updates: bool | None = None
    partner: bool | None = None


class NewSignature(Request):
    """A signature. Outside the UK, the postcode may be anything, or empty.

    `partner` is the slug of the partner whose site the signature was given on. It must be a partner
    of the petition's organisation. A partner's own key makes it unnecessary.
    """

    name: PersonName
    email: EmailAddress
    postcode: Annotated[str, line(LONGEST_POSTCODE, shortest=0)]
    country: Country = HOME
    comment: Comment | None = None
    locale: Locale = "en"
    source: Source | None = None
    partner: Slug | None = None
    consents: Consents = Consents()

    @model_validator(mode="after")
    def _postcode_is_of_the_uk(self) -> "NewSignature":
        if self.country == HOME:
            self.postcode = directory.normalise(self.postcode)
        return self

    def as_request(
        self,
        petition_slug: str,
        partner_id: UUID | None = None,
        imported: ImportOrigin | None = None,
        sender_index: bytes | None = None,
        keyed: KeyedRequest[Outcome] | None = None,
    ) -> SignatureRequest:
        return SignatureRequest(
            petition_slug=petition_slug,
            name=self.name,
            email=self.email,
            postcode=self.postcode,
            country=self.country,
            comment=self.comment,
            locale=self.locale,
            source=self.source,
            updates=self.consents.updates,
            partner_id=partner_id,
            partner=self.partner,
            partner_contact=self.consents.partner,
            imported=imported,
            sender_index=sender_index,
            keyed=keyed,
        )


class BulkSignature(NewSignature):
    """A row of a bulk call. `signed_at` and `provenance` need a key with `signatures:import`."""

    signed_at: Moment | None = None
    provenance: str | None = None


class MotionSeen(Answer):
    """The campaign's motion, and whether the signer's MP has signed it: null without an MP."""

    number: str
    title: str
    signed_by_member: bool | None


class SignedAnswer(Answer):
    """The answer to a new or a repeated signature. `id` is for keys that may read signatures.

    `locale` is the language of `message` and of the emails, which have no other words yet.
    """

    status: Literal["pending"] = "pending"
    id: UUID | None = None
    constituency: ConstituencyAnswer | None
    member: MemberAnswer | None
    motion: MotionSeen | None
    message: str
    locale: Locale = MAIL_LOCALE


class TokenBody(Request):
    """A token from a link in an email."""

    token: Token


class PetitionCount(Answer):
    """A petition and its number of confirmed signatures."""

    slug: str
    signature_count: int


class ConfirmedAnswer(Answer):
    """A confirmed signature, and a letter that its signer can send now.

    `can_watch`: the seat is vacant, and the signer can ask for an email when it has a member.
    """

    status: SignatureState
    petition: PetitionCount
    constituency: ConstituencyAnswer | None
    member: MemberAnswer | None
    letter: OfferedLetter | None
    can_watch: bool


class WatchAnswer(Answer):
    """The service will send one email when the seat has a member."""

    status: Literal["watching"] = "watching"
    constituency: ConstituencyAnswer


class StatusAnswer(Answer):
    """The state of a signature."""

    status: SignatureState


class RowError(Answer):
    """An error in a row."""

    field: str
    code: str
    message: str


class RowResult(Answer):
    """The result of one row. `id` is for keys that may read signatures."""

    index: int
    status: Literal["accepted", "duplicate", "rejected"]
    id: UUID | None = None
    errors: list[RowError] | None = None


class BulkAnswer(Answer):
    """The counts of a bulk call, and the result of each row."""

    accepted: int
    duplicates: int
    rejected: int
    results: list[RowResult]


class ShownConsents(Answer):
    """The signer's last confirmed answers, as they are now, wherever they were given.

    `updates`: your organisation may send news. `partner`: the signature's partner may contact them.
    Only `true` is consent: both are `false` for somebody who wants no email at all. `null` means
    that the question was not asked, or that there is no partner.
    """

    updates: bool | None
    partner: bool | None


class SignatureAnswer(Answer):
    """A signature of a petition of the key's organisation, decrypted.

    `partner` is the slug of the partner that it came through. `changed_at` is when anything here
    last changed.
    """

    id: UUID
    state: SignatureState
    name: str
    email: str
    postcode: str
    country: str
    comment: str | None
    constituency: str
    locale: str
    source: str | None
    signed_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None
    provenance: str | None
    partner: str | None
    consents: ShownConsents
    changed_at: datetime


class PartnerSignatureAnswer(Answer):
    """A signature that came through the key's partner.

    `contact`: the signer allowed the partner to contact them. It is `null` if they were not asked.
    Unless it is true, name, email address, postcode and comment are null. `changed_at` is when
    anything here last changed.
    """

    id: UUID
    state: SignatureState
    contact: bool | None
    name: str | None
    email: str | None
    postcode: str | None
    comment: str | None
    country: str
    constituency: str
    locale: str
    source: str | None
    signed_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None
    changed_at: datetime


def signature_answer(row: SignatureRow) -> SignatureAnswer:
    """Converts a signature, with the email address as its supporter typed it."""
    signature = row.signature
    return SignatureAnswer(
        **signature.model_dump(include=_PLAIN | {"provenance", "changed_at"}),
        **_personal(signature, row.supporter),
        constituency=signature.constituency_code,
        partner=row.partner,
        consents=ShownConsents(**row.consents._asdict()),
    )


def pending_answer(pending: PendingSignature) -> SignatureAnswer:
    """Converts a submission, which is a pending signature to its readers."""
    return SignatureAnswer(
        id=pending.id,
        state=SignatureState.PENDING,
        name=pending.name,
        email=pending.email,
        postcode=pending.postcode,
        country=pending.country,
        comment=pending.comment,
        constituency=pending.constituency_code,
        locale=pending.locale,
        source=pending.source,
        signed_at=pending.signed_at,
        confirmed_at=None,
        ended_at=None,
        provenance=pending.provenance,
        partner=pending.partner,
        consents=ShownConsents(**pending.consents._asdict()),
        changed_at=pending.signed_at,
    )


def listed_answer(listed: ListedSignature) -> SignatureAnswer | None:
    """Converts a row of a list; None if it does not open."""
    if listed.signature is not None:
        return signature_answer(listed.signature)
    return pending_answer(listed.pending) if listed.pending else None


def partner_signature_answer(
    signature: Signature, supporter: Supporter, contact: bool | None
) -> PartnerSignatureAnswer:
    """Converts a signature. Decrypts personal data only if `contact` is true."""
    nothing = dict.fromkeys(("name", "email", "postcode", "comment"))
    return PartnerSignatureAnswer(
        **signature.model_dump(include=_PLAIN),
        **(_personal(signature, supporter) if contact else nothing),
        contact=contact,
        constituency=signature.constituency_code,
        changed_at=signature.partner_changed_at or signature.changed_at,
    )


def _personal(signature: Signature, supporter: Supporter) -> dict[str, Any]:
    return {
        "name": signature.name.text,
        "email": supporter.email.text,
        "postcode": signature.postcode.text,
        "comment": signature.comment.text if signature.comment else None,
    }
