"""Which emails a supporter gets, for the holder of a link from one of them."""

from api.http.dependencies import Now, ReadSession, TheLobby, WriteSession
from api.http.late_routes import Router
from api.schemas.preference import PreferencesAnswer, PreferencesBody
from api.schemas.signature import TokenBody
from services.common.tokens import Purpose
from services.consents import preferences

router = Router(tags=["preferences"])


@router.post("/preferences/read")
def read(body: TokenBody, lobby: TheLobby, session: ReadSession) -> PreferencesAnswer:
    """Read which emails a supporter gets. It is a POST so that logs do not contain the token.

    The token is the one in the link `/unsubscribe/...`, at the end of every email to a supporter.
    The call changes nothing.
    """
    supporter_id = lobby.tokens.read(Purpose.UNSUBSCRIBE, body.token)
    return PreferencesAnswer.model_validate(preferences.read(session, supporter_id))


@router.post("/preferences")
def change(
    body: PreferencesBody, lobby: TheLobby, session: WriteSession, now: Now
) -> PreferencesAnswer:
    """Turn the given kinds of emails on or off, at once.

    A supporter who turns `updates` on agrees to the text in `wording`.
    """
    supporter_id = lobby.tokens.read(Purpose.UNSUBSCRIBE, body.token)
    values = body.model_dump(exclude={"token"})
    return PreferencesAnswer.model_validate(
        preferences.change(session, supporter_id, **values, now=now)
    )
