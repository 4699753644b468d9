"""What the dialect's routes ask for: whoever calls, and what their key may do.

A key needs `action_network` for everything. Whatever tells of people needs `signatures:read` too,
and a key of the organisation's own: a partner's only posts signatures here
(`docs/action-network.md`).
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
    """Who calls, or None without a token. Unauthenticated where it is not good."""
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


def _known_or_none(request: Request, lobby: TheLobby) -> Caller | None:
    try:
        return _anyone(request, lobby)
    except Forbidden:
        return None


Anyone = Annotated[Caller | None, Depends(_anyone)]
KnownOrNone = Annotated[Caller | None, Depends(_known_or_none)]


@dataclass(frozen=True, slots=True)
class RequireToken:
    """A dependency that refuses calls without a token of the dialect, and with another scope.

    `is_own` refuses partners' keys.
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
    """Forbidden to a partner's key."""
    if caller.partner_id is not None:
        message = "A partner's key may not do this: it is for the organisation's own."
        raise Forbidden("partner_key", message)


def may_read_people(caller: Caller) -> bool:
    """Whether a key may be told about people: not where it is for some petitions alone, since
    people belong to all."""
    return caller.may_know_signers and not caller.petition_ids


def _places(lobby: TheLobby) -> Places:
    return Places(lobby)


ThePlaces = Annotated[Places, Depends(_places)]
Member = Annotated[Caller, Depends(RequireToken(is_own=False))]
"""Any key of the dialect."""

Owner = Annotated[Caller, Depends(RequireToken())]
"""A key of the organisation's own."""

SignaturesReader = Annotated[Caller, Depends(RequireToken(Scope.SIGNATURES_READ))]
"""May read signatures, of the petitions that the key is for."""


def _people_reader(caller: SignaturesReader) -> Caller:
    if not may_read_people(caller):
        message = "This key is for some petitions alone, and people belong to all of them."
        raise Forbidden("petition_not_allowed", message)
    return caller


PeopleReader = Annotated[Caller, Depends(_people_reader)]
CampaignsWriter = Annotated[Caller, Depends(RequireToken(Scope.CAMPAIGNS_WRITE))]
LettersReader = Annotated[Caller, Depends(RequireToken(Scope.LETTERS_READ))]
