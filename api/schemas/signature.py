"""Signatures: taking them, confirming them, and giving them to their own organisation."""

from datetime import datetime
from typing import Annotated, Literal
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
from api.schemas.letter import LetterText
from api.schemas.postcode import ConstituencyAnswer, MemberAnswer
from models import Signature, SignatureState, Supporter
from services.postcodes import directory
from services.signatures.entries import LONGEST_COMMENT, LONGEST_POSTCODE, LONGEST_SOURCE
from services.signatures.recording import HOME, ImportOrigin, SignatureRequest

Comment = Annotated[str, paragraphs(LONGEST_COMMENT)]
Source = Annotated[str, line(LONGEST_SOURCE)]


class Consents(Request):
    """Answers to questions for consent; a question that was not asked is left out.

    `updates` may the petition's organisation send news; `partner` may the partner contact them.
    """

    updates: bool | None = None
    partner: bool | None = None


class NewSignature(Request):
    """A signature. Outside the UK the postcode may be anything, or empty.

    `partner` is the slug of the partner of the petition's organisation whose site it was given on,
    and not needed with that partner's own key.
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
    ) -> SignatureRequest:
        """As the services take it."""
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
        )


class BulkSignature(NewSignature):
    """A row of a bulk post. The last two are for keys with `signatures:import`."""

    signed_at: Moment | None = None
    provenance: str | None = None


class MotionSeen(Answer):
    """The campaign's motion, as the signer's seat stands towards it."""

    number: str
    title: str
    signed_by_member: bool


class SignedAnswer(Answer):
    """The same for a new and for a repeated signature; `id` only for keys that may read them."""

    status: Literal["pending"] = "pending"
    id: UUID | None = None
    constituency: ConstituencyAnswer | None
    member: MemberAnswer | None
    motion: MotionSeen | None
    message: str


class TokenBody(Request):
    """A token from a link in a mail."""

    token: Token


class PetitionCount(Answer):
    """A petition and its confirmed signatures."""

    slug: str
    signature_count: int


class ConfirmedAnswer(Answer):
    """A confirmed signature, and the letter that its signer can send now.

    With `can_watch` the seat is vacant, and they can ask to be told when it has a member.
    """

    status: SignatureState
    petition: PetitionCount
    constituency: ConstituencyAnswer | None
    member: MemberAnswer | None
    letter: LetterText | None
    can_watch: bool


class WatchAnswer(Answer):
    """A promise to write once, when the seat has a member again."""

    status: Literal["watching"] = "watching"
    constituency: ConstituencyAnswer


class StatusAnswer(Answer):
    """The state of a signature."""

    status: SignatureState


class RowError(Answer):
    """One thing wrong with a row."""

    field: str
    code: str
    message: str


class RowResult(Answer):
    """What became of one row. `id` only for keys that may read signatures."""

    index: int
    status: Literal["accepted", "duplicate", "rejected"]
    id: UUID | None = None
    errors: list[RowError] | None = None


class BulkAnswer(Answer):
    """What became of all rows, and of each."""

    accepted: int
    duplicates: int
    rejected: int
    results: list[RowResult]


class SignatureAnswer(Answer):
    """A signature of the key's own organisation, decrypted."""

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


class PartnerSignatureAnswer(Answer):
    """A signature that came through the key's partner.

    `contact` tells whether its signer may be contacted by the partner: `null` where they were not
    asked. Without a yes there is no name, address, postcode or comment.
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


def signature_answer(signature: Signature, supporter: Supporter) -> SignatureAnswer:
    """With the address as its supporter gave it."""
    plain = {"id", "state", "country", "locale", "source", "provenance"}
    return SignatureAnswer(
        **signature.model_dump(include=plain | {"signed_at", "confirmed_at", "ended_at"}),
        name=signature.name.text,
        email=supporter.email.text,
        postcode=signature.postcode.text,
        comment=signature.comment.text if signature.comment else None,
        constituency=signature.constituency_code,
    )


def partner_signature_answer(
    signature: Signature, supporter: Supporter, contact: bool | None
) -> PartnerSignatureAnswer:
    """Opened only where its signer said yes."""
    plain = {"id", "state", "country", "locale", "source", "signed_at", "confirmed_at", "ended_at"}
    told = signature_answer(signature, supporter) if contact else None
    return PartnerSignatureAnswer(
        **signature.model_dump(include=plain),
        contact=contact,
        name=told and told.name,
        email=told and told.email,
        postcode=told and told.postcode,
        comment=told and told.comment,
        constituency=signature.constituency_code,
    )
