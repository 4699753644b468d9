"""The tokens that prove the sender of a letter to be the signer of a petition."""

from uuid import UUID

from services.common.tokens import Purpose, Tokens
from services.signatures.confirming import StandingSignature


def proof_of(tokens: Tokens, signature: StandingSignature) -> str | None:
    """Returns the proof for the answer to a confirmation; None if only an importer vouches for the
    signature."""
    return tokens.issue(Purpose.WRITE, signature.id) if signature.confirmed_by_signer else None


def signature_in(tokens: Tokens, proof: str | None) -> UUID | None:
    """Returns the id of the signature in a proof.

    None for one that is missing, expired or forged: that is no error, so that nobody learns why.
    """
    return tokens.read_if_good(Purpose.WRITE, proof)
