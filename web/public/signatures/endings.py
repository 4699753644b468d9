"""The links that end a signature: 'remove my signature' and 'that was not me'."""

from enum import StrEnum

from fastapi import Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from services.common.tokens import Purpose
from services.signatures import signature_states
from services.submissions import ending
from web.base.rendering import page
from web.public.signatures import linked
from web.public.signatures.linked import SignatureView

router = Router()


@router.get("/withdraw/{token}")
def ask_to_withdraw(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Says what removing a signature means, with a button."""
    row_id = lobby.tokens.read(Purpose.WITHDRAW, token)
    view = linked.find(session, lobby, row_id, now=now)
    return _ended_page("signatures/withdraw.html", session, view, view.state if view else None)


@router.post("/withdraw/{token}")
def withdraw(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Withdraws a signature, and everything that waits from the same address."""
    row_id = lobby.tokens.read(Purpose.WITHDRAW, token)
    view = linked.find(session, lobby, row_id, now=now)
    with lobby.database.write() as writing:
        state = signature_states.withdraw(writing, row_id, now=now)
    return _ended_page("signatures/withdraw.html", session, view, state)


@router.get("/disown/{token}")
def ask_to_disown(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Says what disowning a signature means, with a button."""
    row_id = lobby.tokens.read(Purpose.DISOWN, token)
    view = linked.find(session, lobby, row_id, now=now)
    return _ended_page("signatures/disown.html", session, view, view.state if view else None)


@router.post("/disown/{token}")
def disown(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Ends a signature that the owner of its email address did not give.

    It is also the one-click unsubscribe (RFC 8058) of emails to people whom we do not know.
    """
    row_id = lobby.tokens.read(Purpose.DISOWN, token)
    view = linked.find(session, lobby, row_id, now=now)
    with lobby.database.write() as writing:
        disowned = signature_states.disown(writing, row_id, now=now)
    lift = None
    if disowned.refused is not None:
        lift = lobby.tokens.issue(Purpose.LIFT_REFUSAL, ending.address_id(disowned.refused))
    return _ended_page(
        "signatures/disown.html", session, view, disowned.state, token=token, lift=lift
    )


def _ended_page(
    template: str,
    session: Session,
    view: SignatureView | None,
    state: StrEnum | None,
    *,
    token: str = "",
    lift: str | None = None,
) -> Response:
    return page(
        template,
        session,
        is_private=True,
        face=view.face if view else None,
        signature_view=view,
        state=state.value if state else "gone",
        token=token,
        lift=lift,
    )
