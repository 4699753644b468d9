"""Bodies of a supporter's choices of emails."""

from pydantic import Field

from api.schemas.fields import Answer, Request, Slug, Token


class PreferencesBody(Request):
    """The fields to change. Others stay as they are.

    `partners` has the slugs of the partners that may still contact you. All others no longer may.
    It cannot add a partner: only the consent given with a signature does.
    """

    token: Token
    updates: bool | None = None
    questions: bool | None = None
    mail: bool | None = None
    partners: list[Slug] | None = Field(default=None, max_length=1000)


class AllowedPartner(Answer):
    """A partner that may contact the supporter."""

    slug: str
    name: str


class PreferencesAnswer(Answer):
    """The emails that the supporter gets.

    `updates` is news, in the sense of `wording`. `questions` is questions and notices about letters
    and seats. `mail` is any email at all: without it, nothing can be confirmed. `partners` may
    contact the supporter. `address` is masked, since an email may be forwarded with its token.
    """

    organisation: str
    address: str
    updates: bool
    questions: bool
    mail: bool
    wording: str
    partners: list[AllowedPartner]
