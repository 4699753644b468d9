"""A new password for somebody who has forgotten theirs, by a link that we email to them.

The link works for an hour. It is bound to the present password, so it works once.
"""

import hashlib
import hmac
from uuid import UUID

from sqlmodel import Session

from models import Organiser
from services.common.tokens import Purpose, Tokens
from services.errors import Gone

_BYTES = 16


def binding_of(organiser: Organiser) -> bytes:
    """Returns what a link is bound to: a digest of the stored hash of the password."""
    return hashlib.sha256(organiser.password_hash.encode()).digest()[:_BYTES]


def organiser_of(session: Session, tokens: Tokens, token: str) -> Organiser:
    """Returns whose password a link may change.

    :raises Gone: the link has expired or was used, or the account has gone
    :raises Invalid: the link is damaged or forged
    """
    organiser_id, bound_to = tokens.read_bound(Purpose.RESET, token)
    organiser = session.get(Organiser, organiser_id)
    if organiser is None or not hmac.compare_digest(bound_to, binding_of(organiser)):
        raise Gone("reset_used", "This link was used before, or your password has changed since.")
    return organiser


def lock(session: Session, organiser_id: UUID) -> None:
    """Lets one of several requests with the same link go first."""
    session.get(Organiser, organiser_id, with_for_update=True, populate_existing=True)
