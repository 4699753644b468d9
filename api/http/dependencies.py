"""Dependencies of routes: the lobby, the time, a session and the caller."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from pydantic import AfterValidator
from sqlmodel import Session

from api.answers.state import state_of
from models import Scope
from services.assembly import Lobby
from services.errors import NotFound, Unauthenticated
from services.keys import api_keys
from services.keys.api_keys import Caller
from services.operations import figures

_SLUG = re.compile(r"[a-z0-9-]{1,80}")
_PREFIX = re.compile(r"[0-9a-f]{12}")


def _lobby(request: Request) -> Lobby:
    return state_of(request).lobby


def _now(lobby: "TheLobby") -> datetime:
    return lobby.clock()


def _reading(lobby: "TheLobby") -> Iterator[Session]:
    with lobby.database.read() as session:
        yield session


def _writing(lobby: "TheLobby") -> Iterator[Session]:
    with lobby.database.write() as session:
        yield session


def _well_formed(slug: str) -> str:
    """Raises NotFound for a malformed slug, as for an unknown one, and not Invalid.

    Nothing else reaches the database: PostgreSQL refuses a text with a NUL.
    """
    if not _SLUG.fullmatch(slug):
        raise NotFound("not_found", "There is no such thing here.")
    return slug


def _prefix(prefix: str) -> str:
    """Refuses all but the 12 digits: the secret part of a key must not be in a URL."""
    if not _PREFIX.fullmatch(prefix):
        raise NotFound("key_unknown", "There is no such key. Give its first 12 digits alone.")
    return prefix


Slug = Annotated[str, AfterValidator(_well_formed)]
KeyPrefix = Annotated[str, AfterValidator(_prefix)]
TheLobby = Annotated[Lobby, Depends(_lobby)]
Now = Annotated[datetime, Depends(_now)]
# scope="function": the transaction ends before the response is sent, so that a failed commit is an
# error and not a 200.
ReadSession = Annotated[Session, Depends(_reading, scope="function")]
WriteSession = Annotated[Session, Depends(_writing, scope="function")]


def caller_of(request: Request, lobby: TheLobby) -> Caller | None:
    """Returns the caller, or None without a key. Raises Unauthenticated for an invalid key.

    Each request looks the key up, so that a revoked key is refused at once by all processes.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("key_invalid", "Send the key as 'Authorization: Bearer ...'.")
    now = lobby.clock()
    with lobby.database.read() as session:
        caller = api_keys.caller_of(session, key.strip(), now=now)
    state_of(request).key_uses.note(caller.key_id, now)
    return caller


Anyone = Annotated[Caller | None, Depends(caller_of)]


def require_metrics_token(request: Request, lobby: TheLobby) -> None:
    """Raises NotFound if there are no metrics here, Unauthenticated for a wrong token."""
    settings = lobby.settings
    if settings.metrics_port is not None:
        raise NotFound("metrics_off", "Metrics have a port of their own here: LOBBY_METRICS_PORT.")
    if settings.metrics_token is None:
        message = "Metrics are turned off. The setting LOBBY_METRICS_TOKEN turns them on."
        raise NotFound("metrics_off", message)
    # Starlette decodes headers as Latin-1, so that this gives the bytes that were sent.
    given = request.headers.get("Authorization", "").encode("latin-1")
    if not figures.is_allowed(settings, given):
        message = "Send the token of the metrics as 'Authorization: Bearer ...'."
        raise Unauthenticated("metrics_token_needed", message)


@dataclass(frozen=True, slots=True)
class RequireScope:
    """A dependency that refuses calls without a key that has the scope, or any key for None.

    The OpenAPI document shows the scope. A test compares the routes without this dependency with
    those that are meant to be public.
    """

    scope: Scope | None

    def __call__(self, caller: Anyone) -> Caller:
        """Returns the caller. Raises Unauthenticated without a key, Forbidden without the scope."""
        if caller is None:
            raise Unauthenticated("key_missing", "This call needs a key.")
        if self.scope is not None:
            caller.require(self.scope)
        return caller


AnyKey = Annotated[Caller, Depends(RequireScope(None))]
CampaignsWriter = Annotated[Caller, Depends(RequireScope(Scope.CAMPAIGNS_WRITE))]
SignaturesWriter = Annotated[Caller, Depends(RequireScope(Scope.SIGNATURES_WRITE))]
SignaturesReader = Annotated[Caller, Depends(RequireScope(Scope.SIGNATURES_READ))]
LettersReader = Annotated[Caller, Depends(RequireScope(Scope.LETTERS_READ))]
TalliesReader = Annotated[Caller, Depends(RequireScope(Scope.TALLIES_READ))]
WebhooksWriter = Annotated[Caller, Depends(RequireScope(Scope.WEBHOOKS_WRITE))]
