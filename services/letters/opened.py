"""Counts letters that their writers opened in their own email program, by seat.

A draft has a token for it, bound to the campaign and the member, so that nobody raises the count
without a draft. A token counts once. Nothing about the writer is kept.
"""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import Keyring
from services.common.tokens import Purpose, Tokens
from services.errors import Conflict, Gone, Invalid
from services.letters.drafting.situations import REASONS, Situation
from services.tallies import counts
from services.traffic import idempotency
from services.traffic.idempotency import StoredAnswer

# An id has random bytes, so that drafts of one second differ, and then those of what it is for.
_HALF = 8
_DONE = StoredAnswer(202, b"")


def issue(tokens: Tokens, situation: Situation) -> str | None:
    """Returns the token of a draft; None if no letter can be sent."""
    if situation.reason is not None or situation.member is None:
        return None
    row_id = UUID(bytes=secrets.token_bytes(_HALF) + _binding(situation))
    return tokens.issue(Purpose.OPENED, row_id)


def count(
    session: Session,
    situation: Situation,
    token: str,
    *,
    tokens: Tokens,
    keyring: Keyring,
    now: datetime,
) -> None:
    """Counts the letter of a draft, unless its token was counted before.

    :raises Conflict: no letter can be sent
    :raises Gone: the draft is too old
    :raises Invalid: the token is none of a draft for this campaign and member
    """
    row_id = _read(tokens, token)
    if situation.reason is not None:
        raise Conflict(f"letter_{situation.reason}", REASONS[situation.reason])
    if row_id.bytes[_HALF:] != _binding(situation):
        raise _invalid()

    def add() -> StoredAnswer:
        code = situation.seat.constituency.code
        counts.add_opened(session, situation.campaign.id, _motion_id(situation), code)
        return _DONE

    # Stored for a day, which is longer than the token is good for.
    attempt = idempotency.attempt(
        keyring, row_id.hex, key_id=None, method="", path="letter opened", content=b""
    )
    idempotency.run_once(session, attempt, add, now=now)


def _binding(situation: Situation) -> bytes:
    member_id = situation.member.id if situation.member else 0
    whole = f"{situation.campaign.id} {_motion_id(situation)} {member_id}"
    return hashlib.sha256(whole.encode()).digest()[:_HALF]


def _motion_id(situation: Situation) -> int | None:
    return situation.motion.id if situation.motion else None


def _read(tokens: Tokens, token: str) -> UUID:
    try:
        return tokens.read(Purpose.OPENED, token)
    except Gone as error:
        raise Gone(error.code, "This draft is too old. Please draft the letter again.") from error
    except Invalid as error:
        raise _invalid() from error


def _invalid() -> Invalid:
    message = "Send the token that came with a draft of this campaign to this MP."
    return Invalid.field("token", "token_invalid", message)
