"""What a supporter wants to get by mail."""

from pydantic import Field

from api.schemas.fields import Answer, Request, Slug, Token


class PreferencesBody(Request):
    """What is to change; what is left out stays.

    `partners` are the slugs of those that may go on to contact you: who is not among them may not
    any more. It lets nobody in who was not: that is said with a signature.
    """

    token: Token
    updates: bool | None = None
    questions: bool | None = None
    mail: bool | None = None
    partners: list[Slug] | None = Field(default=None, max_length=1000)


class AllowedPartner(Answer):
    """A partner that may contact the holder of this address."""

    slug: str
    name: str


class PreferencesAnswer(Answer):
    """What is on. `updates`: news, as `wording` says; `questions`: questions and notices about
    letters and seats; `mail`: any mail at all, without which nothing can be confirmed; `partners`
    may contact you.

    `address` is masked: the token may have been passed on with a mail.
    """

    organisation: str
    address: str
    updates: bool
    questions: bool
    mail: bool
    wording: str
    partners: list[AllowedPartner]
