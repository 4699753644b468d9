"""Confirms signatures, for the API and the pages."""

from uuid import UUID

from api.answers.state import AppState
from services.common.tokens import Purpose
from services.errors import NotFound
from services.signatures.confirming import StandingSignature


async def confirm(state: AppState, signature_id: UUID) -> tuple[StandingSignature, int]:
    """Confirms a signature, so that it counts. It is committed when this returns.

    Returns the signature that stands, and how many its petition has. Raises the errors that
    `confirming.confirm_all` returns, and Unavailable if the queue is full.
    """
    confirmed, count = await state.confirmations.record(signature_id)
    if confirmed.signature is None:
        raise confirmed.error or NotFound("signature_unknown", "There is no such signature.")
    return confirmed.signature, count


async def confirmed_content(state: AppState, token: str) -> bytes:
    """Confirms the signature of a link, and returns the response as JSON.

    Raises what `Tokens.read` and `confirm` raise.
    """
    signature_id = state.lobby.tokens.read(Purpose.CONFIRM, token)
    signature, count = await confirm(state, signature_id)
    answers = await state.public_answers.confirmed.fetch(signature.petition_id)
    return answers.content(signature, count)
