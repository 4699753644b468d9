"""Makes the submission of a request to sign."""

from models import SubmissionKind
from services.signatures.entries import SignatureEntry
from services.submissions import payload
from services.submissions.intake import NewSubmission
from services.submissions.payload import PayloadPartner, SignaturePayload


def new_submission(entry: SignatureEntry) -> NewSubmission:
    """Returns the submission of a request, with everything that was typed sealed in it."""
    contents = payload_of(entry)
    return NewSubmission(
        SubmissionKind.SIGNATURE,
        entry.petition.id,
        entry.code,
        payload.seal(entry.petition.organisation_id, contents),
        entry.request.sender_index,
    )


def payload_of(entry: SignatureEntry) -> SignaturePayload:
    """Returns what is kept of a request until it is confirmed."""
    request, partner, origin = entry.request, entry.partner, entry.request.imported
    return SignaturePayload(
        name=request.name,
        email=request.email,
        postcode=request.postcode,
        country=request.country,
        locale=request.locale,
        comment=request.comment,
        source=request.source,
        updates=request.updates,
        partner=PayloadPartner(partner.id, partner.slug, partner.name) if partner else None,
        partner_id=request.partner_id,
        partner_contact=request.partner_contact,
        tag_ids=request.tag_ids,
        provenance=origin.provenance if origin else None,
        given_at=origin.signed_at.isoformat() if origin and origin.signed_at else None,
    )
