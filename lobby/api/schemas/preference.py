"""What a supporter wants to get by mail."""

from lobby.api.schemas.fields import Answer, Request, Token


class PreferencesBody(Request):
    """What is to change; what is left out stays."""

    token: Token
    updates: bool | None = None
    questions: bool | None = None
    mail: bool | None = None


class PreferencesAnswer(Answer):
    """What is on. `updates`: news, as `wording` says; `questions`: questions and notices about
    letters and seats; `mail`: any mail at all, without which nothing can be confirmed.

    `address` is masked: the token may have been passed on with a mail.
    """

    organisation: str
    address: str
    updates: bool
    questions: bool
    mail: bool
    wording: str
