"""The cookie of somebody who has just confirmed a signature in this browser.

The address `/thanks/{token}` shows no person, because people paste addresses into chats. Name,
draft and sending need this cookie too. It is sent to the addresses below its own page only.
"""

from contextlib import suppress
from uuid import UUID

from fastapi import Request, Response

from services.assembly import Lobby
from services.common.tokens import LIFETIMES, Purpose
from services.errors import LobbyError

COOKIE = "lobby_signer"


def remember(response: Response, lobby: Lobby, signature_id: UUID, thanks_token: str) -> None:
    """Sets the cookie for the pages below `/thanks/{thanks_token}`."""
    response.set_cookie(
        COOKIE,
        lobby.tokens.issue(Purpose.SIGNER, signature_id),
        max_age=int(LIFETIMES[Purpose.SIGNER].total_seconds()),
        path=f"/thanks/{thanks_token}",
        secure=lobby.settings.base_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )


def forget(response: Response, thanks_token: str) -> None:
    """Deletes the cookie, so that the next person at this device sees nothing of the signer."""
    response.delete_cookie(COOKIE, path=f"/thanks/{thanks_token}", httponly=True, samesite="lax")


def is_signer(request: Request, lobby: Lobby, signature_id: UUID) -> bool:
    """Returns whether this browser confirmed the signature."""
    with suppress(LobbyError):
        cookie = request.cookies.get(COOKIE, "")
        return lobby.tokens.read(Purpose.SIGNER, cookie) == signature_id
    return False
