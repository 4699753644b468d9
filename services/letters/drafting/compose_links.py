"""Makes links that open a letter in its writer's own mail program, and the text to copy.

`mailto` follows RFC 6068: spaces are %20 and line ends are %0D%0A. The other links are those of the
providers' own pages, which use the same encoding.
"""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlencode

from services.common import texts
from services.mail.text_templates import MailText

# Windows passes a URL of up to 2,083 characters (INTERNET_MAX_URL_LENGTH) to another program,
# Chromium up to 2,048; the rest is a margin for what mail programs add.
LONGEST_MAILTO = 2_000
# Web servers commonly refuse a request line of 8 KB and more: RFC 9110, 4.1 asks for 8,000.
LONGEST_PAGE = 8_000
_PAGES = {
    "gmail": "https://mail.google.com/mail/",
    "outlook": "https://outlook.office.com/mail/deeplink/compose",
}
_LONGEST_SUBJECT = 998
PASTE = "[Delete this line and paste your letter here: copy it from the page you came from.]"


class Via(StrEnum):
    """What a letter was opened with."""

    MAILTO = "mailto"
    GMAIL = "gmail"
    OUTLOOK = "outlook"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class ComposeLinks:
    """The links, and the whole text to copy.

    In the links that `shortened` names, the body is only a line that asks to paste the text: with
    the whole body they would be too long to work.
    """

    mailto: str
    gmail: str
    outlook: str
    recipient: str
    text: str
    shortened: tuple[Via, ...]


def compose_links(recipient: str, text: MailText) -> ComposeLinks:
    """Makes the links. Invalid if the subject could become another header."""
    subject = texts.line(text.subject, "subject", longest=_LONGEST_SUBJECT)
    links = {via: _link(via, recipient, subject, text.body) for via in _LONGEST}
    shortened = tuple(via for via, link in links.items() if len(link) > _LONGEST[via])
    for via in shortened:
        links[via] = _link(via, recipient, subject, PASTE)
    return ComposeLinks(
        mailto=links[Via.MAILTO],
        gmail=links[Via.GMAIL],
        outlook=links[Via.OUTLOOK],
        recipient=recipient,
        text=text.body,
        shortened=shortened,
    )


_LONGEST = {Via.MAILTO: LONGEST_MAILTO, Via.GMAIL: LONGEST_PAGE, Via.OUTLOOK: LONGEST_PAGE}


def _link(via: Via, recipient: str, subject: str, body: str) -> str:
    body = "\r\n".join(body.splitlines())
    if via is Via.MAILTO:
        # Only '@' is safe: '&', '?' and '%' in an address would begin a field.
        return f"mailto:{quote(recipient, safe='@')}?{_query(subject=subject, body=body)}"
    if via is Via.GMAIL:
        query = _query(view="cm", fs="1", to=recipient, su=subject, body=body)
    else:
        query = _query(to=recipient, subject=subject, body=body)
    return f"{_PAGES[via]}?{query}"


def _query(**fields: str) -> str:
    # Mail programs would show '+', the web's encoding of a space, as a plus.
    return urlencode(fields, quote_via=quote, safe="")
