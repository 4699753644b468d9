"""The cookies of people who have just confirmed a signature in this browser.

The address `/thanks/{token}` shows no person, because people paste addresses into chats. Name,
draft and sending need a cookie too. Each signature has its own, for all its addresses, so that
forgetting it on a shared device leaves nothing behind. It is sent to pages below `/thanks` only.
"""

import hashlib
from uuid import UUID

from fastapi import Request, Response

from services.assembly import Lobby
from services.common.tokens import LIFETIMES, Purpose

COOKIE = "lobby_signer"
"""The beginning of the cookies' names."""
_PATH = "/thanks"
_LETTERS = 12


def remember(response: Response, lobby: Lobby, signature_id: UUID) -> None:
    """Sets the cookie of a signature."""
    response.set_cookie(
        _name(signature_id),
        lobby.tokens.issue(Purpose.SIGNER, signature_id),
        max_age=int(LIFETIMES[Purpose.SIGNER].total_seconds()),
        path=_PATH,
        secure=lobby.settings.base_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )


def forget(response: Response, signature_id: UUID) -> None:
    """Deletes the cookie, so that the next person at this device sees nothing of the signer."""
    response.delete_cookie(_name(signature_id), path=_PATH, httponly=True, samesite="lax")


def is_signer(request: Request, lobby: Lobby, signature_id: UUID) -> bool:
    """Returns whether this browser confirmed the signature."""
    return any(
        lobby.tokens.read_if_good(Purpose.SIGNER, value) == signature_id
        for name, value in request.cookies.items()
        if name.startswith(COOKIE)
    )


def _name(signature_id: UUID) -> str:
    # Not the id: a name is in no token, and an id tells when its signature was sent.
    digest = hashlib.sha256(signature_id.bytes).hexdigest()
    return f"{COOKIE}_{digest[:_LETTERS]}"
