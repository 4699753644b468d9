"""The tokens that prove the sender of a letter to be the signer of a petition."""

from uuid import UUID

from models import Signature
from services.common.tokens import Purpose, Tokens
from services.letters import proofs


def proof_of(tokens: Tokens, signature: Signature) -> str | None:
    """Returns the proof for the answer to a confirmation; None if the signature proves nothing."""
    return tokens.issue(Purpose.WRITE, signature.id) if proofs.can_prove(signature) else None


def signature_in(tokens: Tokens, proof: str | None) -> UUID | None:
    """Returns the id of the signature in a proof.

    None for one that is missing, expired or forged: that is no error, so that nobody learns why.
    """
    return tokens.read_if_good(Purpose.WRITE, proof)
