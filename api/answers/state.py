"""What one application keeps between requests. Routes, pages and middleware reach it by `state_of`.

It is in this package because it holds the cached responses; `api.http` stands above and uses it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from fastapi import FastAPI

from api.answers import batches
from api.answers.batches import CountedConfirmation
from api.answers.parliament_answers import ParliamentAnswers
from api.answers.public_answers import PublicAnswers
from api.answers.sign_ins import SignIns
from services.assembly import Lobby
from services.keys.key_uses import KeyUses
from services.operations.figures import Figures
from services.signatures.recording import Outcome, SignatureRequest
from services.traffic.group_commit import GroupCommit
from services.traffic.idempotency import RequestsInFlight
from services.traffic.turns import Turns

# A confirmation takes ten times as long as a post: on SQLite, posts wait for a batch of them.
LARGEST_CONFIRMATION_BATCH = 100
# A file of 40 megapixels takes some hundred megabytes while it is decoded, so only one is.
WAITING_UPLOADS = 8


@dataclass(frozen=True, slots=True)
class AppState:
    """The parts of one application. A test exchanges one with `dataclasses.replace`."""

    lobby: Lobby
    owns_lobby: bool
    """Whether the application opened the lobby, and so must close it."""

    intake: GroupCommit[SignatureRequest, Outcome]
    confirmations: GroupCommit[UUID, CountedConfirmation]
    in_flight: RequestsInFlight
    key_uses: KeyUses
    public_answers: PublicAnswers
    parliament_answers: ParliamentAnswers
    sign_ins: SignIns
    uploads: Turns
    figures: Figures

    @classmethod
    def of(cls, lobby: Lobby, *, owns_lobby: bool) -> Self:
        """Makes the parts. Their threads run from `start` on."""
        return cls(
            lobby=lobby,
            owns_lobby=owns_lobby,
            intake=GroupCommit(batches.signature_recorder(lobby)),
            confirmations=GroupCommit(
                batches.confirmation_recorder(lobby), largest_batch=LARGEST_CONFIRMATION_BATCH
            ),
            in_flight=RequestsInFlight(),
            key_uses=KeyUses(lobby.database),
            public_answers=PublicAnswers(lobby),
            parliament_answers=ParliamentAnswers(lobby),
            sign_ins=SignIns(lobby),
            uploads=Turns("uploads", at_once=1, longest_queue=WAITING_UPLOADS),
            figures=Figures(lobby),
        )

    def start(self) -> None:
        """Starts the threads that write for many requests."""
        self.intake.start()
        self.confirmations.start()
        self.key_uses.start()

    def stop(self) -> None:
        """Writes what is still waiting, and ends the threads."""
        self.intake.stop()
        self.confirmations.stop()
        self.key_uses.stop()
        self.sign_ins.stop()
        self.uploads.stop()

    def close(self) -> None:
        """Closes the lobby if the application opened it."""
        if self.owns_lobby:
            self.lobby.close()


def state_of(scope: Mapping[str, Any]) -> AppState:
    """Returns the state of the application that handles a request.

    `scope` is the request (a mapping of its ASGI scope), the scope, or `{"app": app}`.
    """
    app: FastAPI = scope["app"]
    state: AppState = app.state.parts
    return state


def set_state(app: FastAPI, state: AppState) -> None:
    """Gives an application its state, or another one."""
    app.state.parts = state
