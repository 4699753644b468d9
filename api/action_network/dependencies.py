"""Dependencies of the dialect's routes: the caller, and what their key may do.

Every call needs a key with `action_network`. Calls that show data about people also need
`signatures:read`, and a key of the organisation: a partner's key can only post signatures
(`docs/guide/action-network.md`).
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.action_network.places import TOKEN, Places
from api.answers.state import state_of
from api.http.dependencies import TheLobby
from models import Scope
from services.assembly import Lobby
from services.errors import Forbidden, Unauthenticated
from services.keys import api_keys
from services.keys.api_keys import Caller


def caller_of(request: Request, lobby: Lobby) -> Caller | None:
    """Returns the caller, or None without a token. Raises Unauthenticated for an invalid token."""
    token = request.headers.get(TOKEN)
    if token is None:
        return None
    now = lobby.clock()
    with lobby.database.read() as session:
        caller = api_keys.caller_of(session, token.strip(), now=now)
    state_of(request).key_uses.note(caller.key_id, now)
    return caller


def _anyone(request: Request, lobby: TheLobby) -> Caller | None:
    caller = caller_of(request, lobby)
    if caller is not None:
        caller.require(Scope.ACTION_NETWORK)
    return caller


def _permitted_or_none(request: Request, lobby: TheLobby) -> Caller | None:
    try:
        return _anyone(request, lobby)
    except Forbidden:
        return None


Anyone = Annotated[Caller | None, Depends(_anyone)]
PermittedOrNone = Annotated[Caller | None, Depends(_permitted_or_none)]


@dataclass(frozen=True, slots=True)
class RequireToken:
    """A dependency that refuses calls without a token, or without `scope` beside `action_network`.

    `is_own` refuses partners' keys. A test compares the routes without this dependency with those
    that are meant to be public.
    """

    scope: Scope | None = None
    is_own: bool = True

    def __call__(self, caller: Anyone) -> Caller:
        """Returns the caller. Raises Unauthenticated without a token, Forbidden otherwise."""
        if caller is None:
            message = f"API Key invalid or not present: send it in the header {TOKEN}."
            raise Unauthenticated("key_missing", message)
        if self.is_own:  # before the scope, which a partner's key can never have
            require_own(caller)
        if self.scope is not None:
            caller.require(self.scope)
        return caller


def require_own(caller: Caller) -> None:
    """Raises Forbidden for a partner's key."""
    if caller.partner_id is not None:
        message = "A partner's key may not do this: it is for the organisation's own."
        raise Forbidden("partner_key", message)


def may_read_people(caller: Caller) -> bool:
    """Returns whether a key may read people, who belong to all petitions of the organisation."""
    return caller.may_know_signers and not caller.petition_ids


def _places(lobby: TheLobby) -> Places:
    return Places(lobby)


ThePlaces = Annotated[Places, Depends(_places)]
Member = Annotated[Caller, Depends(RequireToken(is_own=False))]
"""Any key of the dialect."""

Owner = Annotated[Caller, Depends(RequireToken())]
"""Any key of the organisation, and not of a partner."""

SignaturesReader = Annotated[Caller, Depends(RequireToken(Scope.SIGNATURES_READ))]
"""A key that may read the signatures of the petitions that it covers."""


def _people_reader(caller: SignaturesReader) -> Caller:
    if not may_read_people(caller):
        message = "This key is for some petitions alone, and people belong to all of them."
        raise Forbidden("petition_not_allowed", message)
    return caller


PeopleReader = Annotated[Caller, Depends(_people_reader)]
CampaignsWriter = Annotated[Caller, Depends(RequireToken(Scope.CAMPAIGNS_WRITE))]
LettersReader = Annotated[Caller, Depends(RequireToken(Scope.LETTERS_READ))]
