"""What a supporter wants to get by mail, for the holder of a link from one."""

from fastapi import APIRouter

from api.http.dependencies import Now, ReadSession, TheLobby, WriteSession
from api.schemas.preference import PreferencesAnswer, PreferencesBody
from api.schemas.signature import TokenBody
from services.common.tokens import Purpose
from services.supporters import preferences

router = APIRouter(tags=["preferences"])


@router.post("/preferences/read")
def read(body: TokenBody, lobby: TheLobby, session: ReadSession) -> PreferencesAnswer:
    """What is on and off. A POST, so that the token stands in no log. Changes nothing.

    The token is that of `/unsubscribe/...`, at the end of every mail to a supporter.
    """
    supporter_id = lobby.tokens.read(Purpose.UNSUBSCRIBE, body.token)
    return PreferencesAnswer.model_validate(preferences.read(session, supporter_id))


@router.post("/preferences")
def change(
    body: PreferencesBody, lobby: TheLobby, session: WriteSession, now: Now
) -> PreferencesAnswer:
    """Turn on and off what is given, at once. Whoever turns `updates` on agrees to `wording`."""
    supporter_id = lobby.tokens.read(Purpose.UNSUBSCRIBE, body.token)
    given = body.model_dump(exclude={"token"})
    return PreferencesAnswer.model_validate(
        preferences.change(session, supporter_id, **given, now=now)
    )
